package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

func (r *replay) complete(id, name, outcome string) error {
	task, index := splitName(name)
	key := run.Key{ID: run.ID{DAG: dagID, Run: id}, Task: task, Map: index}
	in := r.snap.Run(key.ID).Instance(task, index)
	if in == nil {
		return &Mismatch{Step: r.step, Part: "completion of " + name, Ours: "no such instance", Theirs: outcome}
	}
	if outcome == "resume" {
		r.snap.Resume(key)
		return nil
	}
	a := run.Attempt{Key: key, Try: in.Try}
	if in.State == run.Queued {
		if !r.snap.Claim(a, scheduler.Claim{Token: "t"}, r.now) {
			return fmt.Errorf("%s: cannot claim %s", r.s.ID, a)
		}
	}
	if outcome == "start" {
		return nil
	}
	rep := run.Report{Attempt: a, Token: "t", At: r.now}
	r.outcome(&rep, outcome)
	if !r.snap.Report(rep, r.now) {
		return &Mismatch{Step: r.step, Part: "completion of " + name, Ours: "refused in state " + r.snap.Run(key.ID).Instance(task, index).State.String(), Theirs: outcome}
	}
	return nil
}

// outcome translates a scripted outcome into what a worker reports.
func (r *replay) outcome(rep *run.Report, outcome string) {
	kind, ignore := r.kind(rep.Task)
	rep.Outcome = run.OutcomeSuccess
	follow := func(names ...string) { rep.Branch = &run.Branch{Kind: run.BranchFollow, Follow: names} }
	what, arg, _ := strings.Cut(outcome, ":")
	switch what {
	case "success":
		if kind == "branch" {
			t, _ := r.g.Index(rep.Task)
			var all []string
			for _, d := range r.g.Down[t] {
				all = append(all, r.g.Tasks[d].ID)
			}
			follow(all...)
		}
		if kind == "latest_only" && !r.snap.Latest(rep.ID, r.now) {
			rep.Branch = &run.Branch{Kind: run.BranchSkipDirect}
		}
	case "fail":
		rep.Outcome, rep.Cause = run.OutcomeFailed, run.CauseTask
	case "fail_no_retry":
		rep.Outcome, rep.Cause = run.OutcomeFatal, run.CauseTask
	case "skip":
		rep.Outcome = run.OutcomeSkipped
	case "xcom":
		pushXCom(rep, arg)
	case "branch":
		if arg == "" {
			follow()
		} else {
			follow(strings.Split(arg, ",")...)
		}
	case "branch_none":
		follow()
	case "false":
		rep.Branch = &run.Branch{Kind: run.BranchSkipAll}
		if !ignore {
			rep.Branch.Kind = run.BranchSkipDirect
		}
	case "reschedule":
		rep.Outcome, rep.Due = run.OutcomeReschedule, r.now
	case "defer":
		rep.Outcome = run.OutcomeDeferred
	}
}

func pushXCom(rep *run.Report, arg string) {
	if arg == "none" {
		return
	}
	rep.XComs = []run.XCom{{Name: dag.ReturnValue, Value: json.RawMessage("[]"), At: rep.At}}
	digits := strings.TrimLeft(arg, "abcdefghijklmnopqrstuvwxyz")
	if n, err := strconv.Atoi(digits); err == nil {
		rep.Length = &n
	} else {
		rep.Unmappable = true
	}
}

func (r *replay) kind(task string) (kind string, ignoreRules bool) {
	for _, t := range r.s.DAG.Tasks {
		if t.ID == task {
			return t.Kind, t.IgnoreDownstream == nil || *t.IgnoreDownstream
		}
	}
	return "", true
}

func splitName(name string) (string, int) {
	if i := strings.LastIndexByte(name, '['); i > 0 && strings.HasSuffix(name, "]") {
		if n, err := strconv.Atoi(name[i+1 : len(name)-1]); err == nil {
			return name[:i], n
		}
	}
	return name, run.Unmapped
}

func (r *replay) act(ctx context.Context, a action) error {
	id := run.ID{DAG: dagID, Run: a.Run}
	if r.kept != nil {
		if err := r.kept.fetch(ctx, r.snap, id, a.Past || a.Future, r.now); err != nil {
			return err
		}
	}
	switch a.Do {
	case "clear":
		c := scheduler.Clear{
			Run: id, OnlyFailed: a.OnlyFailed, Upstream: a.Upstream, Downstream: a.Downstream,
			Past: a.Past, Future: a.Future, KeepRunState: a.ResetDagRuns != nil && !*a.ResetDagRuns,
		}
		for _, name := range a.Tasks {
			task, index := splitName(name)
			c.Tasks = append(c.Tasks, task)
			if index != run.Unmapped {
				c.Maps = append(c.Maps, index)
			}
		}
		r.snap.Clear(c, r.now)
	case "clear_run":
		r.snap.ClearRun(id, a.OnlyFailed, r.now)
	case "mark", "mark_group":
		state, err := run.ParseState(a.State)
		if err != nil {
			return err
		}
		m := scheduler.Mark{Run: id, State: state, Upstream: a.Upstream, Downstream: a.Downstream, Past: a.Past, Future: a.Future}
		if a.Do == "mark_group" {
			for _, t := range r.g.DAG.Members(cmp.Or(a.Group, a.Task)) {
				m.Tasks = append(m.Tasks, t.ID)
			}
		} else {
			task, index := splitName(a.Task)
			m.Tasks = []string{task}
			if index != run.Unmapped {
				m.Maps = []int{index}
			}
		}
		_, _, err = r.snap.Mark(m, r.now)
		return err
	case "mark_run":
		return r.snap.MarkRun(id, run.RunState(a.State), r.now)
	default:
		return fmt.Errorf("unknown action %q", a.Do)
	}
	return nil
}
