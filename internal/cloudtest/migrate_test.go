package cloudtest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/cloudtest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// counting are operators as above, whose attempts are counted by task and try.
type counting struct {
	mu       sync.Mutex
	executed map[string]int
}

func (c *counting) operators() *embedded.Operators {
	all := operators()
	op := *all.Lookup("work")
	work := op.Run
	op.Run = func(ctx context.Context, a *task.Attempt) (task.Result, error) {
		c.mu.Lock()
		c.executed[fmt.Sprintf("%s#%d", a.Key, a.Instance.Try)]++
		c.mu.Unlock()
		return work(ctx, a)
	}
	return &embedded.Operators{Catalog: all.Catalog, Lookup: func(path string) *task.Operator {
		if path == "work" {
			return &op
		}
		return nil
	}}
}

// joined is a chain, a fan and a join, long enough to be moved in the middle.
func joined() *dag.DAG {
	d := chain(12)
	var fan []string
	for i := range 4 {
		t := dag.NewTask(fmt.Sprintf("u%d", i), "work")
		t.Upstream = []string{"t11"}
		d.Tasks = append(d.Tasks, t)
		fan = append(fan, t.ID)
	}
	last := dag.NewTask("v", "work")
	last.Upstream = fan
	d.Tasks = append(d.Tasks, last)
	return d
}

// someFaults are what the switch has to bear.
func someFaults() cloudtest.Faults {
	return cloudtest.Faults{Doubled: 3, Late: 6, InvokeDoubled: 3, Throttled: 10, Cut: 40, TickDoubled: 3, TickMissed: 4, KilledCalling: 25, Killed: 10, RecordLost: 4, Until: 3 * time.Minute}
}

// TestMigration moves a run from Lambda to Fargate and the next one back, each while it runs:
// nothing is lost, nothing is executed twice, and what has begun ends where it is.
func TestMigration(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]cloudtest.Faults{"nothing goes wrong": {}, "much goes wrong": someFaults()} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				t.Parallel()
				migrate(t, seed, faults)
			})
		}
	}
}

func migrate(t *testing.T, seed uint64, faults cloudtest.Faults) {
	home, open := t.TempDir(), inMemory()
	synctest.Test(t, func(t *testing.T) {
		ops := &counting{executed: map[string]int{}}
		a, cli, end := running(t, cloudtest.Config{Seed: seed, Store: open, Operators: ops.operators(), Home: home, Fargate: true, Faults: faults}, joined())
		there := moved(t, cli, "there", func() error {
			_, err := cli.Place(t.Context(), "chain", run.Placement{Executor: "fargate", Share: run.Whole, By: "ada"})
			return err
		})
		back := moved(t, cli, "back", func() error {
			_, err := cli.Unplace(t.Context(), "chain", nil, "ada", "it was a test")
			return err
		})
		compared(t, cli)
		end()
		inOrder(t, there, "lambda", "fargate")
		inOrder(t, back, "fargate", "lambda")
		for what, n := range ops.executed {
			if n != 1 {
				t.Errorf("%s was executed %d times", what, n)
			}
		}
		counts := a.Counts()
		if counts["container"] == 0 || faults.Doubled > 0 && len(counts) < 2 {
			t.Errorf("what the test is about has not happened: %v", counts)
		}
	})
}

// moved runs the DAG, makes the change when the third task has ended, and returns the
// instances of the run.
func moved(t *testing.T, cli *embedded.Function, id string, change func() error) []run.Instance {
	t.Helper()
	r, err := cli.Trigger(t.Context(), task.Trigger{DAG: "chain", Run: id}, "cli")
	if err != nil {
		t.Fatal(err)
	}
	changed := false
	for range 4000 {
		wait(t, time.Second)
		data, err := cli.Store.Run(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		third := slices.ContainsFunc(data.Instances, func(in run.Instance) bool { return in.Task == "t2" && in.State == run.Success })
		if third && !changed {
			changed = true
			if err := change(); err != nil {
				t.Fatal(err)
			}
		}
		if data.Run.State.Finished() {
			if data.Run.State != run.RunSuccess {
				t.Fatalf("run %s ended %s: %s", id, data.Run.State, data.Run.Reason)
			}
			return data.Instances
		}
	}
	t.Fatalf("run %s has not ended", id)
	return nil
}

// inOrder wants the tasks of a run to have run at one place first and at the other after
// that, and the change to come within seconds, which are tasks.
func inOrder(t *testing.T, list []run.Instance, first, then string) {
	t.Helper()
	at := map[string]string{}
	for _, in := range list {
		at[in.Task] = in.Executor
	}
	if len(at) != 17 {
		t.Errorf("%d tasks have run, want 17", len(at))
	}
	for n, name := range []string{"t0", "t1", "t2", "t9", "t10", "t11", "u0", "u1", "u2", "u3", "v"} {
		want := first
		if n > 2 {
			want = then
		}
		if at[name] != want {
			t.Errorf("%s has run at %s, want %s: all ran at %v", name, at[name], want, at)
		}
	}
}

// compared wants both places in the comparison.
func compared(t *testing.T, cli *embedded.Function) {
	t.Helper()
	c, err := cli.Compare(t.Context(), "chain", 10)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, p := range c.Places {
		count[p.Executor] += p.Count
		if p.Placed != (p.Executor == "fargate") {
			t.Errorf("task %s at %s is where it is placed: %t", p.Task, p.Executor, p.Placed)
		}
	}
	if count["lambda"] < 12 || count["fargate"] < 12 || count["lambda"]+count["fargate"] < 34 {
		t.Errorf("attempts are %v", count)
	}
}
