package aws_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// fake is a job that is done at a look, and what was called of it.
type fake struct {
	aws.Job
	calls  []string
	doneAt int
	err    error
	looks  int
}

func newFake(doneAt int) *fake {
	f := &fake{doneAt: doneAt}
	f.Job = aws.Job{
		Name: "job", Key: "job_id", Every: 10 * time.Second,
		Start: func(context.Context) (string, error) { f.calls = append(f.calls, "start"); return "j1", nil },
		Look: func(_ context.Context, id string) (bool, any, error) {
			f.looks++
			f.calls = append(f.calls, "look "+id)
			return f.looks == f.doneAt, "value", f.err
		},
		Stop: func(ctx context.Context, id string) error { f.calls = append(f.calls, "stop "+id); return ctx.Err() },
	}
	return f
}

func TestJob(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	tests := []struct {
		name   string
		change func(*fake, *operatortest.Harness)
		end    error // of the attempt, after 15 seconds
		want   string
		calls  []string
		pushed map[string]any
	}{
		{name: "waits", want: "success", calls: []string{"start", "look j1", "look j1", "look j1"}},
		{name: "detached", change: func(f *fake, _ *operatortest.Harness) { f.Detached = true }, want: "success", calls: []string{"start"}},
		{name: "failed", change: func(f *fake, _ *operatortest.Harness) { f.doneAt, f.err = 1, broken }, want: "failed: broken", calls: []string{"start", "look j1"}},
		{name: "cannot be looked at", change: func(f *fake, _ *operatortest.Harness) { f.err = broken }, want: "failed: broken", calls: []string{"start", "look j1", "stop j1"}},
		{name: "is left alone", change: func(f *fake, _ *operatortest.Harness) { f.err, f.KeepOnFailure = broken, true }, want: "failed: broken", calls: []string{"start", "look j1"}},
		{name: "too long", change: func(f *fake, _ *operatortest.Harness) { f.Attempts = 1 }, want: "fatal (timeout): sensor timed out: waited 10s, its timeout is 10s", calls: []string{"start", "look j1", "look j1", "stop j1"}},
		{name: "deferred", change: func(f *fake, _ *operatortest.Harness) { f.Deferred = true }, want: "reschedule: 2000-01-01T00:00:10Z", calls: []string{"start", "look j1"}, pushed: map[string]any{"job_id": "j1"}},
		{name: "deferred before", change: func(f *fake, o *operatortest.Harness) {
			f.Deferred, o.Instance.Reschedules = true, 1
			o.XComs.Pulled = []task.PulledXCom{{Key: run.Key{Task: "t"}, Value: json.RawMessage(`"j0"`)}}
		}, want: "reschedule: 2000-01-01T00:00:10Z", calls: []string{"look j0"}},
		{name: "killed", change: func(f *fake, _ *operatortest.Harness) { f.KeepOnFailure = true }, end: executors.ErrCancelled, want: "failed: cancelled", calls: []string{"start", "look j1", "look j1", "stop j1"}},
		{name: "execution_timeout", end: task.ErrTimeout, want: "failed: execution_timeout", calls: []string{"start", "look j1", "look j1", "stop j1"}},
		{name: "the worker stops", end: executors.ErrClosed, want: "reschedule: 2000-01-01T00:00:20Z", calls: []string{"start", "look j1", "look j1"}, pushed: map[string]any{"job_id": "j1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, o := newFake(3), operatortest.New(t)
				if tt.change != nil {
					tt.change(f, o)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.end != nil {
					time.AfterFunc(15*time.Second, func() { cancel(tt.end) })
				}
				_, err := f.Run(ctx, o.Attempt(nil))
				if got := operatortest.Outcome(err); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				if d := cmp.Diff(tt.calls, f.calls); d != "" {
					t.Errorf("calls (-want +got):\n%s", d)
				}
				if d := cmp.Diff(tt.pushed, o.XComs.Pushed); d != "" {
					t.Errorf("XComs (-want +got):\n%s", d)
				}
			})
		})
	}
}

// A call that the worker's end cuts off is looked at again elsewhere, and the job goes on.
func TestJobWhileLooking(t *testing.T) {
	t.Parallel()
	f, o := newFake(9), operatortest.New(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	f.Look = func(ctx context.Context, _ string) (bool, any, error) {
		cancel(executors.ErrClosed)
		return false, nil, ctx.Err()
	}
	_, err := f.Run(ctx, o.Attempt(nil))
	var again *task.RescheduleError
	if !errors.As(err, &again) || o.XComs.Pushed["job_id"] != "j1" || len(f.calls) != 1 {
		t.Errorf("got %v, XComs %v, calls %v", err, o.XComs.Pushed, f.calls)
	}
}

// A token is the same for each execution of a try, and another for another try; an owner is
// the same for all tries.
func TestToken(t *testing.T) {
	t.Parallel()
	o := operatortest.New(t)
	first, owner := aws.Token(o.Attempt(nil)), aws.Owner(o.Attempt(nil))
	if again := aws.Token(o.Attempt(nil)); again != first || len(first) != 36 {
		t.Errorf("tokens %s and %s", first, again)
	}
	o.Instance.Try = 2
	if aws.Token(o.Attempt(nil)) == first || aws.Owner(o.Attempt(nil)) != owner {
		t.Error("the token or the owner of another try")
	}
	o.Instance.Map = 3
	if aws.Owner(o.Attempt(nil)) == owner {
		t.Error("two instances have one owner")
	}
	if o.Instance.Map = run.Unmapped; aws.Owner(o.Attempt(nil)) != owner {
		t.Error("the owner is not the instance's")
	}
}
