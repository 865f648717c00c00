//go:build kubernetes

package kube_test

import (
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/kube"
	"github.com/updraft-dev/updraft/run"
)

const chainDAG = `chain:
  schedule: null
  tasks:
    first:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: echo hello from $HOSTNAME as $(id -u); touch /tmp/writable
    second:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: echo after {{ ti.xcom_pull(task_ids="first") }}
      dependencies: [first]
`

func TestChain(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	p.write("dags/chain.yaml", chainDAG)
	p.schedule()
	p.control(kube.Options{})
	id := p.trigger("chain")
	tasks := p.until(id, "ended", ended)
	for name, in := range tasks {
		if in.State != run.Success || in.Executor != "kubernetes" || !strings.HasPrefix(in.Worker, "kubernetes/"+p.namespace+"/") {
			t.Errorf("%s is %s (%s), by %s at %s", name, in.State, in.Reason, in.Worker, in.Executor)
		}
		t.Log(name, in.End.Sub(in.QueuedAt), in.Start.Sub(in.QueuedAt))
	}
	first := tasks["first"]
	if text := p.log(first.Attempt(id)); !strings.Contains(text, "hello from") {
		t.Errorf("log:\n%s", text)
	}
}
