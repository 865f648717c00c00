package scheduler_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// shape says what random DAGs have.
type shape struct {
	rules []dag.TriggerRule
	// tasks is the largest number of them.
	tasks                                            int
	mapping, setups, branches, limits, past, retries bool
	// skips, waits and losses are outcomes of tasks beside success and failure.
	skips, waits, losses bool
	timeouts, failFast   bool
	runs                 int
	// shortest is the length of the shortest literal mapping.
	shortest int
	// literal maps over lists only, not over outputs.
	literal bool
}

func everyRule() []dag.TriggerRule {
	return []dag.TriggerRule{
		dag.AllSuccess, dag.AllSuccess, dag.AllSuccess, dag.AllFailed, dag.AllDone, dag.AllDoneMinOneSuccess, dag.OneSuccess, dag.OneFailed,
		dag.OneDone, dag.NoneFailed, dag.NoneFailedMinOneSuccess, dag.NoneSkipped, dag.AllSkipped, dag.Always,
	}
}

// everything is a shape with all features but those that can leave a run waiting.
func everything() shape {
	return shape{
		rules: everyRule(), tasks: 8, mapping: true, setups: true, branches: true, limits: true, retries: true, skips: true, waits: true,
		losses: true, timeouts: true, failFast: true, runs: 3,
	}
}

// chance is true in one of n cases.
func chance(t *rapid.T, n int, what string) bool { return rapid.IntRange(0, n-1).Draw(t, what) == 0 }

// randomDAG draws a DAG that is valid. The operators "branch" and "short" decide about
// what is behind them, all others just end.
func (s shape) randomDAG(t *rapid.T) *dag.Graph {
	d := &dag.DAG{ID: "d", MaxActiveRuns: 16, MaxActiveTasks: 16}
	if s.past {
		d.Catchup = rapid.Bool().Draw(t, "catchup")
	}
	if s.limits {
		d.MaxActiveRuns, d.MaxActiveTasks = rapid.IntRange(1, 3).Draw(t, "max_active_runs"), rapid.IntRange(1, 4).Draw(t, "max_active_tasks")
	}
	d.FailFast = s.failFast && chance(t, 6, "fail_fast")
	if s.timeouts && chance(t, 4, "timeout") {
		d.DagrunTimeout = 20 * time.Minute
	}
	if s.mapping && chance(t, 3, "group") {
		d.Groups = []*dag.Group{{ID: "g", Expand: s.randomMapping(t, d)}}
	}
	n := rapid.IntRange(1, s.tasks).Draw(t, "tasks")
	for i := range n {
		s.addTask(t, d, i)
	}
	if s.setups {
		s.addTeardown(t, d)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatalf("the generator made no DAG: %v", err)
	}
	return g
}

func (s shape) addTask(t *rapid.T, d *dag.DAG, i int) {
	id := fmt.Sprintf("t%d", i)
	inGroup := len(d.Groups) > 0 && chance(t, 3, "in group")
	if inGroup {
		id = "g." + id
	}
	task := dag.NewTask(id, "plain")
	task.RetryDelay = rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "retry_delay")
	task.TriggerRule = rapid.SampledFrom(s.rules).Draw(t, "rule")
	if inGroup {
		task.Group = "g"
	}
	for _, up := range d.Tasks {
		if chance(t, 3, "edge") {
			task.Upstream = append(task.Upstream, up.ID)
		}
	}
	switch {
	case s.mapping && !inGroup && chance(t, 4, "mapped"):
		task.Expand = s.randomMapping(t, d)
	case s.branches && chance(t, 5, "brancher"):
		task.Operator = rapid.SampledFrom([]string{"branch", "short"}).Draw(t, "operator")
	case s.setups && !inGroup && chance(t, 4, "setup"):
		task.Setup = true
	case chance(t, 8, "inert"):
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

func (s shape) limit(t *rapid.T, task *dag.Task) {
	if s.retries {
		task.Retries = rapid.IntRange(0, 2).Draw(t, "retries")
	}
	if s.past && chance(t, 2, "depends_on_past") {
		task.DependsOnPast = true
		task.WaitForDownstream = chance(t, 3, "wait_for_downstream")
		task.WaitForPastDependsBeforeSkipping = chance(t, 2, "wait before skipping")
	}
	if !s.limits {
		return
	}
	task.PriorityWeight = rapid.IntRange(1, 5).Draw(t, "weight")
	task.Pool = rapid.SampledFrom([]string{dag.DefaultPool, "p", "q"}).Draw(t, "pool")
	task.PoolSlots = rapid.IntRange(1, 2).Draw(t, "slots")
	if chance(t, 4, "limited") {
		task.MaxActivePerDAG = rapid.IntRange(1, 2).Draw(t, "per dag")
	}
	if chance(t, 4, "limited") {
		task.MaxActivePerRun = 1
	}
}

// randomMapping maps over a list, or over what an earlier plain task outside of groups
// returns.
func (s shape) randomMapping(t *rapid.T, d *dag.DAG) *dag.Mapping {
	arg := dag.MappedArg{Name: "x"}
	var from []string
	for _, u := range d.Tasks {
		if u.Group == "" && !u.Inert && u.Operator == "plain" && !u.Setup {
			from = append(from, u.ID)
		}
	}
	if len(from) > 0 && !s.literal && rapid.Bool().Draw(t, "over output") {
		arg.XCom = &dag.XComRef{Task: rapid.SampledFrom(from).Draw(t, "mapper")}
	} else {
		arg.Literal = make([]any, rapid.IntRange(s.shortest, 3).Draw(t, "length"))
	}
	return &dag.Mapping{Args: []dag.MappedArg{arg}}
}

// addTeardown ends the scope of the setups.
func (s shape) addTeardown(t *rapid.T, d *dag.DAG) {
	task := dag.NewTask("teardown", "plain")
	task.Teardown, task.TriggerRule = true, dag.AllDoneSetupSuccess
	task.OnFailureFailDagrun = chance(t, 3, "fails run")
	setup := false
	for _, u := range d.Tasks {
		if u.Setup || u.Operator == "plain" && chance(t, 3, "edge") {
			task.Upstream = append(task.Upstream, u.ID)
			setup = setup || u.Setup
		}
	}
	if setup {
		d.Tasks = append(d.Tasks, task)
	}
}

// world is a DAG with its runs, a store and workers.
type world struct {
	t     *rapid.T
	shape shape
	g     *dag.Graph
	snap  *scheduler.Snapshot
	store memoryStore
	pools map[string]scheduler.Pool
	now   time.Time
	// decide draws what an attempt does; nil draws it from t.
	decide  func(a run.Attempt) string
	cleared bool
}

func (s shape) newWorld(t *rapid.T, g *dag.Graph) *world {
	w := &world{
		t: t, shape: s, g: g, store: memoryStore{}, now: day(1),
		pools: map[string]scheduler.Pool{dag.DefaultPool: {Slots: 128}, "p": {Slots: 2}, "q": {Slots: 3, IncludeDeferred: true}},
	}
	w.snap = scheduler.NewSnapshot()
	w.setUp(w.snap)
	for i := range s.runs {
		at := day(1).AddDate(0, 0, i-10)
		r := run.Run{ID: run.ID{DAG: "d", Run: fmt.Sprintf("r%d", i)}, Type: run.TypeManual, RunAfter: at}
		if i != 2 {
			r.LogicalDate, r.IntervalStart, r.IntervalEnd, r.Type = &at, &at, &at, run.TypeScheduled
		}
		w.snap.Create(r, w.now)
	}
	w.commit()
	return w
}

func (w *world) setUp(s *scheduler.Snapshot) {
	s.SetPools(w.pools)
	if w.shape.limits {
		s.Parallelism = 5
	}
	if err := s.SetDAG(scheduler.DAGInfo{Graph: w.g, Version: "v1"}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) commit() {
	for _, b := range w.snap.Flush() {
		if err := w.store.apply(b); err != nil {
			w.t.Fatalf("commit: %v", err)
		}
	}
}

// load makes a snapshot of what is stored.
func (w *world) load() *scheduler.Snapshot {
	s := scheduler.NewSnapshot()
	for _, id := range w.store.ids() {
		v, err := w.store.view(id, w.g)
		if err != nil {
			w.t.Fatal(err)
		}
		s.Add(v)
	}
	w.setUp(s)
	return s
}

// keys are the instances of unfinished runs in some states, in order.
func (w *world) keys(in ...run.State) (out []run.Attempt) {
	for _, v := range w.snap.Unfinished() {
		for _, i := range v.Instances() {
			if slices.Contains(in, i.State) {
				out = append(out, i.Attempt(v.Run.ID))
			}
		}
	}
	return out
}

// finish ends an attempt that is queued, running or deferred.
func (w *world) finish(a run.Attempt) {
	v := w.snap.Run(a.ID)
	in := v.Instance(a.Task, a.Map)
	if in == nil || in.Try != a.Try {
		return // another completion of this step took it away
	}
	switch in.State {
	case run.Deferred:
		w.snap.Resume(a.Key)
		return
	case run.Queued:
		if !w.snap.Claim(a, scheduler.Claim{Token: "t", Lease: w.now.Add(5 * time.Minute)}, w.now) {
			w.t.Fatalf("%s cannot be claimed", a)
		}
	case run.Running, run.Restarting:
	default:
		return
	}
	rep := w.report(a)
	if !w.snap.Report(rep, w.now) {
		w.t.Fatalf("the report of %s is refused", a)
	}
}

// report is what a worker says of an attempt.
func (w *world) report(a run.Attempt) run.Report {
	rep := run.Report{Attempt: a, Token: "t", At: w.now, Outcome: run.OutcomeSuccess}
	t, _ := w.g.Index(a.Task)
	outcome := w.outcome(a)
	switch outcome {
	case "failed":
		rep.Outcome, rep.Cause, rep.Reason = run.OutcomeFailed, run.CauseTask, "exit code 1"
	case "infra":
		rep.Outcome, rep.Cause, rep.Reason = run.OutcomeFailed, run.CauseInfra, "node lost"
	case "skipped":
		rep.Outcome = run.OutcomeSkipped
	case "reschedule":
		rep.Outcome, rep.Due = run.OutcomeReschedule, w.now.Add(time.Minute)
	case "deferred":
		rep.Outcome = run.OutcomeDeferred
	default:
		n := len(outcome) - len("success") // success, success+, success++: the length of what it returns
		rep.Length = &n
		rep.XComs = []run.XCom{{Name: dag.ReturnValue, Value: json.RawMessage("[]"), At: w.now}}
		switch w.g.Tasks[t].Operator {
		case "branch":
			rep.Branch = &run.Branch{Kind: run.BranchFollow}
			for i, d := range w.g.Down[t] {
				if (n+i)%2 == 0 && !w.g.Tasks[d].Teardown {
					rep.Branch.Follow = append(rep.Branch.Follow, w.g.Tasks[d].ID)
				}
			}
		case "short":
			if n > 0 {
				rep.Branch = &run.Branch{Kind: []run.BranchKind{run.BranchSkipAll, run.BranchSkipDirect}[n%2]}
			}
		}
	}
	return rep
}

func (w *world) outcome(a run.Attempt) string {
	if w.decide != nil {
		return w.decide(a)
	}
	choices := []string{"success", "success+", "success++", "success+", "failed"}
	if w.shape.skips {
		choices = append(choices, "skipped")
	}
	if w.shape.waits {
		choices = append(choices, "reschedule", "deferred")
	}
	if w.shape.losses {
		choices = append(choices, "infra")
	}
	return rapid.SampledFrom(choices).Draw(w.t, a.String())
}

// states shows everything, for comparing.
func (w *world) states(s *scheduler.Snapshot) string {
	var b strings.Builder
	for _, v := range s.Runs("d") {
		fmt.Fprintf(&b, "%s=%s", v.Run.Run, v.Run.State)
		for _, in := range v.Instances() {
			fmt.Fprintf(&b, " %s=%s", in.Name(), in.State)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
