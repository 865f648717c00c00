// Package operatortest runs operators in tests: it builds an attempt with everything
// around it in memory, except for processes, which are real. What the runtime does
// before and after (templates, XComs in arguments, reports) is package task's.
package operatortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// Logical is the logical date of a harness's run; its data interval is the day that
// begins then.
var Logical = time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)

// Harness is what operators work with in a test. Change its fields before Run.
type Harness struct {
	DAG      *dag.DAG
	Task     *dag.Task
	DAGRun   run.Run
	Instance run.Instance
	// Now is the clock, time.Now by default; in a synctest bubble that is enough.
	Now func() time.Time
	// Env and Dir are the attempt's.
	Env []string
	Dir string
	// Environ is the worker's environment; the test's own is not seen.
	Environ []string

	Settings *Settings
	XComs    *XComs
	Assets   *Assets
	Runs     *Runs
	Mails    *Mails
	// Mail sends the mails; by default they are kept in Mails.
	Mail task.Mailer
	// Processes and Python may be replaced; nil means that there are none.
	Processes task.Processes
	Python    task.Python
	Templates task.Templates

	t   testing.TB
	log *buffer
}

// New returns a harness of a first try of task "t" in a run of DAG "d" for Logical.
func New(t testing.TB) *Harness {
	start, end := Logical, Logical.AddDate(0, 0, 1)
	h := &Harness{
		DAG: &dag.DAG{ID: "d", File: "d.yaml", Timezone: "UTC"}, Task: dag.NewTask("t", ""),
		DAGRun: run.Run{
			ID: run.ID{DAG: "d", Run: "scheduled__2024-05-01T00:00:00+00:00"}, Type: run.TypeScheduled, State: run.RunRunning,
			LogicalDate: &start, IntervalStart: &start, IntervalEnd: &end, RunAfter: end,
		},
		Instance: run.Instance{Task: "t", Map: run.Unmapped, State: run.Running, Try: 1},
		Now:      time.Now, Dir: t.TempDir(),
		Settings: &Settings{}, XComs: &XComs{}, Assets: &Assets{}, Runs: &Runs{}, Mails: &Mails{}, Processes: &Processes{}, Templates: verbatim{},
		t: t, log: &buffer{},
	}
	h.Mail = h.Mails
	h.DAG.Tasks = []*dag.Task{h.Task}
	return h
}

// Attempt returns the attempt that Run gives to an operator.
func (h *Harness) Attempt(args map[string]any) *task.Attempt {
	return &task.Attempt{
		Key: h.Instance.Attempt(h.DAGRun.ID), DAG: h.DAG, Task: h.Task, Run: &h.DAGRun, Instance: &h.Instance,
		Args: args, Log: slog.New(slog.NewTextHandler(h.log, nil)), Output: h.log, Env: func() []string { return h.Env }, Dir: h.Dir,
		Services: task.Services{
			XComs: h.XComs, Assets: h.Assets, Settings: h.Settings, Runs: h.Runs, Processes: h.Processes, Python: h.Python,
			Templates: h.Templates, Mail: h.Mail, Now: h.Now, Environ: h.Environ,
		},
	}
}

// Run executes an attempt of an operator. Arguments that the operator's specification
// does not have, or required ones that are missing, fail the test.
func (h *Harness) Run(ctx context.Context, op *task.Operator, args map[string]any) (task.Result, error) {
	h.t.Helper()
	if op == nil {
		h.t.Fatal("there is no such operator")
	}
	h.Task.Operator, h.Task.Args = op.Spec.Class, args
	for name := range args {
		if op.Spec.Arg(name) == nil {
			h.t.Errorf("%s has no argument %s", op.Spec.Class, name)
		}
	}
	for _, a := range op.Spec.Args {
		if _, ok := args[a.Name]; a.Required && !ok {
			h.t.Errorf("%s needs argument %s", op.Spec.Class, a.Name)
		}
	}
	return op.Run(ctx, h.Attempt(args))
}

// Log is what the attempts have logged and their processes have written so far.
func (h *Harness) Log() string { return h.log.String() }

// Find returns the operator of a class among ops, or fails the test.
func Find(t testing.TB, ops []task.Operator, class string) *task.Operator {
	t.Helper()
	for i := range ops {
		if ops[i].Spec.Class == class {
			return &ops[i]
		}
	}
	t.Fatalf("no operator %s", class)
	return nil
}

// Outcome says in words what an operator's error makes of the attempt: "success",
// "skipped: why", "reschedule: when", "fatal (cause): why", "failed (cause, code): why".
func Outcome(err error) string {
	var skip *task.SkipError
	var again *task.RescheduleError
	var fatal *task.FatalError
	var cause *task.CauseError
	switch {
	case err == nil:
		return "success"
	case errors.As(err, &skip):
		return "skipped: " + skip.Reason
	case errors.As(err, &again):
		return "reschedule: " + again.At.UTC().Format(time.RFC3339)
	case errors.As(err, &fatal):
		return fmt.Sprintf("fatal (%s): %v", orTask(fatal.Cause), err)
	case errors.As(err, &cause):
		return fmt.Sprintf("failed (%s, %d): %v", orTask(cause.Cause), cause.ExitCode, err)
	default:
		return "failed: " + err.Error()
	}
}

func orTask(c run.Cause) run.Cause {
	if c == "" {
		return run.CauseTask
	}
	return c
}

// buffer is a bytes.Buffer for several writers.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// verbatim renders nothing.
type verbatim struct{}

func (verbatim) Render(_ context.Context, v any) (any, error) { return v, nil }
