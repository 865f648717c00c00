//go:build kubernetes

package kubestack_test

import (
	"context"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/internal/kubestack"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// bash is a DAG of one Bash task, with more about it as lines of YAML.
func bash(id, command string, more ...string) string {
	text := id + `:
  schedule: null
  tasks:
    work:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: |
        ` + strings.ReplaceAll(command, "\n", "\n        ") + "\n"
	for _, m := range more {
		text += "      " + m + "\n"
	}
	return text
}

// finish runs a DAG of one task to its end.
func finish(t *testing.T, s *kubestack.Stack, id string) (run.ID, run.Instance) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), kubetest.Patience)
	defer stop()
	s.Read(ctx, t, id)
	r := s.Begin(t, task.Trigger{DAG: id})
	data, err := s.End(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return r, data.Instances[0]
}

// TestOneTask: a pod does the work, says so in its log, and reports.
func TestOneTask(t *testing.T) {
	t.Parallel()
	s := kubestack.Open(t, kubestack.Options{})
	s.Put(t, "hello.yaml", bash("hello", "echo hello as $(id -u)"))
	id, in := finish(t, s, "hello")
	if in.State != run.Success {
		t.Errorf("it is %s: %s", in.State, in.Reason)
	}
	if log := s.Log(t, in.Attempt(id)); !strings.Contains(log, "hello as 65534") {
		t.Errorf("log:\n%s", log)
	}
}
