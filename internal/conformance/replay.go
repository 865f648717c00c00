package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// Mismatch says where a replay left the recording.
type Mismatch struct {
	Scenario string
	// Step counts from 1; 0 is the initial state. Part is what of the step differs.
	Step int
	Part string
	// Ours and Theirs are the two answers.
	Ours, Theirs string
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("%s, step %d, %s:\n  ours   %s\n  theirs %s", m.Scenario, m.Step, m.Part, m.Ours, m.Theirs)
}

// replay is one scenario under way.
type replay struct {
	s      *scenario
	g      *dag.Graph
	snap   *scheduler.Snapshot
	now    time.Time
	states map[string]map[string]run.State
	runs   map[string]run.RunState
	count  map[string]int
	step   int
}

// replayScenario replays one line of a scheduling family. The error is a *Mismatch,
// or says why the scenario could not be set up.
func replayScenario(line []byte) error {
	s := new(scenario)
	if err := json.Unmarshal(line, s); err != nil {
		return err
	}
	r := &replay{s: s, count: map[string]int{}, now: time.Date(2024, 6, 2, 0, 0, 0, 0, time.UTC)}
	if err := r.setUp(); err != nil {
		return fmt.Errorf("%s: %w", s.ID, err)
	}
	r.states, r.runs = r.look()
	if err := r.compareAll(s.Answer.Initial, "initial"); err != nil {
		return err
	}
	for i := range s.Answer.Steps {
		r.step = i + 1
		stop, err := r.playStep(&s.Answer.Steps[i])
		if err != nil || stop {
			return err
		}
	}
	if err := r.compareAll(s.Answer.Final.snapshotOf, "final"); err != nil {
		return err
	}
	return r.compareTries()
}

func (r *replay) setUp() (err error) {
	if r.g, err = r.s.compile(); err != nil {
		return err
	}
	if r.s.Clock != "" {
		if r.now, err = time.Parse(time.RFC3339, r.s.Clock); err != nil {
			return err
		}
	}
	r.snap = scheduler.NewSnapshot()
	pools := map[string]scheduler.Pool{dag.DefaultPool: {Slots: 100000}}
	for name, p := range r.s.Pools {
		pools[name] = scheduler.Pool{Slots: p.Slots, IncludeDeferred: p.IncludeDeferred}
	}
	r.snap.SetPools(pools)
	if err := r.snap.SetDAG(scheduler.DAGInfo{Graph: r.g, Version: "v1"}); err != nil {
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
	r.snap.Flush()
	return nil
}

// look reads the states of everything.
func (r *replay) look() (map[string]map[string]run.State, map[string]run.RunState) {
	states, runs := map[string]map[string]run.State{}, map[string]run.RunState{}
	for _, v := range r.snap.Runs(dagID) {
		runs[v.Run.Run] = v.Run.State
		m := map[string]run.State{}
		for _, in := range v.Instances() {
			m[in.Name()] = in.State
		}
		states[v.Run.Run] = m
	}
	return states, runs
}

// diff looks again and returns what has changed since the last look, in the
// recording's words.
func (r *replay) diff() (stateMap, map[string]string) {
	states, runs := r.look()
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
	return ds, dr
}

func (r *replay) playStep(st *step) (stop bool, err error) {
	for _, a := range st.Actions {
		if err := r.act(a.Action); err != nil {
			return false, err
		}
		r.snap.Flush()
		ds, dr := r.diff()
		if err := r.compare(fmt.Sprintf("action %+v", a.Action), ds, dr, a.States, a.Runs); err != nil {
			return false, err
		}
	}
	if len(st.Starved) > 0 {
		// Airflow leaves these waiting although every limit admits them; we queue them.
		return true, nil
	}
	d := scheduler.Plan(r.snap, r.now)
	r.snap.Flush()
	if again := scheduler.Plan(r.snap, r.now); len(again.Start)+len(again.Runs) > 0 || len(r.snap.Flush()) > 0 {
		return false, &Mismatch{r.s.ID, r.step, "second plan", fmt.Sprintf("%+v", again), "nothing"}
	}
	ds, dr := r.diff()
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
		return false, err
	}
	if err := r.compare("planning", ds, dr, st.States, st.Runs); err != nil {
		return false, err
	}
	return false, r.finish(st)
}

// finish plays the completions of a step, and compares what they did to others.
func (r *replay) finish(st *step) error {
	side := stateMap{}
	for _, d := range st.Done {
		id, name, outcome, want := d[0], d[1], d[2], d[3]
		if err := r.complete(id, name, outcome); err != nil {
			return err
		}
		r.snap.Flush()
		ds, dr := r.diff()
		if len(dr) > 0 {
			return &Mismatch{r.s.ID, r.step, "completion of " + name, fmt.Sprint(dr), "no change of runs"}
		}
		if got := r.states[id][name].String(); got != want {
			return &Mismatch{r.s.ID, r.step, "completion of " + name + " with " + outcome, got, want}
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

func (r *replay) complete(id, name, outcome string) error {
	task, index := splitName(name)
	key := run.Key{ID: run.ID{DAG: dagID, Run: id}, Task: task, Map: index}
	in := r.snap.Run(key.ID).Instance(task, index)
	if in == nil {
		return &Mismatch{r.s.ID, r.step, "completion of " + name, "no such instance", outcome}
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
		return &Mismatch{r.s.ID, r.step, "completion of " + name, "refused in state " + r.snap.Run(key.ID).Instance(task, index).State.String(), outcome}
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

func (r *replay) act(a action) error {
	id := run.ID{DAG: dagID, Run: a.Run}
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
			for _, t := range r.g.DAG.Members(cmpOr(a.Group, a.Task)) {
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

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

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
	return &Mismatch{r.s.ID, r.step, part, ours, theirs}
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
		return &Mismatch{r.s.ID, r.step, "queued in order", strings.Join(ours, " "), strings.Join(theirs, " ")}
	}
	return nil
}

func (r *replay) compareTries() error {
	for id, m := range r.s.Answer.Final.Tries {
		for name, want := range m {
			task, index := splitName(name)
			in := r.snap.Run(run.ID{DAG: dagID, Run: id}).Instance(task, index)
			if in == nil || [2]int{in.Try, in.MaxTries} != want {
				return &Mismatch{r.s.ID, r.step, "tries of " + name, fmt.Sprintf("%+v", in), fmt.Sprint(want)}
			}
		}
	}
	return nil
}
