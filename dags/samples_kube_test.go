//go:build kubernetes

package dags_test

import (
	"context"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/cmd/weatherapi/weather"
	"github.com/updraft-dev/updraft/internal/kubestack"
	"github.com/updraft-dev/updraft/internal/kubetest"
)

// kubePatience is how long all samples may take as pods: each task takes the cluster
// seconds, and a few hundred of them share a small node.
const kubePatience = 6 * time.Minute

// TestSamplesOnKubernetes runs the samples as pods: states, values, order and logs are those
// of one machine.
func TestSamplesOnKubernetes(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), kubePatience)
	t.Cleanup(stop)
	// Some samples keep files from one task to the next, as on one machine.
	shared := newHome(t)
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	s := kubestack.Open(t, kubestack.Options{Shared: shared})
	t.Cleanup(kubestack.Clean)
	handler, err := weather.Handler()
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(handler)
	t.Cleanup(api.Close)
	gate := kubetest.Reachable(t, strings.TrimPrefix(api.URL, "http://"))
	connect(ctx, t, s.Settings, "http://"+gate, "/tmp/sample.db")
	s.PutFolder(t, ".")
	runAll(ctx, t, &s.Runs)
}
