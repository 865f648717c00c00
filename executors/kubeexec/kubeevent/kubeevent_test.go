package kubeevent_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
)

func TestWorkerName(t *testing.T) {
	t.Parallel()
	p := kubeevent.Pod{Namespace: "updraft", Name: "etl-load-0f3c", UID: "5b1e"}
	if got, want := p.WorkerName(), "kubernetes/updraft/etl-load-0f3c/5b1e"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, ok := kubeevent.ParseWorkerName(p.WorkerName()); !ok || got != p {
		t.Errorf("read back %+v, %t", got, ok)
	}
	for _, name := range []string{"", "fargate/c/1", "kubernetes/", "kubernetes/a/b", "kubernetes/a/b/c/d", "kubernetes//b/c", "kubernetes/a/b/"} {
		if got, ok := kubeevent.ParseWorkerName(name); ok {
			t.Errorf("%q is the name of %+v", name, got)
		}
	}
}

func TestPodOf(t *testing.T) {
	t.Parallel()
	env := map[string]string{kubeevent.NamespaceVariable: "n", kubeevent.NameVariable: "p", kubeevent.UIDVariable: "u"}
	getenv := func(name string) string { return env[name] }
	if got, err := kubeevent.PodOf(getenv); err != nil || got != (kubeevent.Pod{Namespace: "n", Name: "p", UID: "u"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	delete(env, kubeevent.UIDVariable)
	if _, err := kubeevent.PodOf(getenv); !errors.Is(err, kubeevent.ErrNoPod) || !strings.Contains(err.Error(), kubeevent.UIDVariable) {
		t.Errorf("without a UID: %v", err)
	}
}
