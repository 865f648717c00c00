package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// Mismatch says where a replay left the recording.
type Mismatch struct {
	// Picture shows what was asked.
	Picture string
	// Step counts from 1; 0 is the initial state. Part is what of the step differs.
	Step int
	Part string
	// Ours and Theirs are the two answers.
	Ours, Theirs string
}

// Error implements error.
func (m *Mismatch) Error() string {
	return fmt.Sprintf("step %d, %s: ours %s, theirs %s", m.Step, m.Part, m.Ours, m.Theirs)
}

// text shows the mismatch on several lines.
func (m *Mismatch) text() string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimRight(m.Picture, "\n"), "\n") {
		if line != "" {
			b.WriteString("    " + line + "\n")
		}
	}
	if m.Step > 0 {
		fmt.Fprintf(&b, "  step %d, %s\n", m.Step, m.Part)
	} else {
		fmt.Fprintf(&b, "  %s\n", m.Part)
	}
	ours, theirs := onlyDifferent(m.Ours, m.Theirs)
	fmt.Fprintf(&b, "  ours    %s\n  theirs  %s\n", ours, theirs)
	return b.String()
}

// onlyDifferent leaves out the words that two lists of assignments share.
func onlyDifferent(a, b string) (string, string) {
	if !strings.Contains(a+b, "=") {
		return a, b
	}
	without := func(text, other string) string {
		there := map[string]bool{}
		for _, w := range strings.Fields(other) {
			there[w] = true
		}
		var out []string
		for _, w := range strings.Fields(text) {
			if !there[w] {
				out = append(out, w)
			}
		}
		if len(out) == 0 {
			return "(nothing more)"
		}
		return strings.Join(out, " ")
	}
	return without(a, b), without(b, a)
}

// replay is one scenario under way.
type replay struct {
	s    *scenario
	g    *dag.Graph
	snap *scheduler.Snapshot
	// kept is the store, for the families that are replayed over one; or nil.
	kept   *kept
	now    time.Time
	states map[string]map[string]run.State
	runs   map[string]run.RunState
	step   int
	// rule is what ended the comparison early.
	rule string
}

// storedFamilies are those whose state is written to a real store and read again at
// every step: what is durable has to be enough to decide by.
var storedFamilies = map[string]bool{"runs": true, "limits": true, "clear_and_mark": true}

// replayScheduling replays a family of scheduling scenarios.
func replayScheduling(ctx context.Context, path, only string) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		k := new(kept)
		defer k.close()
		for o, err := range eachLine(path, func(_ string, line []byte) (Outcome, error) {
			s := new(scenario)
			if err := json.Unmarshal(line, s); err != nil {
				return Outcome{}, err
			}
			if only != "" && s.ID != only {
				return Outcome{ID: s.ID}, nil
			}
			r := &replay{s: s, now: time.Date(2024, 6, 2, 0, 0, 0, 0, time.UTC)}
			if storedFamilies[s.Family] {
				r.kept = k
			}
			return r.play(ctx)
		}) {
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// play replays the scenario; the error says why that is not possible.
func (r *replay) play(ctx context.Context) (Outcome, error) {
	o := Outcome{ID: r.s.ID}
	err := r.playAll(ctx)
	o.Rule = r.rule
	if errors.As(err, &o.Diff) {
		o.Diff.Picture = r.s.picture()
		return o, nil
	}
	if err != nil {
		return o, fmt.Errorf("%s: %w", r.s.ID, err)
	}
	return o, nil
}

func (r *replay) playAll(ctx context.Context) error {
	if err := r.setUp(ctx); err != nil {
		return err
	}
	if r.kept != nil {
		defer r.kept.drop(ctx)
	}
	var err error
	if r.states, r.runs, err = r.look(ctx); err != nil {
		return err
	}
	if err := r.compareAll(r.s.Answer.Initial, "initial"); err != nil {
		return err
	}
	for i := range r.s.Answer.Steps {
		r.step = i + 1
		if err := r.playStep(ctx, &r.s.Answer.Steps[i]); err != nil || r.rule != "" {
			return err
		}
	}
	if err := r.compareAll(r.s.Answer.Final.snapshotOf, "final"); err != nil {
		return err
	}
	return r.compareTries(ctx)
}

func (r *replay) setUp(ctx context.Context) (err error) {
	if r.g, err = r.s.compile(); err != nil {
		return err
	}
	if r.s.Clock != "" {
		if r.now, err = time.Parse(time.RFC3339, r.s.Clock); err != nil {
			return err
		}
	}
	if r.kept != nil {
		if err := r.kept.put(ctx, r.g.DAG, r.now); err != nil {
			return err
		}
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	for _, sr := range r.s.Runs {
		ru := run.Run{ID: run.ID{DAG: dagID, Run: sr.ID}, Type: run.Type(sr.Type), RunAfter: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)}
		if sr.LogicalDate != "" {
			at, err := parseDate(sr.LogicalDate)
			if err != nil {
				return err
			}
			end := at.AddDate(0, 0, 1)
			ru.LogicalDate, ru.IntervalStart, ru.IntervalEnd, ru.RunAfter = &at, &at, &end, at
		}
		r.snap.Create(ru, r.now)
	}
	return r.commit(ctx)
}

// load makes the snapshot: an empty one, or what is in the store.
func (r *replay) load(ctx context.Context) error {
	r.snap = scheduler.NewSnapshot()
	pools := map[string]scheduler.Pool{dag.DefaultPool: {Slots: 100000}}
	for name, p := range r.s.Pools {
		pools[name] = scheduler.Pool{Slots: p.Slots, IncludeDeferred: p.IncludeDeferred}
	}
	r.snap.SetPools(pools)
	if r.kept != nil {
		return r.kept.load(ctx, r.snap)
	}
	return r.snap.SetDAG(scheduler.DAGInfo{Graph: r.g, Version: "v1"})
}

// commit makes durable what has changed.
func (r *replay) commit(ctx context.Context) error {
	batches := r.snap.Flush()
	if r.kept == nil {
		return nil
	}
	return r.kept.apply(ctx, batches)
}

// look reads the states of everything.
func (r *replay) look(ctx context.Context) (map[string]map[string]run.State, map[string]run.RunState, error) {
	views := r.snap.Runs(dagID)
	if r.kept != nil {
		var err error
		if views, err = r.kept.views(ctx); err != nil {
			return nil, nil, err
		}
	}
	states, runs := map[string]map[string]run.State{}, map[string]run.RunState{}
	for _, v := range views {
		runs[v.Run.Run] = v.Run.State
		m := map[string]run.State{}
		for _, in := range v.Instances() {
			m[in.Name()] = in.State
		}
		states[v.Run.Run] = m
	}
	return states, runs, nil
}

// diff looks again and returns what has changed since the last look, in the
// recording's words.
func (r *replay) diff(ctx context.Context) (stateMap, map[string]string, error) {
	states, runs, err := r.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	ds, dr := stateMap{}, map[string]string{}
	for id, st := range runs {
		if r.runs[id] != st {
			dr[id] = string(st)
		}
	}
	put := func(id, name string, s *string) {
		if ds[id] == nil {
			ds[id] = map[string]*string{}
		}
		ds[id][name] = s
	}
	for id, m := range states {
		for name, st := range m {
			if old, there := r.states[id][name]; !there || old != st {
				put(id, name, stateText(st))
			}
		}
		for name := range r.states[id] {
			if _, there := m[name]; !there {
				gone := "gone"
				put(id, name, &gone)
			}
		}
	}
	r.states, r.runs = states, runs
	return ds, dr, nil
}

// change commits what was done and returns what it changed.
func (r *replay) change(ctx context.Context) (stateMap, map[string]string, error) {
	if err := r.commit(ctx); err != nil {
		return nil, nil, err
	}
	return r.diff(ctx)
}

func (r *replay) playStep(ctx context.Context, st *step) error {
	if r.kept != nil {
		if err := r.load(ctx); err != nil {
			return err
		}
	}
	for _, a := range st.Actions {
		if err := r.act(ctx, a.Action); err != nil {
			return err
		}
		ds, dr, err := r.change(ctx)
		if err != nil {
			return err
		}
		if err := r.compare("action "+a.Action.String(), ds, dr, a.States, a.Runs); err != nil {
			return err
		}
	}
	if len(st.Starved) > 0 {
		// These wait in Airflow although every limit admits them; here they are queued.
		r.rule = ruleStarved
		return nil
	}
	return r.plan(ctx, st)
}

// plan plays the second part of a step, and then the third.
func (r *replay) plan(ctx context.Context, st *step) error {
	d := scheduler.Plan(r.snap, r.now)
	ds, dr, err := r.change(ctx)
	if err != nil {
		return err
	}
	if again := scheduler.Plan(r.snap, r.now); len(again.Start)+len(again.Runs) > 0 || len(r.snap.Flush()) > 0 {
		return &Mismatch{Step: r.step, Part: "second plan", Ours: fmt.Sprintf("%+v", again), Theirs: "nothing"}
	}
	queued := stateMap{}
	for id, m := range ds {
		for name, s := range m {
			if s != nil && *s == "queued" {
				if queued[id] == nil {
					queued[id] = map[string]*string{}
				}
				queued[id][name] = nil
				delete(m, name)
			}
		}
		if len(m) == 0 {
			delete(ds, id)
		}
	}
	if err := r.compareQueued(st, queued, d.Start); err != nil {
		if r.hidden(d.Start, st) {
			r.rule = ruleStarved
			return nil
		}
		return err
	}
	if err := r.compare("planning", ds, dr, st.States, st.Runs); err != nil {
		return err
	}
	return r.finish(ctx, st)
}

// finish plays the completions of a step, and compares what they did to others.
func (r *replay) finish(ctx context.Context, st *step) error {
	side := stateMap{}
	for _, d := range st.Done {
		id, name, outcome, want := d[0], d[1], d[2], d[3]
		if err := r.complete(id, name, outcome); err != nil {
			return err
		}
		ds, dr, err := r.change(ctx)
		if err != nil {
			return err
		}
		if len(dr) > 0 {
			return &Mismatch{Step: r.step, Part: "completion of " + name, Ours: fmt.Sprint(dr), Theirs: "no change of runs"}
		}
		if got := r.states[id][name].String(); got != want {
			return &Mismatch{Step: r.step, Part: "completion of " + name + " with " + outcome, Ours: got, Theirs: want}
		}
		delete(ds[id], name)
		for run, m := range ds {
			for n, s := range m {
				if side[run] == nil {
					side[run] = map[string]*string{}
				}
				side[run][n] = s
			}
		}
	}
	return r.compare("side effects", side, nil, st.Side, nil)
}
