// Package randdag draws random DAGs that are valid, for tests that hold whatever the DAG.
// What their tasks do when they are run is the test's matter.
package randdag

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/updraft-dev/updraft/dag"
)

// Shape says what random DAGs have. The zero value has plain tasks only, and no rule to
// choose from: Rules and Tasks have to be set.
type Shape struct {
	Rules []dag.TriggerRule
	// Tasks is the largest number of them.
	Tasks int
	// Mapping is over lists and outputs, of tasks and of a group.
	Mapping, Setups, Branches bool
	// Limits are pools, priorities, and the limits of the DAG and of its tasks.
	Limits bool
	// Past is depends_on_past and its kin; a run may then wait for ever.
	Past, Retries, Timeouts, FailFast bool
	// Shortest is the length of the shortest literal mapping.
	Shortest int
	// Literal maps over lists only, not over outputs.
	Literal bool
}

// EveryRule are all trigger rules; the usual one is more likely than the others.
func EveryRule() []dag.TriggerRule {
	return []dag.TriggerRule{
		dag.AllSuccess, dag.AllSuccess, dag.AllSuccess, dag.AllFailed, dag.AllDone, dag.AllDoneMinOneSuccess, dag.OneSuccess, dag.OneFailed,
		dag.OneDone, dag.NoneFailed, dag.NoneFailedMinOneSuccess, dag.NoneSkipped, dag.AllSkipped, dag.Always,
	}
}

// Chance is true in one of n cases.
func Chance(t *rapid.T, n int, what string) bool { return rapid.IntRange(0, n-1).Draw(t, what) == 0 }

// Draw draws a DAG that is valid. The operators "branch" and "short" decide about what is
// behind them, "plain" ones just end. The pools are dag.DefaultPool, "p" and "q", which
// should have two slots at least.
func (s Shape) Draw(t *rapid.T, id string) *dag.Graph {
	d := &dag.DAG{ID: id, MaxActiveRuns: 16, MaxActiveTasks: 16}
	if s.Past {
		d.Catchup = rapid.Bool().Draw(t, "catchup")
	}
	if s.Limits {
		d.MaxActiveRuns, d.MaxActiveTasks = rapid.IntRange(1, 3).Draw(t, "max_active_runs"), rapid.IntRange(1, 4).Draw(t, "max_active_tasks")
	}
	d.FailFast = s.FailFast && Chance(t, 6, "fail_fast")
	if s.Timeouts && Chance(t, 4, "timeout") {
		d.DagrunTimeout = 20 * time.Minute
	}
	if s.Mapping && Chance(t, 3, "group") {
		d.Groups = []*dag.Group{{ID: "g", Expand: s.randomMapping(t, d)}}
	}
	n := rapid.IntRange(1, s.Tasks).Draw(t, "tasks")
	for i := range n {
		s.addTask(t, d, i)
	}
	if s.Setups {
		s.addTeardown(t, d)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatalf("the generator made no DAG: %v", err)
	}
	return g
}

func (s Shape) addTask(t *rapid.T, d *dag.DAG, i int) {
	id := fmt.Sprintf("t%d", i)
	inGroup := len(d.Groups) > 0 && Chance(t, 3, "in group")
	if inGroup {
		id = "g." + id
	}
	task := dag.NewTask(id, "plain")
	task.RetryDelay = rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "retry_delay")
	task.TriggerRule = rapid.SampledFrom(s.Rules).Draw(t, "rule")
	if inGroup {
		task.Group = "g"
	}
	for _, up := range d.Tasks {
		if Chance(t, 3, "edge") {
			task.Upstream = append(task.Upstream, up.ID)
		}
	}
	switch {
	case s.Mapping && !inGroup && Chance(t, 4, "mapped"):
		task.Expand = s.randomMapping(t, d)
	case s.Branches && Chance(t, 5, "brancher"):
		task.Operator = rapid.SampledFrom([]string{"branch", "short"}).Draw(t, "operator")
	case s.Setups && !inGroup && Chance(t, 4, "setup"):
		task.Setup = true
	case Chance(t, 8, "inert"):
		task.Inert = true
	}
	if task.Expand != nil {
		for _, a := range task.Expand.Sources() {
			if a.XCom != nil && !slices.Contains(task.Upstream, a.XCom.Task) {
				task.Upstream = append(task.Upstream, a.XCom.Task)
			}
		}
	}
	if inGroup && d.Groups[0].Expand.Args[0].XCom != nil {
		if from := d.Groups[0].Expand.Args[0].XCom.Task; !slices.Contains(task.Upstream, from) {
			task.Upstream = append(task.Upstream, from)
		}
	}
	slices.Sort(task.Upstream)
	s.limit(t, task)
	d.Tasks = append(d.Tasks, task)
}

func (s Shape) limit(t *rapid.T, task *dag.Task) {
	if s.Retries {
		task.Retries = rapid.IntRange(0, 2).Draw(t, "retries")
	}
	if s.Past && Chance(t, 2, "depends_on_past") {
		task.DependsOnPast = true
		task.WaitForDownstream = Chance(t, 3, "wait_for_downstream")
		task.WaitForPastDependsBeforeSkipping = Chance(t, 2, "wait before skipping")
	}
	if !s.Limits {
		return
	}
	task.PriorityWeight = rapid.IntRange(1, 5).Draw(t, "weight")
	task.Pool = rapid.SampledFrom([]string{dag.DefaultPool, "p", "q"}).Draw(t, "pool")
	task.PoolSlots = rapid.IntRange(1, 2).Draw(t, "slots")
	if Chance(t, 4, "limited") {
		task.MaxActivePerDAG = rapid.IntRange(1, 2).Draw(t, "per dag")
	}
	if Chance(t, 4, "limited") {
		task.MaxActivePerRun = 1
	}
}

// randomMapping maps over a list, or over what an earlier plain task outside of groups
// returns.
func (s Shape) randomMapping(t *rapid.T, d *dag.DAG) *dag.Mapping {
	arg := dag.MappedArg{Name: "x"}
	var from []string
	for _, u := range d.Tasks {
		if u.Group == "" && !u.Inert && u.Operator == "plain" && !u.Setup {
			from = append(from, u.ID)
		}
	}
	if len(from) > 0 && !s.Literal && rapid.Bool().Draw(t, "over output") {
		arg.XCom = &dag.XComRef{Task: rapid.SampledFrom(from).Draw(t, "mapper")}
	} else {
		arg.Literal = make([]any, rapid.IntRange(s.Shortest, 3).Draw(t, "length"))
	}
	return &dag.Mapping{Args: []dag.MappedArg{arg}}
}

// addTeardown ends the scope of the setups.
func (s Shape) addTeardown(t *rapid.T, d *dag.DAG) {
	task := dag.NewTask("teardown", "plain")
	task.Teardown, task.TriggerRule = true, dag.AllDoneSetupSuccess
	task.OnFailureFailDagrun = Chance(t, 3, "fails run")
	setup := false
	for _, u := range d.Tasks {
		if u.Setup || u.Operator == "plain" && Chance(t, 3, "edge") {
			task.Upstream = append(task.Upstream, u.ID)
			setup = setup || u.Setup
		}
	}
	if setup {
		d.Tasks = append(d.Tasks, task)
	}
}
