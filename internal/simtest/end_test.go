package simtest

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// checkEnd checks what holds when all is over: what is stored is what the commits said,
// every state is explained by what was executed, and there is nothing left to decide.
func (w *world) checkEnd(ctx context.Context) {
	w.check.mu.Lock()
	defer w.check.mu.Unlock()
	for id, rec := range w.check.runs {
		data, err := w.model.Run(ctx, id)
		if err != nil {
			w.check.fail("run %s: %v", id, err)
			continue
		}
		if data.Run.State != rec.run.State {
			w.check.fail("run %s is stored as %s, the commits made it %s", id, data.Run.State, rec.run.State)
		}
		if !rec.run.State.Finished() {
			continue // it waits for its past
		}
		if rec.run.Reason == "" {
			w.check.fail("run %s is %s without a reason", id, rec.run.State)
		}
		for i := range data.Instances {
			w.checkInstance(ctx, rec, &data.Instances[i])
		}
	}
	w.checkNothingMore(ctx)
}

// checkInstance explains the final state of an instance.
func (w *world) checkInstance(ctx context.Context, rec *record, in *run.Instance) {
	c := w.check
	key := in.Key(rec.run.ID)
	// One process may end a run by its timeout while another moves its tasks, and die before
	// it has seen that.
	alone := w.schedulers == 1 && w.workers == 0
	if alone && !in.State.Finished() && !strings.HasPrefix(rec.run.Reason, "deadlock") && !c.edited[key.ID] {
		c.fail("run %s has ended, but %s is %s", key.ID, key, in.State)
	}
	if in.Token != "" && in.State.Finished() {
		c.fail("%s is %s and still has the token %s", key, in.State, in.Token)
	}
	if c.edited[key.ID] {
		return
	}
	task := c.graphs[key.DAG].DAG.Task(in.Task)
	if in.MaxTries != task.Retries+in.InfraFailures {
		c.fail("%s has %d retries, and %d workers were lost, but MaxTries is %d", key, task.Retries, in.InfraFailures, in.MaxTries)
	}
	history, err := w.model.History(ctx, key)
	if err != nil || len(history) != max(in.Try-1, 0) {
		c.fail("%s is at try %d, its history has %d: %v", key, in.Try, len(history), err)
	}
	switch {
	case in.State == run.Success && !task.Inert:
		w.checkSuccess(ctx, key, in)
	case in.State == run.Failed && !strings.Contains(in.Reason, "fail_fast"):
		cl := c.ledger.claims[c.ledger.accepted[in.Attempt(key.ID)]]
		lost := w.workers > 0 && in.Cause == run.CauseInfra && in.InfraFailures == run.InfraRetries
		if !lost && (cl == nil || cl.reported != run.OutcomeFatal && (cl.reported != run.OutcomeFailed || in.Try <= in.MaxTries)) {
			c.fail("%s failed at try %d with MaxTries %d, and no report explains it: %+v", key, in.Try, in.MaxTries, cl)
		}
	}
}

// checkSuccess: a success was executed once, had its effect once, and its result is the
// one that is stored, not that of another try.
func (w *world) checkSuccess(ctx context.Context, key run.Key, in *run.Instance) {
	c := w.check
	a := in.Attempt(key.ID)
	token := c.ledger.accepted[a]
	cl := c.ledger.claims[token]
	if cl == nil || cl.started != 1 || c.ledger.effects[a] != 1 {
		c.fail("%s succeeded by token %q: %+v, with %d effects", a, token, cl, c.ledger.effects[a])
	}
	xcoms, err := w.model.XComs(ctx, store.XComQuery{Run: key.ID, Tasks: []string{key.Task}, Maps: []int{key.Map}, Name: dag.ReturnValue})
	var value string
	if err == nil && len(xcoms) == 1 {
		err = json.Unmarshal(xcoms[0].Value, &value)
	}
	if err != nil || value != token {
		c.fail("%s succeeded by token %q, but stored is the result %q: %v", a, token, value, err)
	}
}

// checkNothingMore: a process that starts now would do nothing.
func (w *world) checkNothingMore(ctx context.Context) {
	s := scheduler.NewSnapshot()
	l := tick.NewLoader(w.model)
	if err := l.Active(ctx, s); err != nil {
		w.check.fail("load all: %v", err)
	}
	if err := l.DAGs(ctx, s); err != nil {
		w.check.fail("load all: %v", err)
	}
	if d, b := scheduler.Plan(s, w.clock()), s.Flush(); len(d.Start) > 0 || len(b) > 0 {
		w.check.fail("all is over, but a plan decides %+v, changes %+v", d, b)
	}
}

// outcome shows the final states for comparing, without runs whose number depends on
// when events came.
func (c *checker) outcome() string {
	var b strings.Builder
	for line := range strings.Lines(c.states()) {
		if !strings.HasPrefix(line, sink+"/") {
			b.WriteString(line)
		}
	}
	return b.String()
}
