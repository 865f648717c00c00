package task

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// RunCall is a call that a run owes: of its DAG's callbacks, or of those of a task whose
// worker was lost.
type RunCall struct {
	Graph *dag.Graph
	Run   run.Run
	// Instances are those of the run.
	Instances []run.Instance
	Call      run.Call
}

// RunEvent is what the command and webhook callbacks of a DAG are told, as JSON: on
// standard input and in the body.
type RunEvent struct {
	// Event is success, failure or deadline.
	Event string `json:"event"`
	State string `json:"state"`
	// Reason is Airflow's word for the end: success, task_failure, all_tasks_deadlocked,
	// timed_out. Message says it in a sentence.
	Reason      string    `json:"reason,omitempty"`
	Message     string    `json:"message,omitempty"`
	DAG         string    `json:"dag_id"`
	Run         string    `json:"run_id"`
	Type        run.Type  `json:"run_type"`
	LogicalDate string    `json:"logical_date,omitempty"`
	Start       time.Time `json:"start_date,omitzero"`
	End         time.Time `json:"end_date,omitzero"`
	// Failed names the instances that have failed, at most maxFailed.
	Failed   []string       `json:"failed,omitempty"`
	Deadline *DeadlineEvent `json:"deadline,omitempty"`
}

// DeadlineEvent is the deadline that was missed.
type DeadlineEvent struct {
	Name string    `json:"name,omitempty"`
	At   time.Time `json:"deadline_time"`
}

// maxFailed bounds the failed instances that an event names.
const maxFailed = 50

// Callbacks are the callbacks that the call is of; none if this version of the DAG has
// no such deadline or task.
func (c *RunCall) Callbacks() []dag.Callback {
	d := c.Graph.DAG
	task := d.Task(c.Call.Task)
	switch {
	case c.ofTask() && task == nil:
		return nil
	case c.Call.Kind == run.CallTaskFailure:
		return task.OnFailure
	case c.Call.Kind == run.CallTaskRetry:
		return task.OnRetry
	case c.Call.Kind == run.CallSuccess:
		return d.OnSuccess
	case c.Call.Kind == run.CallFailure:
		return d.OnFailure
	case c.Call.Deadline < len(d.Deadlines):
		return d.Deadlines[c.Call.Deadline].Callbacks
	}
	return nil
}

// Log names the log of the call, as if the callback were a task of the run. What was
// called after the run was cleared is another try. For a task it is the log of its attempt.
func (c *RunCall) Log() run.Attempt {
	if c.ofTask() {
		return run.Attempt{Key: run.Key{ID: c.Run.ID, Task: c.Call.Task, Map: c.Call.Map}, Try: c.Call.Try}
	}
	name := callbackName(string(c.Call.Kind))
	try := c.Call.Clears + 1
	if c.Call.Kind == run.CallDeadline {
		try = c.Call.Deadline + 1
	}
	return run.Attempt{Key: run.Key{ID: c.Run.ID, Task: name, Map: run.Unmapped}, Try: try}
}

// callbackName is what the callbacks of an event are called in DAG files.
func callbackName(event string) string {
	if event == string(run.CallDeadline) {
		return "deadline_callback"
	}
	return "on_" + event + "_callback"
}

// Call calls callbacks, one after the other, bounded by CallbackTimeout. Those of a DAG get
// the context of the instance that says most about the end, those of a task that of its
// attempt. What goes wrong with them is in their log, and nothing else, as in Airflow. The
// error is that of ctx: the call was not made, or not to its end, and is still owed.
func (r *Runtime) Call(ctx context.Context, c RunCall) error {
	if c.ofTask() {
		return r.callOfTask(ctx, &c)
	}
	calls := c.Callbacks()
	if len(calls) == 0 {
		return ctx.Err()
	}
	x := &execution{r: r, w: Work{Graph: c.Graph, Run: c.Run, Instance: c.about()}}
	// Why it cannot be prepared (an operator that is not known here) does not matter: nothing
	// of the task is executed.
	_ = x.prepare(ctx)
	x.a.Dir, x.runEvent, x.log.key = x.dir(), c.event(), c.Log()
	x.say(slog.LevelInfo, "Calling %s of DAG %s: %s", x.log.key.Task, c.Run.DAG, c.sentence())
	inner, cancel := context.WithTimeout(ctx, r.cfg.CallbackTimeout)
	defer cancel()
	x.callbacks(inner, string(c.Call.Kind), calls, c.end(&x.w.Instance))
	if err := x.log.Close(); err != nil {
		r.cfg.Log.ErrorContext(ctx, "log of a callback is incomplete", "callback", x.log.key.String(), "error", err)
	}
	return ctx.Err()
}

func (c *RunCall) ofTask() bool {
	return c.Call.Kind == run.CallTaskFailure || c.Call.Kind == run.CallTaskRetry
}

// callOfTask does what the worker of a lost attempt would have done at its end.
func (r *Runtime) callOfTask(ctx context.Context, c *RunCall) error {
	in := run.Instance{Task: c.Call.Task, Map: c.Call.Map}
	for _, i := range c.Instances {
		if i.Task == in.Task && i.Map == in.Map {
			in = i
		}
	}
	in.Try = c.Call.Try
	x := &execution{r: r, w: Work{Graph: c.Graph, Run: c.Run, Instance: in}}
	_ = x.prepare(ctx) // see Call
	x.a.Dir = x.dir()
	retry := c.Call.Kind == run.CallTaskRetry
	rep := &run.Report{Attempt: c.Log(), Outcome: run.OutcomeFailed, At: c.Call.At, Cause: run.CauseInfra, Reason: c.Call.Reason}
	event := "failure"
	if retry {
		event = "retry"
	}
	x.say(slog.LevelError, "Task failed: %s", c.Call.Reason)
	inner, cancel := context.WithTimeout(ctx, r.cfg.CallbackTimeout)
	defer cancel()
	x.callbacks(inner, event, c.Callbacks(), &End{Report: rep, State: stateOf(rep, retry), Err: errors.New(c.Call.Reason)})
	if x.mailWanted(rep, retry) {
		x.mail(inner, rep, retry)
	}
	if err := x.log.Close(); err != nil {
		r.cfg.Log.ErrorContext(ctx, "log of an attempt is incomplete", "attempt", x.log.key.String(), "error", err)
	}
	return ctx.Err()
}

// about is the instance whose context the callbacks get: of those that have failed the
// one that failed first, else the one that ended last.
func (c *RunCall) about() run.Instance {
	var best *run.Instance
	for i := range c.Instances {
		in := &c.Instances[i]
		switch {
		case in.State == run.Removed:
		case best == nil, in.State == run.Failed && best.State != run.Failed:
			best = in
		case in.State != best.State && best.State == run.Failed:
		case in.State == run.Failed && in.End.Before(best.End), best.State != run.Failed && in.End.After(best.End):
			best = in
		}
	}
	if best == nil {
		return run.Instance{Map: run.Unmapped}
	}
	return *best
}

// end is the end of that instance, for Python callbacks.
func (c *RunCall) end(in *run.Instance) *End {
	rep := &run.Report{
		Attempt: in.Attempt(c.Run.ID), At: in.End, Cause: in.Cause, ExitCode: in.ExitCode, Reason: c.Call.Reason, Label: in.Label, Tail: in.Tail,
	}
	e := &End{Report: rep, State: in.State, Deadline: c.deadline()}
	if in.State == run.Failed {
		e.Err = errors.New(in.Reason)
		if in.Reason == "" {
			e.Err = errors.New("the task has failed")
		}
	}
	return e
}

func (c *RunCall) deadline() *DeadlineEvent {
	if c.Call.Kind != run.CallDeadline || c.Call.Deadline >= len(c.Graph.DAG.Deadlines) {
		return nil
	}
	return &DeadlineEvent{Name: c.Graph.DAG.Deadlines[c.Call.Deadline].Name, At: c.Call.At}
}

func (c *RunCall) sentence() string {
	if c.Call.Kind == run.CallDeadline {
		return "the run has not succeeded by " + isoTime(c.Call.At)
	}
	return c.Run.Reason
}

func (c *RunCall) event() *RunEvent {
	e := &RunEvent{
		Event: string(c.Call.Kind), State: string(c.Run.State), Reason: c.Call.Reason, Message: c.sentence(), DAG: c.Run.DAG, Run: c.Run.Run,
		Type: c.Run.Type, Start: c.Run.Start, End: c.Run.End, Deadline: c.deadline(),
	}
	if c.Run.LogicalDate != nil {
		e.LogicalDate = isoTime(*c.Run.LogicalDate)
	}
	for i := range c.Instances {
		if in := &c.Instances[i]; in.State == run.Failed && len(e.Failed) < maxFailed {
			e.Failed = append(e.Failed, in.Name())
		}
	}
	slices.Sort(e.Failed)
	return e
}
