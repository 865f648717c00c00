package task

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// PythonRunner is Python that also runs callbacks.
type PythonRunner interface {
	Python
	// Callback calls an author's Python callback with the attempt's context, and what
	// is known of its end; nil before the end.
	Callback(ctx context.Context, a *Attempt, c dag.Callback, end *End) error
}

// End is how an attempt ended, for callbacks.
type End struct {
	Report *run.Report
	// State is what the instance becomes.
	State run.State
	// Err is the operator's error; nil after a success.
	Err error
	// Deadline is the one that the run has missed, for callbacks of deadlines only.
	Deadline *DeadlineEvent
}

// killGrace is the time between SIGTERM and SIGKILL for commands of callbacks.
const killGrace = 10 * time.Second

// Event is what command and webhook callbacks are told, as JSON: on standard input
// and in the body.
type Event struct {
	// Event is execute, success, failure, retry or skipped.
	Event       string    `json:"event"`
	State       string    `json:"state,omitempty"`
	DAG         string    `json:"dag_id"`
	Run         string    `json:"run_id"`
	Task        string    `json:"task_id"`
	Map         int       `json:"map_index"`
	Try         int       `json:"try_number"`
	MaxTries    int       `json:"max_tries"`
	Operator    string    `json:"operator"`
	Owner       string    `json:"owner,omitempty"`
	LogicalDate string    `json:"logical_date,omitempty"`
	Start       time.Time `json:"start_date,omitzero"`
	End         time.Time `json:"end_date,omitzero"`
	Hostname    string    `json:"hostname,omitempty"`
	Label       string    `json:"rendered_map_index,omitempty"`
	Cause       run.Cause `json:"cause,omitempty"`
	ExitCode    int       `json:"exit_code,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Tail        string    `json:"tail,omitempty"`
}

func (x *execution) event(name string, end *End) Event {
	i := &x.w.Instance
	e := Event{
		Event: name, DAG: x.a.DAG.ID, Run: x.w.Run.Run, Task: i.Task, Map: i.Map, Try: i.Try, MaxTries: i.MaxTries,
		Operator: x.a.Task.Operator, Owner: x.a.Task.Owner, Start: i.Start, Hostname: x.r.cfg.Hostname,
	}
	if x.w.Run.LogicalDate != nil {
		e.LogicalDate = isoTime(*x.w.Run.LogicalDate)
	}
	if end != nil {
		rep := end.Report
		e.State, e.End, e.Label = end.State.String(), rep.At, rep.Label
		e.Cause, e.ExitCode, e.Reason, e.Tail = rep.Cause, rep.ExitCode, rep.Reason, rep.Tail
	}
	return e
}

// callbacksFor are the callbacks that an attempt's end calls for, and the event's name.
func (x *execution) callbacksFor(rep *run.Report, retry bool) ([]dag.Callback, string) {
	t := x.a.Task
	switch rep.Outcome {
	case run.OutcomeSuccess:
		return t.OnSuccess, "success"
	case run.OutcomeSkipped:
		return t.OnSkipped, "skipped"
	case run.OutcomeFailed, run.OutcomeFatal:
		if retry {
			return t.OnRetry, "retry"
		}
		return t.OnFailure, "failure"
	}
	return nil, ""
}

// callbacks calls them one after the other. What goes wrong is logged, and nothing else.
func (x *execution) callbacks(ctx context.Context, event string, list []dag.Callback, end *End) {
	for i, c := range list {
		if err := x.callback(ctx, event, i, c, end); err != nil {
			x.say(slog.LevelError, "%s failed: %v", callbackName(event), err)
		}
	}
}

func (x *execution) callback(ctx context.Context, event string, i int, c dag.Callback, end *End) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	switch c.Kind {
	case dag.CallbackPython:
		if x.r.cfg.Python == nil {
			return errors.New("Python is not available here")
		}
		if c.Callable == nil {
			return errors.New("it names no callable")
		}
		return x.r.cfg.Python.Callback(ctx, &x.a, c, end)
	case dag.CallbackCommand:
		return x.callbackCommand(ctx, event, i, c, end)
	case dag.CallbackWebhook:
		return x.callbackWebhook(ctx, event, c, end)
	default:
		return fmt.Errorf("unknown kind of callback %q", c.Kind)
	}
}

func (x *execution) callbackCommand(ctx context.Context, event string, i int, c dag.Callback, end *End) error {
	if x.r.cfg.Processes == nil {
		return errors.New("processes are not available here")
	}
	argv, err := x.renderTexts(ctx, c.Command)
	if err != nil {
		return err
	}
	if len(argv) == 0 {
		return errors.New("it has no command")
	}
	body, facts, err := x.told(event, end)
	if err != nil {
		return err
	}
	env := slices.Concat(x.r.cfg.Environ, x.a.Env(), facts)
	exit, err := x.r.cfg.Processes.Exec(ctx, Command{
		Attempt: x.log.key, Name: fmt.Sprintf("%s.%d", callbackName(event), i), Argv: argv, Env: env, Dir: x.a.Dir,
		Stdin: body, Output: &x.log, Grace: killGrace,
	})
	if err != nil {
		return err
	}
	return exit.Err(0)
}

// told is what commands and webhooks are told: as JSON, and the main facts as variables.
func (x *execution) told(event string, end *End) (body []byte, facts []string, err error) {
	if r := x.runEvent; r != nil {
		body, err = json.Marshal(r)
		return body, []string{"UPDRAFT_EVENT=" + event, "UPDRAFT_REASON=" + r.Reason}, err
	}
	e := x.event(event, end)
	body, err = json.Marshal(e)
	return body, []string{"UPDRAFT_EVENT=" + event, "UPDRAFT_REASON=" + e.Reason, "UPDRAFT_CAUSE=" + string(e.Cause)}, err
}

func (x *execution) callbackWebhook(ctx context.Context, event string, c dag.Callback, end *End) error {
	if x.r.cfg.HTTP == nil {
		return errors.New("webhooks are not available here")
	}
	urls, err := x.renderTexts(ctx, []string{c.URL})
	if err != nil {
		return err
	}
	body, _, err := x.told(event, end)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, urls[0], bytes.NewReader(body))
	if err != nil {
		return errors.New("its URL is not one") // which may hold a token: not shown
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := x.r.cfg.HTTP.Do(req)
	if err != nil {
		// The client's error repeats the URL, whose path or query is often a token.
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		return fmt.Errorf("POST to %s: %w", req.URL.Host, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // only so that the connection can be used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("POST to %s: %s", req.URL.Host, res.Status)
	}
	return nil
}

// renderTexts renders those texts that are templates.
func (x *execution) renderTexts(ctx context.Context, in []string) ([]string, error) {
	out := slices.Clone(in)
	for i, s := range in {
		if !hasTemplate(s) {
			continue
		}
		v, err := x.Render(ctx, s)
		if err != nil {
			return nil, err
		}
		text, ok := v.(string)
		if !ok {
			text = fmt.Sprint(v)
		}
		out[i] = text
	}
	return out, nil
}
