package tick_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store/sqlitestore"
	"github.com/updraft-dev/updraft/task"
)

// TestTriggeredDatesHaveMicroseconds: as in Python, so that the date a task sees finds
// the run.
func TestTriggeredDatesHaveMicroseconds(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	st, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(t.TempDir(), "updraft.db"), Durability: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	d, _, _ := daily(t, &bench{store: st})
	l := tick.NewLoader(st)
	trigger := func(at time.Time) (r run.Run, err error) {
		err = tick.ApplyEdit(ctx, l, time.Now, func(ctx context.Context, e *tick.Edit) (err error) {
			r, err = e.Trigger(ctx, task.Trigger{DAG: d.ID, LogicalDate: &at}, "test", func() string { return "" })
			return err
		})
		return r, err
	}
	at := time.Date(2024, 5, 6, 7, 8, 9, 123456000, time.UTC)
	r, err := trigger(at.Add(789))
	if err != nil || !r.LogicalDate.Equal(at) || r.ID.Run != "manual__2024-05-06T07:08:09.123456+00:00" {
		t.Errorf("run %s at %v: %v", r.ID, r.LogicalDate, err)
	}
	if _, err := trigger(at); !errors.Is(err, task.ErrRunExists) {
		t.Errorf("the same microsecond again: %v", err)
	}
}
