package tick

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// Death is what somebody has seen of a worker that cannot report any more: a function that
// timed out, a container that ran out of memory.
type Death struct {
	// Worker is its name in the claims that it made.
	Worker string
	// Attempts are those it was given. It may have gone on with others of the same runs.
	Attempts []run.Attempt
	// Unclaimed says that what it was given and has not claimed has failed too: it will not
	// be delivered again.
	Unclaimed bool
	Cause     run.Cause
	ExitCode  int
	Reason    string
	// Executor is where it worked.
	Executor string
	// Called says that the worker has called the callbacks of what it held before it ended.
	Called bool
}

// ReportDeath fails what a dead worker held, and returns the runs that have to be planned.
// What is another's by now stays as it is; doing it twice is doing it once.
func ReportDeath(ctx context.Context, l *Loader, now func() time.Time, token func() string, d Death) ([]run.ID, error) {
	var changed []run.ID
	var errs []error
	for _, id := range runsOf(d.Attempts) {
		n := 0
		err := ApplyEdit(ctx, l, now, func(ctx context.Context, e *Edit) error {
			n = 0
			v, err := e.Run(ctx, id)
			if err != nil {
				return err
			}
			for _, in := range v.Instances() {
				if d.fail(e, &in, id, token) {
					n++
				}
			}
			return nil
		})
		switch {
		case errors.Is(err, store.ErrNotFound): // the run was deleted
		case err != nil:
			errs = append(errs, err)
		case n > 0:
			changed = append(changed, id)
		}
	}
	return changed, errors.Join(errs...)
}

// fail fails an instance if the death concerns it.
func (d *Death) fail(e *Edit, in *run.Instance, id run.ID, token func() string) bool {
	a := in.Attempt(id)
	held := in.Token
	switch {
	case (in.State == run.Running || in.State == run.Restarting) && in.Worker == d.Worker:
	case in.State == run.Queued && d.Unclaimed && slices.Contains(d.Attempts, a):
		held = token()
		if !e.Snapshot.Claim(a, scheduler.Claim{Token: held, Worker: d.Worker, Executor: d.Executor}, e.Now) {
			return false
		}
	default:
		return false
	}
	rep := run.Report{
		Attempt: a, Token: held, Outcome: run.OutcomeFailed, At: e.Now, Cause: d.Cause, ExitCode: d.ExitCode, Reason: d.Reason,
	}
	if d.Called {
		return e.Snapshot.Report(rep, e.Now)
	}
	return e.Snapshot.ReportLost(rep, e.Now)
}

func runsOf(attempts []run.Attempt) []run.ID {
	var out []run.ID
	for _, a := range attempts {
		if !slices.Contains(out, a.ID) {
			out = append(out, a.ID)
		}
	}
	return out
}

// Waiting returns an attempt as it is stored if it waits for a worker, and nil if it does
// not, or not any more.
func Waiting(ctx context.Context, l *Loader, a run.Attempt) (*executors.Work, error) {
	data, err := store.Pick(ctx, l.store, a.ID, a.Key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load task %s of run %s: %w", a.Name(), a.ID, err)
	}
	g, err := l.Graph(ctx, a.DAG, data.Run.Version)
	if err != nil {
		return nil, err
	}
	for _, in := range data.Instances {
		if in.Map == a.Map && in.State == run.Queued && in.Try == a.Try {
			return &executors.Work{Graph: g, Run: data.Run, Instance: in, Memory: l.learned(a.DAG, a.Task)}, nil
		}
	}
	return nil, nil
}
