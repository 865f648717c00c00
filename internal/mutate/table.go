package main

// mutation is one mistake that somebody could make in the planner.
type mutation struct {
	// rule says which rule it breaks, and how.
	rule string
	// file is below scheduler/; old occurs once in it, and becomes new.
	file, old, new string
}

// table has at least one mistake for each rule of the planner.
var table = []mutation{
	// Trigger rules.
	{"all_success waits for all before it gives up", "rules.go", "case dag.AllSuccess: // rule_all_success, rule_all_success_skip\n\t\tswitch {\n\t\tcase u.failed() > 0:", "case dag.AllSuccess: // rule_all_success, rule_all_success_skip\n\t\tswitch {\n\t\tcase allDone && u.failed() > 0:"},
	{"all_success is upstream_failed by a skip", "rules.go", "\t\tcase skipped > 0:\n\t\t\treturn run.Skipped\n\t\tcase u.counts[run.Removed]", "\t\tcase skipped > 0:\n\t\t\treturn run.UpstreamFailed\n\t\tcase u.counts[run.Removed]"},
	{"removed instances keep all_success waiting", "rules.go", "return success >= n\n", "return success >= u.n\n"},
	{"all_failed is skipped by a success only", "rules.go", "return skipIf(success+skipped > 0)", "return skipIf(success > 0)"},
	{"all_done runs before all are done", "rules.go", "case dag.AllDone: // rule_all_done\n\t\treturn u.done() >= u.n", "case dag.AllDone: // rule_all_done\n\t\treturn u.done() >= u.n-1"},
	{"all_done_min_one_success waits for all before it is skipped", "rules.go", "case skipped > 0:\n\t\t\treturn run.Skipped\n\t\tcase allDone && success == 0:", "case allDone && skipped > 0:\n\t\t\treturn run.Skipped\n\t\tcase allDone && success == 0:"},
	{"one_success needs two", "rules.go", "return success > 0\n\tcase dag.OneFailed", "return success > 1\n\tcase dag.OneFailed"},
	{"one_success of skipped ones is upstream_failed", "rules.go", "case allDone && u.done() == skipped:", "case allDone && u.done() < skipped:"},
	{"one_failed does not count upstream_failed", "rules.go", "return u.failed() > 0\n", "return u.counts[run.Failed] > 0\n"},
	{"one_done counts a skip", "rules.go", "return success+u.counts[run.Failed] > 0\n", "return success+u.counts[run.Failed]+skipped > 0\n"},
	{"none_failed does not run after a skip", "rules.go", "return success+skipped >= n\n", "return success >= n\n"},
	{"none_failed_min_one_success runs when all are skipped", "rules.go", "case skipped == u.n:\n\t\t\treturn run.Skipped", "case skipped > u.n:\n\t\t\treturn run.Skipped"},
	{"none_skipped runs after a skip", "rules.go", "return skipIf(skipped > 0)", "return skipIf(skipped > 1)"},
	{"all_skipped runs after some", "rules.go", "return skipped >= u.n\n", "return skipped > 0\n"},
	{"all_done_setup_success waits for all setups", "rules.go", "case u.setupSuccess == 0:", "case u.setupSuccess < u.setups:"},
	{"always waits", "deps.go", "if t.TriggerRule == dag.Always || len(e.v.Graph.Up[r.task]) == 0 {", "if t.TriggerRule == dag.Always && len(e.v.Graph.Up[r.task]) == 0 {"},

	// Other dependencies.
	{"a retry does not wait for its delay", "deps.go", "case run.UpForRetry:\n\t\td.until", "case run.Failed:\n\t\td.until"},
	{"a task does not share its setup's bad end", "deps.go", "case c[run.Failed]+c[run.UpstreamFailed] > 0:", "case c[run.UpstreamFailed] > 0:"},
	{"a teardown does not wait for its scope", "deps.go", "if sum.finished() < sum.total() {", "if sum.finished() > sum.total() {"},
	{"a mapped group depends on all indexes", "deps.go", "case !sameGroup || !tv.expanded() ||", "case true || !sameGroup || !tv.expanded() ||"},
	{"a task mapped over a failure waits for ever", "deps.go", "if d.mark == run.None && bad != run.None {", "if d.mark == run.None && bad == run.Skipped {"},
	{"a cleared task forgets that a branch skipped it", "deps.go", "if !c.State.Finished() || !c.Choice.Skips(t.ID) {", "if true || !c.State.Finished() || !c.Choice.Skips(t.ID) {"},
	{"depends_on_past passes after a failure", "deps.go", "return sum[run.Success]+sum[run.Skipped] == sum.total()", "return sum.finished() == sum.total()"},
	{"wait_for_downstream does not wait", "deps.go", "if t.WaitForDownstream {\n", "if t.WaitForDownstream && len(prev.Graph.Down[p]) == 0 {\n"},
	{"wait_for_past_depends_before_skipping does not wait", "deps.go", "skippable := pastMet || !t.WaitForPastDependsBeforeSkipping", "skippable := true || pastMet"},
	{"depends_on_past looks at manual runs with catchup", "snapshot.go", "v.Graph.DAG.Catchup && p.Type == run.TypeManual", "false && p.Type == run.TypeManual"},

	// Passes, expansion, the end of a run.
	{"a pass sees its own marks", "pass.go", "\t\t\te.marked[r] = d.mark\n", "\t\t\te.marked[r] = d.mark\n\t\t\tv.finish(map[ref]run.State{r: d.mark}, now)\n"},
	{"an empty mapping is upstream_failed", "pass.go", "case n == 0:\n\t\te.later[r] = run.Skipped", "case n == 0:\n\t\te.later[r] = run.UpstreamFailed"},
	{"the product of mapped arguments is their sum", "pass.go", "\t\tn *= k\n\t}\n\treturn n, true\n}\n\nfunc (v *View) sourceLength", "\t\tn += k - 1\n\t}\n\treturn n, true\n}\n\nfunc (v *View) sourceLength"},
	{"surplus instances stay", "pass.go", "for p := n; p < len(cells); p++ {", "for p := n; p < 0; p++ {"},
	{"a reschedule is a new try", "pass.go", "again := c.State == run.UpForReschedule", "again := c.State == run.None"},
	{"any failed task fails the run", "pass.go", "for _, t := range v.Graph.Leaves {", "for t := range v.tasks {"},
	{"a deadlocked run goes on for ever", "pass.go", "if d := e.examine(ref{t, p}); d.met || d.mark != run.None {", "if d := e.examine(ref{t, p}); !d.met || d.mark != run.None {"},

	// Limits and order.
	{"max_active_tasks lets one more", "plan.go", "return limit > 0 && v.all[run.Queued]+v.all[run.Running] >= limit", "return limit > 0 && v.all[run.Queued]+v.all[run.Running] > limit"},
	{"max_active_tis_per_dagrun does not count", "plan.go", "case t.MaxActivePerRun > 0 &&", "case t.MaxActivePerRun > 1 &&"},
	{"max_active_tis_per_dag does not count", "plan.go", "case t.MaxActivePerDAG > 0 &&", "case t.MaxActivePerDAG > 1 &&"},
	{"pool_slots count as one", "plan.go", "case t.PoolSlots > s.open(t.Pool):", "case s.open(t.Pool) < 1:"},
	{"deferred instances hold no slot of a pool that counts them", "plan.go", "if p.IncludeDeferred {", "if p.IncludeDeferred && p.Slots < 0 {"},
	{"parallelism is not kept", "plan.go", "for len(lanes) > 0 && (s.Parallelism <= 0 || s.occupied < s.Parallelism) {", "for len(lanes) > 0 {"},
	{"the lightest task goes first", "plan.go", "return cmp.Or(cmp.Compare(v.Graph.Weight[b.task], v.Graph.Weight[a.task]),\n\t\t\tcmp.Compare(v.cell(a).Map", "return cmp.Or(cmp.Compare(v.Graph.Weight[a.task], v.Graph.Weight[b.task]),\n\t\t\tcmp.Compare(v.cell(a).Map"},
	{"of two runs the later goes first", "plan.go", "l.v.Graph.Weight[a.task]), compareDates(l.v, o.v),", "l.v.Graph.Weight[a.task]), compareDates(o.v, l.v),"},
	{"max_active_runs start one more", "plan.go", "s.countRunning(dv, v.Run.Backfill) >= limit {", "s.countRunning(dv, v.Run.Backfill) > limit {"},
	{"runs of a paused DAG start", "plan.go", "if dv.Paused || s.backfillPaused(v) {", "if s.backfillPaused(v) {"},
	{"max_active_runs create one more", "runs.go", "\treturn n >= limit\n}\n\n// createByAssets", "\treturn n > limit\n}\n\n// createByAssets"},

	// Runs.
	{"runs are created before they are due", "runs.go", "if due.RunAfter.After(now) {", "if due.RunAfter.After(now.AddDate(0, 0, 1)) {"},
	{"asset updates are consumed twice", "runs.go", "dv.Assets, dv.AssetsSince = nil, at", "dv.AssetsSince = at"},
	{"the date of an asset-triggered run is that of the first update", "runs.go", "if t.After(at) {\n", "if at.IsZero() || t.Before(at) {\n"},
	{"max_consecutive_failed_dag_runs pauses after one more", "runs.go", "if len(ended) < limit {", "if len(ended) <= limit {"},
	{"dagrun_timeout leaves what waits", "runs.go", "if !v.tasks[t].cells[p].State.Finished() {\n\t\t\t\tc := v.set(ref{t, p}, run.Skipped)", "if v.tasks[t].cells[p].State.Occupying() {\n\t\t\t\tc := v.set(ref{t, p}, run.Skipped)"},
	{"a run that is marked calls its callbacks", "mark.go", "v.end(state, \"marked \"+string(state)+\" by a user\", now)\n", "v.end(state, \"marked \"+string(state)+\" by a user\", now)\n\t\tv.owe(run.ReasonFailure)\n"},
	{"a deadline passes one run by", "owed.go", "passed := func(d run.Deadline) bool { return !d.At.After(now) }", "passed := func(d run.Deadline) bool { return d.At.Before(now) }"},
	{"a run that has succeeded keeps its deadlines", "plan.go", "if state == run.RunSuccess {\n\t\tv.met(now)", "if state != run.RunSuccess {\n\t\tv.met(now)"},

	// Attempts.
	{"anybody's report is taken", "report.go", "return c.Token == token && (c.State == run.Running", "return (c.State == run.Running"},
	{"one retry too few", "retry.go", "return in.MaxTries > 0 && in.Try <= in.MaxTries", "return in.MaxTries > 0 && in.Try < in.MaxTries"},
	{"an image that cannot be started is tried again", "retry.go", "rep.Outcome != run.OutcomeFailed || rep.Cause == run.CauseImage", "rep.Outcome != run.OutcomeFailed"},
	{"a lost worker costs a retry", "report.go", "\t\t*used++\n\t\tc.MaxTries++\n", "\t\t*used++\n"},
	{"a fatal failure is tried again", "report.go", "case run.OutcomeFatal:\n\t\tv.fail(r, now)", "case run.OutcomeFatal:\n\t\tv.retry(r, task)"},
	{"max_map_length is not checked", "report.go", "case rep.Length != nil && *rep.Length > dag.DefaultMaxMapLength:", "case rep.Length != nil && *rep.Length < 0:"},
	{"fail_fast stops teardowns", "report.go", "case t == r.task || v.Graph.Tasks[t].Teardown ||", "case t == r.task ||"},
	{"a cleared running task uses up its tries", "report.go", "\tif c.State == run.Restarting {\n\t\tv.restarted(r, rep)\n\t\treturn true\n\t}\n", "\tif c.State == run.Restarting && c.Try <= c.MaxTries {\n\t\tv.restarted(r, rep)\n\t\treturn true\n\t}\n"},
	{"a lease that was renewed runs out", "snapshot.go", "if c.Lease.After(now) {", "if c.Lease.After(now.Add(24 * time.Hour)) {"},

	// Branches, clear and mark.
	{"a branch skips what it reaches through others", "branch.go", "if !slices.Contains(follow, d) && !slices.Contains(reached, d) {", "if !slices.Contains(follow, d) && !slices.Contains(reached[:0], d) {"},
	{"a branch skips what has ended", "branch.go", "case run.Running, run.Success, run.Failed, run.Skipped:", "case run.Running, run.Skipped, run.Failed:"},
	{"a short circuit skips teardowns", "branch.go", "func(t int) bool { return v.Graph.Tasks[t].Teardown })", "func(t int) bool { return v.Graph.Tasks[t].Setup })"},
	{"an unknown choice of a branch is taken", "branch.go", "if _, ok := v.Graph.Index(id); !ok && v.Graph.DAG.Group(id) == nil {", "if _, ok := v.Graph.Index(id); !ok && id == \"\" {"},
	{"clear keeps the tries that are used up", "clear.go", "c.MaxTries = c.Try + v.Graph.Tasks[r.task].Retries", "c.MaxTries = v.Graph.Tasks[r.task].Retries"},
	{"clear of work leaves its setup", "clear.go", "\t\t} else {\n\t\t\taddScope(t)\n\t\t}\n", "\t\t}\n"},
	{"clear with future goes to the past", "clear.go", "if past && before || future && !before {", "if past && !before || future && before {"},
	{"mark leaves the failures behind it", "mark.go", "if o.cell(ref{t, p}).State.Unsuccessful() {", "if o.cell(ref{t, p}).State == run.Skipped {"},
	{"marking a run failed stops teardowns", "mark.go", "case v.Graph.Tasks[t].Teardown:\n\t\t\t\tteardowns = true", "case v.Graph.Tasks[t].Teardown && v.Graph.Tasks[t].Setup:\n\t\t\t\tteardowns = true"},
}
