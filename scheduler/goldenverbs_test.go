package scheduler_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// dag reads a DAG: options, then one task a line.
func (g *golden) dag(words []string) {
	at := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "\n") })
	head, tasks := words[:at], words[at:]
	plain, set := options(head)
	d := &dag.DAG{ID: "d", MaxActiveRuns: 16, MaxActiveTasks: 16, Catchup: set["catchup"] != "", FailFast: set["fail_fast"] != ""}
	if len(plain) > 0 {
		d.ID = plain[0]
	}
	info := scheduler.DAGInfo{}
	if set["callbacks"] != "" {
		d.OnSuccess, d.OnFailure = []dag.Callback{{Kind: dag.CallbackCommand}}, []dag.Callback{{Kind: dag.CallbackCommand}}
	}
	for k, v := range set {
		switch k {
		case "deadline":
			g.deadlines(d, v)
		case "runtimes":
			for text := range strings.SplitSeq(v, ",") {
				info.Runtimes = append(info.Runtimes, g.duration(text))
			}
		case "schedule":
			d.Schedule = dag.ScheduleFromText(strings.ReplaceAll(v, "_", " "), "UTC", dag.ScheduleCompat{})
			if set["assets"] != "" {
				byTime := d.Schedule
				d.Schedule = dag.Schedule{Kind: dag.ScheduleAssetOrTime, Assets: assets(set["assets"]).Assets, Time: &byTime}
			}
		case "assets":
			if set["schedule"] == "" {
				d.Schedule = assets(v)
			}
		case "start":
			at := g.time(v)
			d.StartDate = &at
		case "max_active_runs":
			d.MaxActiveRuns = g.number(v)
		case "max_active_tasks":
			d.MaxActiveTasks = g.number(v)
		case "max_consecutive_failed_dag_runs":
			d.MaxConsecutiveFailedRuns = g.number(v)
		case "dagrun_timeout":
			d.DagrunTimeout = g.duration(v)
		case "catchup", "fail_fast", "callbacks":
		default:
			g.fail("unknown option %s of a dag", k)
		}
	}
	edges := map[string][]string{}
	for _, line := range tasks {
		g.member(d, strings.TrimSpace(line), edges)
	}
	for _, t := range d.Tasks {
		for _, up := range edges[t.ID] {
			if err := d.Connect(up, t.ID); err != nil {
				g.fail("%v", err)
			}
		}
	}
	for _, grp := range d.Groups {
		for _, up := range edges[grp.ID] {
			if err := d.Connect(up, grp.ID); err != nil {
				g.fail("%v", err)
			}
		}
	}
	graph, err := dag.NewGraph(d)
	if err != nil {
		g.fail("%v", err)
	}
	version := fmt.Sprintf("v%d", len(g.versions)+1)
	g.graphs[d.ID], g.versions[version] = graph, graph
	info.Graph, info.Version = graph, version
	g.infos[d.ID] = info
	if err := g.snap.SetDAG(g.infos[d.ID]); err != nil {
		g.fail("%v", err)
	}
}

// deadlines reads "REFERENCE:INTERVAL", several with commas between.
func (g *golden) deadlines(d *dag.DAG, text string) {
	for one := range strings.SplitSeq(text, ",") {
		reference, interval, _ := strings.Cut(one, ":")
		l := dag.Deadline{Reference: dag.DeadlineReference(reference), Interval: g.duration(interval)}
		if at, err := time.Parse(time.DateOnly, reference); err == nil {
			l.Reference, l.At = dag.DeadlineFixed, &at
		}
		if l.Reference == dag.DeadlineAverage {
			l.Limit, l.MinRuns = 3, 2
		}
		d.Deadlines = append(d.Deadlines, l)
	}
}

// called settles what a run owes.
func (g *golden) called(name string) {
	for id, m := range g.stored {
		if id.Run != name {
			continue
		}
		if len(m.run.Owed) == 0 {
			g.fail("%s owes nothing", name)
		}
		for _, c := range m.run.Owed {
			if !g.snap.Called(id, c) {
				g.fail("%s does not owe %+v", name, c)
			}
		}
	}
}

// assets reads "x&y|z", in which & binds closer.
func assets(text string) dag.Schedule {
	cond := &dag.AssetCondition{}
	for part := range strings.SplitSeq(text, "|") {
		all := dag.AssetCondition{}
		for name := range strings.SplitSeq(part, "&") {
			ref := &dag.AssetRef{URI: "x://" + name}
			if alias, is := strings.CutPrefix(name, "alias:"); is {
				ref = &dag.AssetRef{Alias: alias}
			}
			all.All = append(all.All, dag.AssetCondition{Asset: ref})
		}
		cond.Any = append(cond.Any, all)
	}
	return dag.Schedule{Kind: dag.ScheduleAssets, Assets: cond}
}

// member reads the line of a task, or of a group ("group ID [expand=...]").
func (g *golden) member(d *dag.DAG, line string, edges map[string][]string) {
	words := strings.Fields(line)
	var ups []string
	if at := slices.Index(words, "<-"); at >= 0 {
		rest := words[at+1:]
		words = words[:at]
		for len(rest) > 0 && !strings.Contains(rest[0], "=") && !slices.Contains([]string{"inert", "callbacks", "setup", "teardown", "depends_on_past", "wait_for_downstream", "wait_before_skipping", "on_failure_fail_dagrun"}, rest[0]) {
			ups, rest = append(ups, rest[0]), rest[1:]
		}
		words = append(words, rest...)
	}
	if words[0] == "group" {
		grp := &dag.Group{ID: words[1]}
		for _, w := range words[2:] {
			grp.Expand, ups = expand(strings.TrimPrefix(w, "expand="), ups)
		}
		d.Groups = append(d.Groups, grp)
		edges[grp.ID] = ups
		return
	}
	t := dag.NewTask(words[0], "x")
	t.RetryDelay = 5 * time.Minute
	if i := strings.LastIndexByte(t.ID, '.'); i > 0 {
		t.Group = t.ID[:i]
	}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		if k == "expand" {
			t.Expand, ups = expand(v, ups)
			continue
		}
		g.taskOption(t, k, v)
	}
	d.Tasks = append(d.Tasks, t)
	edges[t.ID] = ups
}

func (g *golden) taskOption(t *dag.Task, k, v string) {
	switch k {
	case "rule":
		t.TriggerRule = dag.TriggerRule(v)
	case "inert":
		t.Inert = true
	case "setup":
		t.Setup = true
	case "teardown":
		t.Teardown, t.TriggerRule = true, dag.AllDoneSetupSuccess
	case "on_failure_fail_dagrun":
		t.OnFailureFailDagrun = true
	case "callbacks":
		t.OnFailure, t.OnRetry = []dag.Callback{{Kind: dag.CallbackCommand}}, []dag.Callback{{Kind: dag.CallbackCommand}}
	case "retries":
		t.Retries = g.number(v)
	case "retry_delay":
		t.RetryDelay = g.duration(v)
	case "backoff":
		t.RetryBackoff = float64(g.number(v))
	case "depends_on_past":
		t.DependsOnPast = true
	case "wait_for_downstream":
		t.DependsOnPast, t.WaitForDownstream = true, true
	case "ignore_first":
		t.IgnoreFirstDependsOnPast = v == "true"
	case "wait_before_skipping":
		t.WaitForPastDependsBeforeSkipping = true
	case "pool":
		t.Pool = v
	case "slots":
		t.PoolSlots = g.number(v)
	case "weight":
		t.PriorityWeight = g.number(v)
	case "weight_rule":
		t.WeightRule = dag.WeightRule(v)
	case "max_active_tis_per_dag":
		t.MaxActivePerDAG = g.number(v)
	case "max_active_tis_per_dagrun":
		t.MaxActivePerRun = g.number(v)
	case "outlets":
		t.Outlets = []dag.AssetRef{{URI: "x://" + v}}
	default:
		g.fail("unknown option %s of task %s", k, t.ID)
	}
}

// expand reads "3", "a" or "2*a": literal lists and outputs.
func expand(text string, ups []string) (*dag.Mapping, []string) {
	m := &dag.Mapping{}
	for i, part := range strings.Split(text, "*") {
		arg := dag.MappedArg{Name: fmt.Sprintf("arg%d", i)}
		var n int
		if _, err := fmt.Sscanf(part, "%d", &n); err == nil {
			arg.Literal = make([]any, n)
		} else {
			arg.XCom = &dag.XComRef{Task: part}
			ups = append(ups, part)
		}
		m.Args = append(m.Args, arg)
	}
	return m, ups
}

// end reports the end of an attempt: success, failed, fatal, skipped, reschedule=5m,
// deferred; with cause=C, list=N (what it returned), follow=a,b, skip=direct|all,
// event=ASSET; with seen=worker by somebody who has seen its worker die.
func (g *golden) end(plain []string, set map[string]string) {
	a := g.attempt(plain[0])
	in := g.snap.Run(a.ID).Instance(a.Task, a.Map)
	if in.State == run.Queued && !g.snap.Claim(a, scheduler.Claim{Token: "t", Worker: "w"}, g.now) {
		g.fail("%s cannot be claimed", a)
	}
	rep, report := run.Report{Attempt: a, Token: "t", At: g.now, Outcome: run.OutcomeSuccess}, g.snap.Report
	if len(plain) > 1 {
		rep.Outcome = run.Outcome(plain[1])
	}
	if set["failed"] != "" {
		rep.Outcome = run.OutcomeFailed
	}
	if rep.Outcome == run.OutcomeFailed || rep.Outcome == run.OutcomeFatal {
		rep.Cause, rep.Reason = run.CauseTask, "exit code 1"
	}
	for k, v := range set {
		switch k {
		case "cause":
			rep.Cause = run.Cause(v)
		case "reschedule":
			rep.Outcome, rep.Due = run.OutcomeReschedule, g.now.Add(g.duration(v))
		case "deferred":
			rep.Outcome = run.OutcomeDeferred
		case "failed":
		case "list":
			rep.XComs = []run.XCom{{Name: dag.ReturnValue, Value: json.RawMessage("[]"), At: g.now}}
			n := g.number(v)
			rep.Length = &n
		case "follow":
			rep.Branch = &run.Branch{Kind: run.BranchFollow, Follow: strings.FieldsFunc(v, func(r rune) bool { return r == ',' })}
		case "skip":
			rep.Branch = &run.Branch{Kind: run.BranchKind("skip_" + v)}
		case "event":
			rep.Events = []run.AssetEvent{{Asset: "x://" + v, At: g.now}}
			if alias := set["alias"]; alias != "" {
				rep.Events[0].Aliases = []string{alias}
			}
		case "alias":
		case "seen":
			report = g.snap.ReportLost
		default:
			g.fail("unknown option %s of an end", k)
		}
	}
	if !report(rep, g.now) {
		g.fail("the report of %s is refused", a)
	}
}

// named splits "[run/]task" words into the run and the tasks of it.
func (g *golden) named(words []string) (id run.ID, tasks []string, maps []int) {
	for _, w := range words {
		a := g.attempt(w)
		id = a.ID
		tasks = append(tasks, a.Task)
		if a.Map != run.Unmapped {
			maps = append(maps, a.Map)
		}
	}
	return id, tasks, maps
}

func (g *golden) clear(plain []string, set map[string]string) {
	id, tasks, maps := g.named(plain)
	g.snap.Clear(scheduler.Clear{
		Run: id, Tasks: tasks, Maps: maps, OnlyFailed: set["failed"] != "", Upstream: set["upstream"] != "", Downstream: set["downstream"] != "",
		Past: set["past"] != "", Future: set["future"] != "", KeepRunState: set["keep"] != "", Latest: set["latest"] != "",
	}, g.now)
}

func (g *golden) mark(plain []string, set map[string]string) {
	state, err := run.ParseState(plain[0])
	if err != nil {
		g.fail("%v", err)
	}
	id, tasks, maps := g.named(plain[1:])
	_, _, err = g.snap.Mark(scheduler.Mark{
		Run: id, Tasks: tasks, Maps: maps, State: state, Upstream: set["upstream"] != "", Downstream: set["downstream"] != "",
		Past: set["past"] != "", Future: set["future"] != "",
	}, g.now)
	if err != nil {
		g.fail("%v", err)
	}
}

// backfill plans and starts a backfill; the answer begins with the plan.
func (g *golden) backfill(plain []string, set map[string]string) []string {
	b := scheduler.Backfill{
		ID: plain[0], DAG: "d", From: g.time(plain[1]), To: g.time(plain[2]), Reverse: set["reverse"] != "",
		Reprocess: scheduler.Reprocess(set["reprocess"]), CreatedAt: g.now,
	}
	if set["limit"] != "" {
		b.MaxActiveRuns = g.number(set["limit"])
	}
	var existing []run.Run
	var others []scheduler.Backfill
	for _, m := range g.stored {
		existing = append(existing, m.run)
		if o, ok := g.snap.Backfill(m.run.Backfill); ok {
			others = append(others, o)
		}
	}
	var err error
	if b.Runs, err = scheduler.PlanBackfill(g.graphs["d"], b, others, existing, g.now); err != nil {
		return strings.Split(err.Error(), "\n")
	}
	var out []string
	for _, r := range b.Runs {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.LogicalDate.Format(time.DateOnly), r.Action, r.Reason)))
	}
	if err := g.snap.StartBackfill(b, g.now); err != nil {
		g.fail("%v", err)
	}
	return append(out, g.changes()...)
}
