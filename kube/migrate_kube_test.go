//go:build kubernetes

package kube_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/kube"
	"github.com/updraft-dev/updraft/run"
)

// movedDAG is a chain whose second task waits until somebody lets it end.
func movedDAG(home string) string {
	const bash = "airflow.providers.standard.operators.bash.BashOperator"
	commands := []string{"true", fmt.Sprintf("touch %s/$AIRFLOW_CTX_DAG_RUN_ID; while [ ! -e %s/go-$AIRFLOW_CTX_DAG_RUN_ID ]; do sleep 0.1; done", home, home), "true", "true"}
	var b strings.Builder
	fmt.Fprint(&b, "moved:\n  schedule: null\n  tasks:\n")
	for n, command := range commands {
		fmt.Fprintf(&b, "    t%d: {operator: %s, bash_command: %q, dependencies: [%s]}\n", n, bash, command, []string{"", "t0", "t1", "t2"}[n])
	}
	return b.String()
}

// TestPlacementsMoveRunsToPodsAndBack: a run that has begun at the worker goes on in pods, and
// the next one the other way; what runs ends where it is, and each attempt is one.
func TestPlacementsMoveRunsToPodsAndBack(t *testing.T) {
	t.Parallel()
	p := newPlant(t, map[string]string{"parallelism": "4"})
	p.write("dags/moved.yaml", movedDAG(p.home))
	p.schedule()
	p.control(kube.Options{})
	ready := make(chan struct{})
	worker := p.open()
	p.background("worker", ready, func(ctx context.Context) error {
		return worker.Worker(ctx, embedded.WorkerOptions{OnReady: func() { close(ready) }})
	})
	back := run.Placement{Executor: "local", Share: run.Whole, By: "ada", Reason: "the cluster is new"}
	if _, err := p.i.Place(t.Context(), "moved", back); err != nil {
		t.Fatal(err)
	}
	p.moves("workers first", queueexec.Name, "kubernetes", func() error {
		_, err := p.i.Unplace(t.Context(), "moved", nil, "ada", "it works")
		return err
	})
	p.moves("pods first", "kubernetes", queueexec.Name, func() error {
		_, err := p.i.Place(t.Context(), "moved", back)
		return err
	})
	c, err := p.i.Compare(t.Context(), "moved", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range c.Places {
		if at.Count != 1 || at.Failed != 0 || at.Placed != (at.Executor == queueexec.Name) {
			t.Errorf("compared: %+v", at)
		}
	}
	if len(c.Places) != 8 {
		t.Errorf("%d tasks and places are compared, want 8", len(c.Places))
	}
}

// moves runs the DAG, makes the change while its second task runs, and wants those up to it at
// one place and the others at the next.
func (p *plant) moves(what, from, to string, change func() error) {
	p.t.Helper()
	id := p.trigger("moved")
	p.until(id, "begun its second task", func(run.Run, map[string]run.Instance) bool {
		_, err := os.Stat(filepath.Join(p.home, id.Run))
		return err == nil
	})
	if err := change(); err != nil {
		p.t.Fatal(err)
	}
	p.write("go-"+id.Run, "")
	for name, in := range p.until(id, "ended", ended) {
		want := from
		if name > "t1" {
			want = to
		}
		if in.State != run.Success || in.Try != 1 || in.Executor != want {
			p.t.Errorf("%s: %s is %s at try %d, by %s at %s (%s); want it at %s", what, name, in.State, in.Try, in.Worker, in.Executor, in.Reason, want)
		}
	}
}
