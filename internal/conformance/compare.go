package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

func (r *replay) compareAll(want snapshotOf, part string) error {
	ds, dr := stateMap{}, map[string]string{}
	for id, m := range r.states {
		ds[id] = map[string]*string{}
		for name, s := range m {
			ds[id][name] = stateText(s)
		}
		dr[id] = string(r.runs[id])
	}
	return r.compare(part, ds, dr, want.States, want.Runs)
}

func (r *replay) compare(part string, ds stateMap, dr map[string]string, ws stateMap, wr map[string]string) error {
	ours, theirs := describeStates(ds, dr), describeStates(ws, wr)
	if ours == theirs {
		return nil
	}
	return &Mismatch{Step: r.step, Part: part, Ours: ours, Theirs: theirs}
}

func describeStates(s stateMap, runs map[string]string) string {
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(runs)) {
		parts = append(parts, id+"="+runs[id])
	}
	for _, id := range slices.Sorted(maps.Keys(s)) {
		for _, name := range slices.Sorted(maps.Keys(s[id])) {
			text := "null"
			if p := s[id][name]; p != nil {
				text = *p
			}
			parts = append(parts, id+"/"+name+"="+text)
		}
	}
	return strings.Join(parts, " ")
}

// compareQueued compares what was queued: in the limits family with its order, in the
// others as a set.
func (r *replay) compareQueued(st *step, queued stateMap, start []run.Attempt) error {
	var byRun map[string][]string
	var inOrder [][2]string
	if len(st.Queued) > 0 {
		if json.Unmarshal(st.Queued, &byRun) != nil {
			if err := json.Unmarshal(st.Queued, &inOrder); err != nil {
				return err
			}
		}
	}
	if inOrder == nil || st.Tied {
		want := stateMap{}
		add := func(id, n string) {
			if want[id] == nil {
				want[id] = map[string]*string{}
			}
			want[id][n] = nil
		}
		for id, names := range byRun {
			for _, n := range names {
				add(id, n)
			}
		}
		for _, q := range inOrder {
			add(q[0], q[1])
		}
		return r.compare("queued", queued, nil, want, nil)
	}
	var ours, theirs []string
	for _, a := range start {
		ours = append(ours, a.Run+"/"+a.Name())
	}
	for _, q := range inOrder {
		theirs = append(theirs, q[0]+"/"+q[1])
	}
	if !slices.Equal(ours, theirs) {
		return &Mismatch{Step: r.step, Part: "queued in order", Ours: strings.Join(ours, " "), Theirs: strings.Join(theirs, " ")}
	}
	return nil
}

func (r *replay) compareTries(ctx context.Context) error {
	views := r.snap.Runs(dagID)
	if r.kept != nil {
		var err error
		if views, err = r.kept.views(ctx); err != nil {
			return err
		}
	}
	byRun := map[string]*scheduler.View{}
	for _, v := range views {
		byRun[v.Run.Run] = v
	}
	for id, m := range r.s.Answer.Final.Tries {
		for name, want := range m {
			task, index := splitName(name)
			in := byRun[id].Instance(task, index)
			ours := "no such instance"
			if in != nil {
				ours = fmt.Sprint([2]int{in.Try, in.MaxTries})
			}
			if ours != fmt.Sprint(want) {
				return &Mismatch{Step: r.step, Part: "tries of " + name, Ours: ours, Theirs: fmt.Sprint(want)}
			}
		}
	}
	return nil
}

// hidden says that the first instance that only we have queued is one that Airflow does
// not look at: in its run, as many candidates as max_active_tasks go before it, and one
// of those cannot be queued and stays.
func (r *replay) hidden(start []run.Attempt, st *step) bool {
	theirs := map[[2]string]bool{}
	var inOrder [][2]string
	if json.Unmarshal(st.Queued, &inOrder) != nil {
		return false
	}
	for _, q := range inOrder {
		theirs[q] = true
	}
	window := r.g.DAG.MaxActiveTasks
	weight := func(task string) int { t, _ := r.g.Index(task); return r.g.Weight[t] }
	for i, a := range start {
		if theirs[[2]string{a.Run, a.Name()}] {
			continue
		}
		ahead, stuck := 0, 0
		for _, before := range start[:i] {
			if before.Run == a.Run {
				ahead++
			}
		}
		for name, s := range r.states[a.Run] {
			task, _ := splitName(name)
			if s == run.Scheduled && weight(task) > weight(a.Task) {
				stuck++
			}
		}
		return stuck > 0 && ahead+stuck >= window
	}
	return false
}
