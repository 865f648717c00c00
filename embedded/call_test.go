package embedded_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/task"
)

// callbackDAG writes its lines into out: one for each callback.
func callbackDAG(id, command, out string) string {
	return `
` + id + `:
  schedule: null
  start_date: "2026-01-01"
  on_success_callback: {command: [sh, -c, 'echo "$UPDRAFT_EVENT $UPDRAFT_REASON" >> ` + out + `']}
  on_failure_callback:
    - tell.failure
    - {command: [sh, -c, 'cat > ` + out + `.json']}
  deadline: {reference: queued_at, interval: -60, callback: {command: [sh, -c, 'echo "$UPDRAFT_EVENT" >> ` + out + `']}}
  tasks:
    only:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: "` + command + `"
`
}

// TestCallbacksOfDAG: the callbacks were called when RunOnce returns, and nothing is owed.
func TestCallbacksOfDAG(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	home := newHome(t, map[string]string{
		"d.yaml": callbackDAG("good", "true", good) + callbackDAG("bad", "exit 3", bad),
		"tell.py": `
def failure(context):
    with open("` + bad + `", "a") as f:
        f.write("%s %s %s %s\n" % (context["reason"], context["ti"].task_id, context["dag_run"].state, type(context["exception"]).__name__))
`,
	})
	i := open(t, home, nil)
	runs, err := i.RunOnce(t.Context(), embedded.RunOptions{Targets: []string{filepath.Join(home, "dags", "d.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		good: {"deadline", "success success"}, bad: {"deadline", "task_failure only failed AirflowException"}, bad + ".json": {`"failed":["only"]`, `"reason":"task_failure"`},
	} {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if strings.Count(string(body), w) != 1 {
				t.Errorf("%s has not just one %q:\n%s", filepath.Base(file), w, body)
			}
		}
	}
	for _, r := range runs {
		data, err := i.Store.Run(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if data.Run.Owes() {
			t.Errorf("run %s still owes %+v %+v", r.ID, data.Run.Owed, data.Run.Deadlines)
		}
	}
	var log bytes.Buffer
	key := run.Attempt{Key: run.Key{ID: runs[1].ID, Task: "on_failure_callback", Map: run.Unmapped}, Try: 1}
	if _, err := i.Logs.Read(t.Context(), key, 0, &log); err != nil || !strings.Contains(log.String(), "Calling on_failure_callback of DAG bad: task only is failed") {
		t.Errorf("the log is %q, %v", log.String(), err)
	}
}

// TestCallbacksAfterCrash: what a process that died has not called is called by the next.
func TestCallbacksAfterCrash(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	home := newHome(t, map[string]string{"d.yaml": callbackDAG("d", "true", out)})
	i := open(t, home, nil)
	if _, _, err := i.LoadFile(t.Context(), filepath.Join(home, "dags", "d.yaml")); err != nil {
		t.Fatal(err)
	}
	r, err := i.Trigger(t.Context(), task.Trigger{DAG: "d", Run: "r1"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	was := run.RunChange{State: r.State, Clears: r.Clears, Want: r}
	was.Want.State, was.Want.End, was.Want.Deadlines = run.RunSuccess, time.Now(), nil
	was.Want.Owed = []run.Call{{Kind: run.CallSuccess, Reason: run.ReasonSuccess, At: was.Want.End}}
	if res, err := i.Store.Apply(t.Context(), run.Batch{Run: r.ID, Update: &was}); err != nil || !res.OK() {
		t.Fatal(res, err)
	}
	for range 2 { // the second time nothing is left to be done
		if err := i.Work(t.Context(), embedded.WorkOptions{}, func(context.Context, *tick.Engine) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if body, err := os.ReadFile(out); err != nil || string(body) != "success success\n" {
		t.Errorf("the callback wrote %q, %v", body, err)
	}
}
