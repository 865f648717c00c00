package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// Config says what to simulate. Only Graph, Run and At are needed.
type Config struct {
	Graph *dag.Graph
	// Run is the run: its id, type, dates and conf. It is created, queued, at At.
	Run run.Run
	At  time.Time
	// Outcomes are what executions do, one after the other, by "task" or "task[index]";
	// the last repeats, but a reschedule or deferral is followed by a success. What is
	// not named succeeds, and returns a list of AssumedLength if something is mapped
	// over it.
	Outcomes map[string][]Outcome
	// Durations are how long executions take, by the same names; Duration is for others.
	Durations map[string]time.Duration
	Duration  time.Duration
	Pools     map[string]scheduler.Pool
	// Parallelism bounds what runs at once; 0 is no bound.
	Parallelism int
	// Role is what the operator of a task does with what is below it; nil makes all plain.
	Role func(*dag.Task) Role
}

// AssumedLength is the length of a list that no outcome says.
const AssumedLength = 2

// maxSteps bounds a simulation: a script can reschedule for ever.
const maxSteps = 100_000

// ErrEndless says that a simulation did not end.
var ErrEndless = errors.New("the simulation does not end")

// Event is one thing that happened: a decision of the planner, or the end of an
// execution.
type Event struct {
	At time.Time
	// Task is the instance ("task" or "task[3]"); empty for the run.
	Task string
	// State is what it became, in Airflow's words.
	State string
	Try   int
	// Reason says why, in one sentence without the name.
	Reason string
}

// Result is a simulation that has come to its end.
type Result struct {
	Events    []Event
	Run       run.Run
	Instances []run.Instance
	// End is the virtual time of the last event.
	End time.Time
	// Waiting says, when the run has not ended, what each unfinished instance waits for:
	// nothing happens any more without somebody doing something.
	Waiting []string
	// Unused says of which tasks some outcomes were not asked for.
	Unused []string
}

// simulation is one under way.
type simulation struct {
	c    *Config
	snap *scheduler.Snapshot
	now  time.Time
	// pending are executions and deferrals under way, by their end.
	pending []pending
	// runs counts the executions of each instance.
	runs   map[string]int
	states map[string]run.State
	tries  map[string]int
	// sizes are the numbers of instances of mapped tasks.
	sizes map[string]int
	out   Result
}

// pending is something that happens by itself at a time.
type pending struct {
	at  time.Time
	key run.Key
	try int
	do  Outcome
	// note is added to the reason of the event.
	note string
}

// UnknownTaskError says that a script names a task that the DAG does not have.
type UnknownTaskError struct{ DAG, Task string }

// Error names both.
func (e *UnknownTaskError) Error() string { return fmt.Sprintf("DAG %s has no task %s", e.DAG, e.Task) }

// check says which names of the script are no tasks.
func (c *Config) check() error {
	names := slices.Concat(slices.Collect(maps.Keys(c.Outcomes)), slices.Collect(maps.Keys(c.Durations)))
	slices.Sort(names)
	var faults []error
	for _, name := range slices.Compact(names) {
		task := name
		if at := strings.LastIndexByte(name, '['); at > 0 && strings.HasSuffix(name, "]") {
			task = name[:at]
		}
		if _, ok := c.Graph.Index(task); !ok {
			faults = append(faults, &UnknownTaskError{c.Graph.DAG.ID, task})
		}
	}
	return errors.Join(faults...)
}

// Run plays the run to its end, or until nothing happens any more. The error joins an
// *UnknownTaskError for each name that is no task's.
func Run(c Config) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	s := &simulation{
		c: &c, snap: scheduler.NewSnapshot(), now: c.At, runs: map[string]int{}, states: map[string]run.State{}, tries: map[string]int{},
	}
	s.snap.Parallelism = c.Parallelism
	if c.Pools != nil {
		s.snap.SetPools(c.Pools)
	}
	s.snap.RunsOnly = true
	if err := s.snap.SetDAG(scheduler.DAGInfo{Graph: c.Graph, Version: "simulated"}); err != nil {
		return Result{}, err
	}
	s.snap.Create(c.Run, s.now)
	s.event("", string(run.RunQueued), 0, "it was asked for")
	s.snap.Flush()
	for range maxSteps {
		wake := s.plan()
		v := s.snap.Run(c.Run.ID)
		next, ok := s.next(wake)
		if v.Run.State.Finished() && len(s.pending) == 0 || !ok {
			s.end(v)
			return s.out, nil
		}
		s.now = next
		s.happen()
	}
	return s.out, fmt.Errorf("%w: after %d steps it is %s", ErrEndless, maxSteps, s.now.Format(time.RFC3339))
}

// next is when something happens next.
func (s *simulation) next(wake time.Time) (time.Time, bool) {
	at := wake
	for _, p := range s.pending {
		if at.IsZero() || p.at.Before(at) {
			at = p.at
		}
	}
	if at.Before(s.now) && !at.IsZero() {
		at = s.now
	}
	return at, !at.IsZero()
}

// plan lets the planner decide, and workers take what it queued.
func (s *simulation) plan() (wake time.Time) {
	d := scheduler.Plan(s.snap, s.now)
	started := map[string]bool{}
	for _, a := range d.Start {
		started[a.Name()] = true
	}
	s.decided(started)
	for _, a := range d.Start {
		if err := Act(s.snap, a.Key, Outcome{Word: "start"}, Role{}, s.now); err != nil {
			continue // the planner has taken it back since
		}
		s.pending = append(s.pending, s.execution(a))
	}
	s.snap.Flush()
	v := s.snap.Run(s.c.Run.ID)
	for _, a := range d.Start {
		if in := v.Instance(a.Task, a.Map); in != nil {
			s.states[a.Name()] = in.State
		}
	}
	return d.Wake
}

// decided notes what a plan changed, with the reason.
func (s *simulation) decided(started map[string]bool) {
	for _, b := range s.snap.Flush() {
		var tasks []Event
		for i := range b.Changes {
			c := &b.Changes[i]
			name := c.Want.Name()
			old := s.states[name]
			if c.Gone {
				delete(s.states, name)
				continue
			}
			s.states[name] = c.Want.State
			switch {
			case started[name]:
				tasks = append(tasks, s.made(name, run.Running.String(), max(c.Want.Try, 1), s.met(&c.Want)))
			case old != c.Want.State && c.Want.State != run.None:
				why := s.why(&c.Want)
				if why == "" && c.Want.State == run.Success {
					why = s.met(&c.Want) + "; it does nothing"
				}
				tasks = append(tasks, s.made(name, c.Want.State.String(), c.Want.Try, why))
			}
		}
		begin := b.Update != nil && b.Update.Want.State == run.RunRunning && b.Update.State != run.RunRunning
		if begin {
			s.event("", string(run.RunRunning), 0, "it is due and the limit of active runs allows it")
		}
		s.expand()
		s.out.Events = append(s.out.Events, tasks...)
		if b.Update != nil && !begin && b.Update.Want.State != b.Update.State {
			s.event("", string(b.Update.Want.State), 0, cmp.Or(b.Update.Want.Reason, "all its tasks have ended"))
		}
	}
}

// expand notes the mapped tasks whose number of instances is another one now.
func (s *simulation) expand() {
	now := map[string]int{}
	for _, in := range s.snap.Run(s.c.Run.ID).Instances() {
		if in.Map != run.Unmapped && in.State != run.Removed {
			now[in.Task]++
		}
	}
	for _, t := range s.c.Graph.Tasks {
		if n := now[t.ID]; n != s.sizes[t.ID] {
			s.event(t.ID, "expanded", 0, fmt.Sprintf("what it is mapped over gives it %d instances", n))
		}
	}
	s.sizes = now
}

// execution is what a started attempt is going to do, and when.
func (s *simulation) execution(a run.Attempt) pending {
	name := a.Name()
	n := s.runs[name]
	s.runs[name]++
	s.tries[name] = a.Try
	p := pending{key: a.Key, try: a.Try, do: s.outcome(a.Key, n)}
	took := s.c.Duration
	if d, ok := lookup(s.c.Durations, a.Key); ok {
		took = d
	}
	i, _ := s.c.Graph.Index(a.Task)
	t := s.c.Graph.Tasks[i]
	if limit := t.ExecutionTimeout; limit > 0 && took > limit {
		took, p.do, p.note = limit, Outcome{Word: "fail", Arg: string(run.CauseTimeout)}, "execution_timeout is "+limit.String()
	}
	if p.do.After == 0 && (p.do.Word == "reschedule" || p.do.Word == "defer") {
		p.do.After = dag.DefaultPokeInterval
	}
	if p.do.Word == "success" && p.note == "" && s.mapped(i) {
		p.do = Outcome{Word: "xcom", Arg: fmt.Sprint(AssumedLength)}
		p.note = "assumed, because something is mapped over it: say map:N to choose"
	}
	p.at = s.now.Add(took)
	return p
}

// mapped says whether something is mapped over the output of a task.
func (s *simulation) mapped(task int) bool {
	return slices.ContainsFunc(s.c.Graph.Mappers, func(of []int) bool { return slices.Contains(of, task) })
}

// outcome is what the n-th execution of an instance does.
func (s *simulation) outcome(k run.Key, n int) Outcome {
	list, ok := lookup(s.c.Outcomes, k)
	if !ok || len(list) == 0 {
		return Outcome{Word: "success"}
	}
	if n < len(list) {
		return list[n]
	}
	last := list[len(list)-1]
	if last.Word == "reschedule" || last.Word == "defer" {
		return Outcome{Word: "success"}
	}
	return last
}

// lookup finds what is said of an instance, or else of its task.
func lookup[T any](m map[string]T, k run.Key) (T, bool) {
	if v, ok := m[k.Name()]; ok {
		return v, true
	}
	v, ok := m[k.Task]
	return v, ok
}

// happen ends what ends now.
func (s *simulation) happen() {
	slices.SortStableFunc(s.pending, func(a, b pending) int { return a.at.Compare(b.at) })
	var now []pending
	for len(s.pending) > 0 && !s.pending[0].at.After(s.now) {
		now, s.pending = append(now, s.pending[0]), s.pending[1:]
	}
	for _, p := range now {
		i, _ := s.c.Graph.Index(p.key.Task)
		var role Role
		if s.c.Role != nil {
			role = s.c.Role(s.c.Graph.Tasks[i])
		}
		if err := Act(s.snap, p.key, p.do, role, s.now); err != nil {
			continue // it was stopped before its end
		}
		s.ended(p)
	}
}

// ended notes the end of an execution, and what it did to others.
func (s *simulation) ended(p pending) {
	for _, b := range s.snap.Flush() {
		for i := range b.Changes {
			c := &b.Changes[i]
			name := c.Want.Name()
			old := s.states[name]
			s.states[name] = c.Want.State
			switch {
			case name == p.key.Name():
				s.event(name, c.Want.State.String(), p.try, s.result(p, &c.Want))
			case old != c.Want.State:
				s.event(name, c.Want.State.String(), c.Want.Try, s.why(&c.Want))
			}
		}
	}
	if in := s.snap.Run(p.key.ID).Instance(p.key.Task, p.key.Map); in != nil && in.State == run.Deferred {
		s.pending = append(s.pending, pending{at: s.now.Add(p.do.After), key: p.key, try: p.try, do: Outcome{Word: "resume"}})
	}
}

func (s *simulation) made(task, state string, try int, reason string) Event {
	return Event{At: s.now, Task: task, State: state, Try: try, Reason: reason}
}

func (s *simulation) event(task, state string, try int, reason string) {
	s.out.Events = append(s.out.Events, s.made(task, state, try, reason))
}

// end takes stock.
func (s *simulation) end(v *scheduler.View) {
	s.out.Run, s.out.Instances, s.out.End = v.Run, v.Instances(), s.now
	s.unused()
	if v.Run.State.Finished() {
		return
	}
	for _, in := range s.out.Instances {
		if in.State.Finished() {
			continue
		}
		if why, err := s.snap.Explain(in.Key(v.Run.ID), s.now); err == nil {
			s.out.Waiting = append(s.out.Waiting, why)
		}
	}
}

// unused notes outcomes that nothing came to: the script meant something else, perhaps.
func (s *simulation) unused() {
	most := map[string]int{}
	for name, n := range s.runs {
		task, _, _ := strings.Cut(name, "[")
		most[name], most[task] = max(most[name], n), max(most[task], n)
	}
	for _, name := range slices.Sorted(maps.Keys(s.c.Outcomes)) {
		if given := len(s.c.Outcomes[name]); most[name] < given {
			s.out.Unused = append(s.out.Unused, fmt.Sprintf("%s was executed %d times and has %d outcomes", name, most[name], given))
		}
	}
}
