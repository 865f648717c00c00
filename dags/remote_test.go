//go:build stack || kubernetes

package dags_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/stacktest"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// connect stores the connections that samples need: the weather API, and a database, which is
// a file.
func connect(ctx context.Context, t *testing.T, r *settings.Registry, api, file string) {
	t.Helper()
	database := "sqlite:///" + file
	for id, uri := range map[string]string{"weather_api": api, "weather_db": database, "sqlite_default": database} {
		c, err := settings.ParseConnection(id, uri)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.PutConnection(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
}

// runAll runs all samples at once, and compares what became of them.
func runAll(ctx context.Context, t *testing.T, s *stacktest.Runs) {
	t.Helper()
	want := samples()
	for _, sm := range want {
		for id := range sm.dags {
			s.Read(ctx, t, id)
		}
	}
	for name, sm := range want {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, sm, runRemote(ctx, t, s, sm))
		})
	}
}

// runRemote runs the DAGs of a sample once in an installation that others work on, and wants a log of every attempt.
func runRemote(ctx context.Context, t *testing.T, s *stacktest.Runs, sm sample) (out outcome) {
	t.Helper()
	var ids []run.ID
	for id := range sm.dags {
		now := time.Now().UTC()
		tr := task.Trigger{DAG: id, Run: fmt.Sprintf("remote__%d", now.UnixNano()), LogicalDate: &now}
		if sm.at != "" {
			at, err := time.Parse(time.RFC3339, sm.at)
			if err != nil {
				t.Fatal(err)
			}
			// Another run of the test is at another time of the same day.
			at = at.Add(time.Duration(now.UnixMilli()%3_600_000) * time.Millisecond)
			tr.LogicalDate = &at
		}
		ids = append(ids, s.Begin(t, tr))
	}
	out.values = map[string]string{}
	for _, id := range ids {
		data, err := s.End(ctx, id)
		if err != nil {
			out.err = err
			return out
		}
		out.runs, out.data = append(out.runs, data.Run), append(out.data, data)
		values, err := s.Store.XComs(ctx, store.XComQuery{Run: id, Name: dag.ReturnValue})
		if err != nil {
			out.err = err
			return out
		}
		for _, v := range values {
			in := run.Instance{Task: v.Key.Task, Map: v.Key.Map}
			out.values[in.Name()] = string(v.Value)
		}
		for i := range data.Instances {
			wantLog(ctx, t, s.Logs, &data.Instances[i], id)
		}
	}
	return out
}

// wantLog wants the log of an instance that was executed to say how it ended.
func wantLog(ctx context.Context, t *testing.T, l *logs.Logs, in *run.Instance, id run.ID) {
	t.Helper()
	if in.Try == 0 || in.Start.IsZero() {
		return
	}
	// A worker reports first, and writes short logs together, which may take it two seconds.
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	word := "Marking task as " + strings.ToUpper(in.State.String())
	for n := 0; ; n++ {
		text := new(strings.Builder)
		_, err := l.Read(ctx, in.Attempt(id), 0, text)
		if err == nil && strings.Contains(text.String(), word) {
			return
		}
		if n == 50 || err != nil && !errors.Is(err, logs.ErrNotFound) {
			t.Errorf("log of %s, which is %s: %v\n%s", in.Name(), in.State, err, text)
			return
		}
		<-again.C
	}
}
