package stacktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Runs begins and watches runs of an installation that others work on.
type Runs struct{ *embedded.Installation }

// Read waits until DAGs are known, with at least this many tasks each.
func (r Runs) Read(ctx context.Context, t testing.TB, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := until(ctx, func() (bool, error) {
			_, err := r.FindDAG(ctx, id)
			return err == nil, err
		}); err != nil {
			broken, _ := r.ImportErrors(context.WithoutCancel(ctx))
			t.Fatalf("DAG %s is not read: %v; import errors: %+v", id, err, broken)
		}
	}
}

// Begin triggers a run.
func (r Runs) Begin(t testing.TB, trigger task.Trigger) run.ID {
	t.Helper()
	begun, err := r.Trigger(t.Context(), trigger, "test")
	if err != nil {
		t.Fatal(err)
	}
	return begun.ID
}

// End waits for the end of a run.
func (r Runs) End(ctx context.Context, id run.ID) (store.RunData, error) {
	var data store.RunData
	err := until(ctx, func() (bool, error) {
		var err error
		data, err = r.Store.Run(ctx, id)
		return err == nil && data.Run.State.Finished(), err
	})
	if err != nil {
		return data, fmt.Errorf("run %s is %s after all: %w: %s", id, data.Run.State, err, states(data.Instances))
	}
	return data, nil
}

func states(instances []run.Instance) string {
	var out []string
	for i := range instances {
		out = append(out, fmt.Sprintf("%s %s (try %d) %s", instances[i].Name(), instances[i].State, instances[i].Try, instances[i].Reason))
	}
	return strings.Join(out, "; ")
}

// look is how often until looks.
const look = 100 * time.Millisecond

// until looks until something is so, or ctx ends. The error is the last one then.
func until(ctx context.Context, so func() (bool, error)) error {
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		done, err := so()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-t.C:
		}
	}
}
