package tick

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// retryCommit is the pause after a commit, or a load, that failed for want of the store.
// retryBusy is the pause before an executor that had no room is asked again.
const (
	retryCommit = 200 * time.Millisecond
	retryBusy   = time.Second
)

// redo is what the next turn has to do over, since the store or the executor has failed.
type redo struct {
	// stale says that the snapshot is not what is stored: everything is to be loaded.
	stale bool
	// messages are the reports and edits that a commit has lost.
	messages []message
	// claims are the tokens of claims of which is not known whether they are durable, and
	// that the executor was not given.
	claims map[string]bool
}

func (r *redo) take() []message {
	messages := r.messages
	r.messages = nil
	return messages
}

// doubt remembers claims whose commit has failed: if they turn out to be durable after
// all, the executor gets them then.
func (r *redo) doubt(inflight map[string]run.Attempt, work []executors.Work) {
	for i := range work {
		if token := work[i].Instance.Token; token != "" {
			delete(inflight, token)
			r.claims[token] = true
		}
	}
}

// loadIfStale makes the snapshot what is stored, if it is not. If that fails, the next
// turn tries again.
func (e *Engine) loadIfStale(ctx context.Context) error {
	if !e.redo.stale {
		return nil
	}
	return e.load(ctx)
}

// fault is what the store failed with last; empty while it works.
type fault struct {
	text   string
	logged time.Time
}

// complainEvery is how often the same fault is logged: a disk that is full gets no room
// by a log that grows.
const complainEvery = time.Minute

// tellStore says how a turn went with the store: err is nil if it did.
func (e *Engine) tellStore(err error, now time.Time) {
	if e.cfg.OnStore != nil {
		e.cfg.OnStore(err)
	}
	switch {
	case err == nil && e.fault.text != "":
		e.fault = fault{}
		e.cfg.Log.Info("the store works again")
	case err != nil && (err.Error() != e.fault.text || now.Sub(e.fault.logged) >= complainEvery):
		e.fault = fault{err.Error(), now}
		e.cfg.Log.Error("the store failed; loading everything again", "error", err)
	}
}

// redeliver has the next turn handle reports that a failed commit has lost: of some runs,
// or of all. A report that was committed after all is refused by its token then.
func (e *Engine) redeliver(group []message, runs map[run.ID]bool) {
	for _, m := range group {
		if m.report == nil || runs != nil && !runs[m.report.ID] {
			continue
		}
		e.inflight[m.report.Token] = m.report.Attempt
		e.redo.messages = append(e.redo.messages, m)
	}
}

// giveUp ends a turn that the store has failed: reports come again, edits are told.
func (e *Engine) giveUp(group []message, err error, now time.Time) {
	e.tellStore(err, now)
	e.redeliver(group, nil)
	for _, m := range group {
		if m.done != nil {
			m.done <- err
		}
	}
}

// edit makes an edit and notes which runs it changes. fresh are those that were loaded in
// this turn, see Edit.
func (e *Engine) edit(ctx context.Context, m *message, fresh map[run.ID]bool, now time.Time) error {
	m.tries++
	before := e.snap.Changes()
	err := m.edit(ctx, &Edit{Loader: e.loader, Snapshot: e.snap, Now: now, fresh: fresh})
	m.touched = m.touched[:0]
	for id, n := range e.snap.Changes() {
		if was, there := before[id]; !there || n != was {
			m.touched = append(m.touched, id)
		}
	}
	return err
}

// answer tells those who wait for an edit what became of it. An edit of a run that was
// changed by somebody else in between is made again.
func (e *Engine) answer(group []message, results []error, again map[run.ID]bool) {
	for i, m := range group {
		if m.edit == nil {
			continue
		}
		refused := slices.IndexFunc(m.touched, func(id run.ID) bool { return again[id] })
		switch {
		case results[i] != nil || refused < 0:
		case m.tries < editTries:
			e.redo.messages = append(e.redo.messages, m)
			continue
		default:
			results[i] = fmt.Errorf("%s: %w", m.touched[refused], store.ErrConflict)
		}
		m.done <- results[i]
	}
}

// untaken is the report of an attempt that the executor did not take. Having no room is
// nobody's fault, and costs no retry: the same try is offered again in a moment. It comes
// about when what was cancelled is still ending.
func (e *Engine) untaken(w *executors.Work, err error) *run.Report {
	now := e.cfg.Now()
	rep := &run.Report{Attempt: w.Attempt(), Token: w.Instance.Token, At: now}
	if errors.Is(err, executors.ErrBusy) || errors.Is(err, executors.ErrClosed) {
		rep.Outcome, rep.Due = run.OutcomeReschedule, now.Add(retryBusy)
		return rep
	}
	rep.Outcome, rep.Cause, rep.Reason = run.OutcomeFailed, run.CauseInfra, "the executor did not take it: "+err.Error()
	return rep
}
