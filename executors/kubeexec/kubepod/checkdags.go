package kubepod

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/run"
)

// AnswerCheck reads a kubeevent.CheckRequest and writes its answer. With all, every task has
// a pod, whatever it says.
func (b *Builder) AnswerCheck(in io.Reader, out io.Writer, all bool) error {
	var q kubeevent.CheckRequest
	if err := json.NewDecoder(io.LimitReader(in, maxRequest)).Decode(&q); err != nil {
		return fmt.Errorf("read which pods to check: %w", err)
	}
	faults := []kubeevent.PodFault{}
	for _, body := range q.DAGs {
		d, err := dag.Decode(body)
		if err != nil {
			return fmt.Errorf("read which pods to check: %w", err)
		}
		g, err := dag.NewGraph(d)
		if err != nil {
			return fmt.Errorf("read which pods to check: %w", err)
		}
		said := map[string]bool{} // what is the DAG's fault is not said for each task
		for _, t := range g.Tasks {
			if !all && !wantsPod(d, t) {
				continue
			}
			w := &executors.Work{
				Graph: g, Run: run.Run{ID: run.ID{DAG: d.ID, Run: "preview"}}, Instance: run.Instance{Task: t.ID, Map: run.Unmapped, Try: 1},
			}
			if _, err := b.Build(w); err != nil && !said[err.Error()] {
				said[err.Error()] = true
				faults = append(faults, kubeevent.PodFault{DAG: d.ID, Task: t.ID, Error: err.Error()})
			}
		}
	}
	return json.NewEncoder(out).Encode(faults)
}

// wantsPod says whether a task asks for a pod by itself.
func wantsPod(d *dag.DAG, t *dag.Task) bool {
	if executors.Canonical(t.Executor) == executors.Kubernetes {
		return true
	}
	for _, key := range []string{keyTemplate, keyOverride, keyPatch} {
		if executors.Config(d, t, key) != nil {
			return true
		}
	}
	return false
}
