package simulate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/randdag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/simulate"
)

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// graph reads a DAG: one task a line, "ID [<- UP ...]"; change may alter the tasks.
func graph(t *testing.T, change func(*dag.Task), lines ...string) *dag.Graph {
	t.Helper()
	d := &dag.DAG{ID: "d", MaxActiveRuns: 1, MaxActiveTasks: 16}
	for _, line := range lines {
		head, ups, _ := strings.Cut(line, "<-")
		task := dag.NewTask(strings.TrimSpace(head), "x")
		task.Upstream = strings.Fields(ups)
		if change != nil {
			change(task)
		}
		d.Tasks = append(d.Tasks, task)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func config(t *testing.T, g *dag.Graph, outcomes ...string) simulate.Config {
	t.Helper()
	c := simulate.Config{
		Graph: g, At: noon, Run: run.Run{ID: run.ID{DAG: "d", Run: "r"}, Type: run.TypeManual, RunAfter: noon},
		Outcomes: map[string][]simulate.Outcome{}, Durations: map[string]time.Duration{}, Duration: time.Minute,
	}
	for _, text := range outcomes {
		name, list, _ := strings.Cut(text, "=")
		for _, word := range strings.Split(list, ",") {
			o, err := simulate.ParseOutcome(word)
			if err != nil {
				t.Fatal(err)
			}
			c.Outcomes[name] = append(c.Outcomes[name], o)
		}
	}
	return c
}

// lines are the events, the run's own left out, with minutes since the beginning.
func lines(res simulate.Result) (out []string) {
	for _, e := range res.Events {
		if e.Task != "" {
			out = append(out, fmt.Sprintf("%v %s %s: %s", e.At.Sub(noon), e.Task, e.State, e.Reason))
		}
	}
	return append(out, string(res.Run.State))
}

func TestRun(t *testing.T) {
	t.Parallel()
	retry := func(task *dag.Task) { task.Retries, task.RetryDelay = 1, 5*time.Minute }
	branch := func(*dag.Task) simulate.Role { return simulate.Role{Kind: simulate.Branch} }
	for name, tt := range map[string]struct {
		change   func(*dag.Task)
		tasks    []string
		outcomes []string
		more     func(*simulate.Config)
		want     []string
	}{
		"success": {
			tasks: []string{"a", "b <- a"},
			want: []string{
				"0s a running: it waits for nothing", "1m0s a success: it succeeded",
				"1m0s b running: all_success is met: a is success", "2m0s b success: it succeeded", "success",
			},
		},
		"retries take virtual time": {
			change: retry, tasks: []string{"a"}, outcomes: []string{"a=fail,success"},
			want: []string{
				"0s a running: it waits for nothing", "1m0s a up_for_retry: it failed; again at 2026-03-29T12:06:00Z",
				"6m0s a running: its retry is due", "7m0s a success: it succeeded", "success",
			},
		},
		"the last outcome repeats": {
			change: retry, tasks: []string{"a", "b <- a"}, outcomes: []string{"a=fail"},
			want: []string{
				"0s a running: it waits for nothing", "1m0s a up_for_retry: it failed; again at 2026-03-29T12:06:00Z",
				"6m0s a running: its retry is due", "7m0s a failed: it failed; try 2 of 2",
				"7m0s b upstream_failed: trigger rule all_success makes it upstream_failed: a is failed", "failed",
			},
		},
		"a branch": {
			tasks: []string{"a", "b <- a", "c <- a"}, outcomes: []string{"a=branch:c"},
			more: func(c *simulate.Config) { c.Role = branch },
			want: []string{
				"0s a running: it waits for nothing", "1m0s a success: it chose c", "1m0s b skipped: a chose to skip it",
				"1m0s c running: all_success is met: a is success", "2m0s c success: it succeeded", "success",
			},
		},
		"execution_timeout": {
			change: func(task *dag.Task) { task.ExecutionTimeout = 30 * time.Second }, tasks: []string{"a"},
			want: []string{"0s a running: it waits for nothing", "30s a failed: it failed (timeout) (execution_timeout is 30s); try 1 of 1", "failed"},
		},
		"a list": {
			change: func(task *dag.Task) {
				if task.ID == "b" {
					task.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", XCom: &dag.XComRef{Task: "a"}}}}
				}
			},
			tasks: []string{"a", "b <- a"}, outcomes: []string{"a=map:2", "b[1]=skip"},
			want: []string{
				"0s a running: it waits for nothing", "1m0s a success: it returned a value of length 2",
				"1m0s b expanded: what it is mapped over gives it 2 instances",
				"1m0s b[0] running: all_success is met: a is success", "1m0s b[1] running: all_success is met: a is success",
				"2m0s b[0] success: it succeeded", "2m0s b[1] skipped: it skipped itself", "success",
			},
		},
		"waiting": {
			tasks: []string{"a"}, outcomes: []string{"a=reschedule:10m,defer:1h,success"},
			want: []string{
				"0s a running: it waits for nothing", "1m0s a up_for_reschedule: it said reschedule:10m; again at 2026-03-29T12:11:00Z",
				"11m0s a running: it goes on", "12m0s a deferred: it said defer:1h",
				"1h12m0s a scheduled: what it waited for has come", "1h12m0s a running: it goes on", "1h13m0s a success: it succeeded", "success",
			},
		},
		"limits": {
			tasks: []string{"a", "b"},
			more:  func(c *simulate.Config) { c.Pools = map[string]scheduler.Pool{dag.DefaultPool: {Slots: 1}} },
			want: []string{
				"0s a running: it waits for nothing",
				"0s b scheduled: has its dependencies met and waits for a slot: it needs 1 of the slots of pool default_pool, of which 0 of 1 are free; held by d/r/a",
				"1m0s a success: it succeeded", "1m0s b running: it waits for nothing", "2m0s b success: it succeeded", "success",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(t, graph(t, tt.change, tt.tasks...), tt.outcomes...)
			if tt.more != nil {
				tt.more(&c)
			}
			res, err := simulate.Run(c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(res)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestStuck: a run that nothing can bring forward ends with what it waits for.
func TestStuck(t *testing.T) {
	t.Parallel()
	c := config(t, graph(t, func(task *dag.Task) { task.Pool = "nowhere" }, "a"))
	res, err := simulate.Run(c)
	if err != nil {
		t.Fatal(err)
	}
	if res.Run.State != run.RunRunning || len(res.Waiting) != 1 || !strings.Contains(res.Waiting[0], "pool nowhere does not exist") {
		t.Errorf("state %s, waiting %q", res.Run.State, res.Waiting)
	}
}

// TestUnused: outcomes that were not asked for are told.
func TestUnused(t *testing.T) {
	t.Parallel()
	res, err := simulate.Run(config(t, graph(t, nil, "a", "b <- a"), "a=fail,success", "b=skip"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a was executed 1 times and has 2 outcomes", "b was executed 0 times and has 1 outcomes"}
	if diff := cmp.Diff(want, res.Unused); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	_, err := simulate.Run(config(t, graph(t, nil, "a"), "b=fail", "a[1]=skip"))
	var unknown *simulate.UnknownTaskError
	if !errors.As(err, &unknown) || unknown.Task != "b" {
		t.Errorf("unknown task: %v", err)
	}
	for text, want := range map[string]string{
		"fial": "unknown outcome", "skip:1": "nothing after a colon", "map:x": "give a length", "map": "give a length",
		"defer:soon": "give a duration", "fail:luck": "the causes are",
	} {
		if _, err := simulate.ParseOutcome(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	c := config(t, graph(t, func(task *dag.Task) { task.Retries, task.RetryDelay = 1<<30, time.Second }, "a"), "a=fail")
	if _, err := simulate.Run(c); !errors.Is(err, simulate.ErrEndless) {
		t.Errorf("endless retries: %v", err)
	}
}

func TestRoleOf(t *testing.T) {
	t.Parallel()
	for operator, want := range map[string]simulate.Role{
		"airflow.providers.standard.operators.latest_only.LatestOnlyOperator":                {Kind: simulate.LatestOnly},
		"airflow.providers.standard.operators.python.ShortCircuitOperator":                   {Kind: simulate.ShortCircuit, Direct: true},
		"airflow.providers.standard.decorators.short_circuit._ShortCircuitDecoratedOperator": {Kind: simulate.ShortCircuit, Direct: true},
		"airflow.providers.standard.operators.python.BranchPythonOperator":                   {Kind: simulate.Branch},
	} {
		task := dag.NewTask("a", operator)
		task.Args = dag.Values{"ignore_downstream_trigger_rules": false}
		if got := simulate.RoleOf(task, dag.OperatorBranch); got != want {
			t.Errorf("%s: got %v, want %v", operator, got, want)
		}
	}
	if got := simulate.RoleOf(dag.NewTask("a", "x"), dag.OperatorPlain); got != (simulate.Role{}) {
		t.Errorf("plain: %v", got)
	}
}

// TestRandom: whatever the DAG and the script, a simulation ends, time never goes back,
// the last event of an instance is its state, and the same script plays the same way.
func TestRandom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := randdag.Shape{Rules: randdag.EveryRule(), Tasks: 12, Mapping: true, Setups: true, Branches: true, Limits: true, Retries: true, Timeouts: true, FailFast: true}.Draw(t, "d")
		c := simulate.Config{
			Graph: g, At: noon, Run: run.Run{ID: run.ID{DAG: g.DAG.ID, Run: "r"}, Type: run.TypeManual, RunAfter: noon}, Duration: time.Minute,
			Outcomes: map[string][]simulate.Outcome{}, Pools: map[string]scheduler.Pool{"p": {Slots: 2}, "q": {Slots: 2}},
		}
		for _, task := range g.Tasks {
			for range rapid.IntRange(0, 2).Draw(t, "outcomes") {
				text := rapid.SampledFrom([]string{"success", "fail", "fail:oom", "fail_no_retry", "skip", "map:3", "map:0", "reschedule:1m", "defer:1m"}).Draw(t, task.ID)
				o, err := simulate.ParseOutcome(text)
				if err != nil {
					t.Fatal(err)
				}
				c.Outcomes[task.ID] = append(c.Outcomes[task.ID], o)
			}
		}
		res, err := simulate.Run(c)
		if err != nil {
			t.Fatal(err)
		}
		if !res.Run.State.Finished() && len(res.Waiting) == 0 {
			t.Fatalf("the run is %s and nothing waits", res.Run.State)
		}
		last := map[string]string{}
		for i, e := range res.Events {
			if i > 0 && e.At.Before(res.Events[i-1].At) {
				t.Fatalf("%v is before %v", e, res.Events[i-1])
			}
			last[e.Task] = e.State
		}
		for _, in := range res.Instances {
			if got := last[in.Name()]; got != in.State.String() && (in.State != run.None || got != "") && got != "expanded" {
				t.Fatalf("%s is %s, its last event %q", in.Name(), in.State, got)
			}
		}
		again, err := simulate.Run(c)
		if err != nil || !slices.Equal(res.Events, again.Events) {
			t.Fatalf("played again it differs (%v):\n%s", err, cmp.Diff(res.Events, again.Events))
		}
	})
}
