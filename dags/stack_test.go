//go:build stack

package dags_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/cmd/weatherapi/weather"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/stacktest"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// stackPatience is how long a run may take on the local AWS: what waits for a time waits for
// a message or for the next minute.
const stackPatience = 4 * time.Minute

// TestSamplesOnStack runs the samples by functions: states, values and order are those of
// one machine.
func TestSamplesOnStack(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	ctx, stop := context.WithTimeout(t.Context(), stackPatience)
	t.Cleanup(stop)
	handler, err := weather.Handler()
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(handler)
	t.Cleanup(api.Close)
	database := "sqlite:///" + filepath.Join(newHome(t), "sample.db")
	for id, uri := range map[string]string{"weather_api": api.URL, "weather_db": database, "sqlite_default": database} {
		c, err := settings.ParseConnection(id, uri)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Settings.PutConnection(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	s.PutFolder(t, ".")
	want := samples()
	for _, sm := range want {
		for id := range sm.dags {
			s.Read(ctx, t, id)
		}
	}
	for name, sm := range want {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, sm, runOnStack(ctx, t, s, sm))
		})
	}
}

// runOnStack runs the DAGs of a sample once, and wants a log of every attempt.
func runOnStack(ctx context.Context, t *testing.T, s *stacktest.Stack, sm sample) (out outcome) {
	t.Helper()
	var ids []run.ID
	for id := range sm.dags {
		now := time.Now().UTC()
		tr := task.Trigger{DAG: id, Run: fmt.Sprintf("stack__%d", now.UnixNano()), LogicalDate: &now}
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
	text := new(strings.Builder)
	_, err := l.Read(ctx, in.Attempt(id), 0, text)
	// A worker writes short logs together, which may take it two seconds.
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for n := 0; n < 50 && errors.Is(err, logs.ErrNotFound); n++ {
		<-again.C
		_, err = l.Read(ctx, in.Attempt(id), 0, text)
	}
	if err != nil {
		t.Errorf("log of %s: %v", in.Name(), err)
		return
	}
	if word := strings.ToUpper(in.State.String()); !strings.Contains(text.String(), "Marking task as "+word) {
		t.Errorf("log of %s, which is %s:\n%s", in.Name(), in.State, text)
	}
}
