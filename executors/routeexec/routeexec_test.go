package routeexec_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/run"
)

// post is a dispatcher that keeps what it is given.
type post struct {
	mu        sync.Mutex
	sent      []run.Attempt
	cancelled []run.Attempt
	closed    bool
	fails     error
}

func (p *post) Name() string  { return "post" }
func (p *post) Capacity() int { return 0 }
func (p *post) Dispatches()   {}

func (p *post) Start(_ context.Context, work ...executors.Work) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, len(work))
	for i := range work {
		switch {
		case p.closed:
			errs[i] = executors.ErrClosed
		case work[i].Instance.Task == executortest.Broken:
			errs[i] = errors.New("no such place")
		default:
			p.sent = append(p.sent, work[i].Attempt())
		}
	}
	return errs
}

func (p *post) Cancel(_ context.Context, a run.Attempt, _, _ string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancelled = append(p.cancelled, a)
	return p.fails
}

func (p *post) Close(context.Context) error {
	p.closed = true
	return p.fails
}

func (p *post) attempts() []run.Attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}

// open opens an executor with a post for each place.
func open(t testing.TB, parallelism int) (*routeexec.Executor, map[string]*post) {
	t.Helper()
	posts, dispatchers := map[string]*post{}, map[string]executors.Dispatcher{}
	for _, p := range rule() {
		posts[p.Name] = &post{}
		dispatchers[p.Name] = posts[p.Name]
	}
	x, err := routeexec.Open(routeexec.Config{Rule: rule(), Dispatchers: dispatchers, Parallelism: parallelism})
	if err != nil {
		t.Fatal(err)
	}
	return x, posts
}

func TestDispatcher(t *testing.T) {
	t.Parallel()
	executortest.RunDispatcher(t, func(testing.TB) executortest.DispatchHarness {
		var posts map[string]*post
		n := 0
		return executortest.DispatchHarness{
			Open: func(t testing.TB, capacity int) executors.Dispatcher {
				var x *routeexec.Executor
				x, posts = open(t, capacity)
				return x
			},
			Sent: func(testing.TB) []run.Attempt {
				var all []run.Attempt
				for _, p := range posts {
					all = append(all, p.attempts()...)
				}
				return all
			},
			Prepare: func(task *dag.Task) { // to all places by turns
				n++
				task.Executor = rule()[n%3].Name
			},
		}
	})
}

func TestStartFollowsTheRule(t *testing.T) {
	t.Parallel()
	x, posts := open(t, 0)
	if x.Name() != executors.Auto || len(x.Rule()) != 3 {
		t.Errorf("it is %s with %d places", x.Name(), len(x.Rule()))
	}
	d := &dag.DAG{ID: "d"}
	var want []string
	for _, tt := range []struct{ executor, want string }{{"", "lambda"}, {"fargate", "fargate"}, {"nowhere", ""}, {"", "lambda"}, {"lambda-sqs", "lambda-sqs"}} {
		task := dag.NewTask(string(rune('a'+len(want))), "updraft.noop")
		task.Executor = tt.executor
		d.Tasks = append(d.Tasks, task)
		want = append(want, tt.want)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	var work []executors.Work
	for _, task := range d.Tasks {
		work = append(work, executors.Work{Graph: g, Run: run.Run{ID: run.ID{DAG: "d", Run: "r"}}, Instance: run.Instance{Task: task.ID, Map: run.Unmapped, Try: 1}})
	}
	gone := work[0]
	gone.Instance.Task = "gone"
	errs := x.Start(t.Context(), append(work, gone)...)
	var refused *executors.RefusedError
	if !errors.As(errs[2], &refused) || !errors.As(errs[5], &refused) {
		t.Errorf("errors are %v, want refusals of the third and of the last", errs)
	}
	for i := range work {
		for name, p := range posts {
			if got := slices.Contains(p.attempts(), work[i].Attempt()); got != (name == want[i]) {
				t.Errorf("task %s was sent to %s: %t, want it at %q", d.Tasks[i].ID, name, got, want[i])
			}
		}
	}
}

func TestCancelAndCloseReachAll(t *testing.T) {
	t.Parallel()
	x, posts := open(t, 0)
	posts["fargate"].fails = errors.New("out of reach")
	a := run.Attempt{Key: run.Key{Task: "t"}, Try: 1}
	if err := x.Cancel(t.Context(), a, "", ""); err == nil || !strings.Contains(err.Error(), "cancel at fargate: out of reach") {
		t.Errorf("cancel: %v", err)
	}
	if err := x.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "close fargate: out of reach") {
		t.Errorf("close: %v", err)
	}
	for name, p := range posts {
		if len(p.cancelled) != 1 || !p.closed {
			t.Errorf("%s: cancelled %v, closed %t", name, p.cancelled, p.closed)
		}
	}
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	one := routeexec.Rule{{Name: "a"}}
	for name, c := range map[string]routeexec.Config{
		"no rule":              {},
		"no dispatcher":        {Rule: one},
		"negative parallelism": {Rule: one, Dispatchers: map[string]executors.Dispatcher{"a": &post{}}, Parallelism: -1},
	} {
		if _, err := routeexec.Open(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
