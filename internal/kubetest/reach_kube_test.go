//go:build kubernetes

package kubetest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/updraft-dev/updraft/internal/kubetest"
)

// TestReachable: a pod with a network of its own asks a server of the test.
func TestReachable(t *testing.T) {
	t.Parallel()
	namespace := kubetest.Namespace(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "asked for ", r.URL.Path)
	}))
	t.Cleanup(server.Close)
	gate := kubetest.NewGate(t, strings.TrimPrefix(server.URL, "http://"))
	create(t, namespace, pod("asks", "get", "http://"+gate.Address+"/this"))
	kubetest.Phase(t, namespace, "asks", corev1.PodSucceeded)
	if got, want := output(t, namespace, "asks"), "200 OK asked for /this\n"; got != want {
		t.Errorf("the pod was told %q, want %q", got, want)
	}
	for _, open := range []bool{false, true} {
		if gate.Shut(); open {
			gate.Open()
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + gate.Address)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != open {
			t.Errorf("open is %t, and an answer comes with %v", open, err)
		}
	}
}
