//go:build kubernetes && outage

package kubestack_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/updraft-dev/updraft/internal/kubetest"
)

// TestAPIServerKilled: the API server dies while tasks run and others are to come, and is
// there again: all of them are executed, once.
func TestAPIServerKilled(t *testing.T) {
	const tasks = 10
	ctx, stop := context.WithTimeout(t.Context(), 2*kubetest.Patience)
	defer stop()
	tmp := shared(t)
	s := crowded(ctx, t, tmp)
	pods := kubetest.Watch(t, s.Namespace)
	s.Put(t, "crowd.yaml", crowd("crowd", tasks, "while [ ! -e /tmp/go ]; do sleep 1; done"))
	s.Put(t, "later.yaml", crowd("later", tasks, "true"))
	s.Read(ctx, t, "later")
	id := begin(ctx, t, s, "crowd")
	untilRunning(ctx, t, s, id, tasks)
	kubetest.Component(t, "kill", "kube-apiserver")
	if err := os.WriteFile(filepath.Join(tmp, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	later := begin(ctx, t, s, "later")
	kubetest.Component(t, "start", "kube-apiserver")
	first, err := s.End(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.End(ctx, later)
	if err != nil {
		t.Fatal(err)
	}
	first.Instances = append(first.Instances, second.Instances...)
	wantOnce(t, &first, pods.Pods())
}
