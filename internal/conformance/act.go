package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/simulate"
)

// complete has an instance do what the recorded one did.
func (r *replay) complete(id, name, outcome string) error {
	task, index := splitName(name)
	key := run.Key{ID: run.ID{DAG: dagID, Run: id}, Task: task, Map: index}
	o, err := simulate.ParseOutcome(outcome)
	if err != nil {
		return fmt.Errorf("%s: %w", r.s.ID, err)
	}
	err = simulate.Act(r.snap, key, o, r.role(task), r.now)
	switch {
	case errors.Is(err, simulate.ErrNoInstance):
		return &Mismatch{Step: r.step, Part: "completion of " + name, Ours: "no such instance", Theirs: outcome}
	case errors.Is(err, simulate.ErrRefused):
		return &Mismatch{Step: r.step, Part: "completion of " + name, Ours: "refused in state " + r.snap.Run(key.ID).Instance(task, index).State.String(), Theirs: outcome}
	}
	return err
}

// role is what the recorded operator does with what is below it.
func (r *replay) role(task string) simulate.Role {
	for _, t := range r.s.DAG.Tasks {
		if t.ID != task {
			continue
		}
		switch t.Kind {
		case "branch":
			return simulate.Role{Kind: simulate.Branch}
		case "latest_only":
			return simulate.Role{Kind: simulate.LatestOnly}
		}
		return simulate.Role{Kind: simulate.ShortCircuit, Direct: t.IgnoreDownstream != nil && !*t.IgnoreDownstream}
	}
	return simulate.Role{}
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
