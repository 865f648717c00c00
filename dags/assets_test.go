package dags_test

import (
	"context"
	"testing"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/task"
)

// TestConsumersFollow: a run of the producer makes the consumers run.
func TestConsumersFollow(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	i, err := open(ctx, newHome(t), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, _, err := i.LoadFile(ctx, "example_assets.yaml"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan run.Run, 16)
	o := embedded.WorkOptions{Schedule: true, OnChange: func(batches []run.Batch) {
		for _, b := range batches {
			if u := b.Update; u != nil && u.Want.State.Finished() && u.Want.State != u.State {
				ended <- u.Want
			}
		}
	}}
	err = i.Work(ctx, o, func(ctx context.Context, e *tick.Engine) error {
		if _, err := embedded.Trigger(ctx, e, task.Trigger{DAG: "example_assets_producer"}, "test"); err != nil {
			return err
		}
		missing := map[string]bool{"example_assets_producer": true, "example_assets_consumer": true, "example_assets_any": true}
		for len(missing) > 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case r := <-ended:
				if r.State != run.RunSuccess {
					t.Errorf("the run of %s is %s", r.DAG, r.State)
				}
				if r.DAG != "example_assets_producer" && r.Type != run.TypeAssetTriggered {
					t.Errorf("%s was started by %s", r.DAG, r.Type)
				}
				delete(missing, r.DAG)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
