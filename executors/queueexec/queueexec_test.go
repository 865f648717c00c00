package queueexec_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
	"github.com/updraft-dev/updraft/run"
)

var id = run.ID{DAG: "d", Run: "r1"}

// work makes queued attempts of tasks, by the queues that they name.
func work(t *testing.T, queues ...string) []executors.Work {
	t.Helper()
	d := &dag.DAG{ID: "d"}
	for i, name := range queues {
		task := dag.NewTask(string(rune('a'+i)), "updraft.noop")
		task.Queue = name
		d.Tasks = append(d.Tasks, task)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]executors.Work, len(queues))
	for i := range out {
		out[i] = executors.Work{Graph: g, Run: run.Run{ID: id}, Instance: run.Instance{Task: d.Tasks[i].ID, Map: run.Unmapped, State: run.Queued, Try: 1}}
	}
	return out
}

// local opens queues in a file, and keeps them for looking.
func local(t testing.TB, opened map[string]*queue.Queue) func(context.Context, string) (*queue.Queue, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "queue.db")
	return func(ctx context.Context, name string) (*queue.Queue, error) {
		if name == "broken" {
			return nil, errors.New("no such place")
		}
		if opened[name] != nil {
			return nil, errors.New("opened twice")
		}
		q, err := localqueue.Open(ctx, localqueue.Config{Path: path, Name: name, Now: time.Now})
		if err == nil {
			opened[name] = q
			t.Cleanup(func() { q.Close() })
		}
		return q, err
	}
}

func TestStartSendsToTheQueuesOfTasks(t *testing.T) {
	t.Parallel()
	opened := map[string]*queue.Queue{}
	x, err := queueexec.Open(queueexec.Config{Queue: local(t, opened), Parallelism: 7})
	if err != nil {
		t.Fatal(err)
	}
	if x.Name() != queueexec.Name || x.Capacity() != 7 {
		t.Errorf("it is %s with room for %d", x.Name(), x.Capacity())
	}
	all := work(t, "", "big", "broken", dag.DefaultQueue)
	errs := x.Start(t.Context(), all...)
	if failed := slices.IndexFunc(errs, func(err error) bool { return err != nil }); failed != 2 || len(errs) != 4 {
		t.Errorf("errors are %v, want one for the third", errs)
	}
	errs = x.Start(t.Context(), all[1])
	if err := errors.Join(errs...); err != nil {
		t.Errorf("the same again: %v", err)
	}
	got := map[string][]queue.Envelope{}
	for name, q := range opened {
		ds, err := q.Receive(t.Context(), 10, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			got[name] = append(got[name], d.Envelope)
		}
		slices.SortFunc(got[name], func(a, b queue.Envelope) int { return a.Attempt.Compare(b.Attempt.Key) })
	}
	wish := func(task string) queue.Envelope {
		return queue.Envelope{Kind: queue.KindAttempt, Attempt: run.Attempt{Key: run.Key{ID: id, Task: task, Map: run.Unmapped}, Try: 1}}
	}
	want := map[string][]queue.Envelope{dag.DefaultQueue: {wish("a"), wish("d")}, "big": {wish("b"), wish("b")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestDispatcher(t *testing.T) {
	t.Parallel()
	executortest.RunDispatcher(t, func(t testing.TB) executortest.DispatchHarness {
		opened := map[string]*queue.Queue{}
		var seen []run.Attempt
		return executortest.DispatchHarness{
			Open: func(t testing.TB, capacity int) executors.Dispatcher {
				x, err := queueexec.Open(queueexec.Config{Queue: local(t, opened), Parallelism: capacity})
				if err != nil {
					t.Fatal(err)
				}
				return x
			},
			Sent: func(t testing.TB) []run.Attempt {
				for _, q := range opened {
					for {
						got, err := q.Receive(t.Context(), 10, time.Hour, 0)
						if err != nil {
							t.Fatal(err)
						}
						if len(got) == 0 {
							break
						}
						for _, d := range got {
							seen = append(seen, d.Envelope.Attempt)
						}
					}
				}
				return slices.Clone(seen)
			},
			Prepare: func(task *dag.Task) {
				if task.ID == executortest.Broken {
					task.Queue = "broken"
				}
			},
		}
	})
}

func TestClosedSendsNothing(t *testing.T) {
	t.Parallel()
	x, err := queueexec.Open(queueexec.Config{Queue: local(t, map[string]*queue.Queue{})})
	if err != nil {
		t.Fatal(err)
	}
	all := work(t, "")
	attempt := all[0].Attempt()
	if err := x.Cancel(t.Context(), attempt, "", "nobody there"); err != nil {
		t.Errorf("cancel: %v", err)
	}
	if err := x.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
	if errs := x.Start(t.Context(), all...); !errors.Is(errs[0], executors.ErrClosed) {
		t.Errorf("start after close: %v, want ErrClosed", errs[0])
	}
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]queueexec.Config{
		"no queues":            {},
		"negative parallelism": {Queue: local(t, nil), Parallelism: -1},
	} {
		if _, err := queueexec.Open(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
