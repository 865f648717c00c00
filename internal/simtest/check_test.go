package simtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// checker sees every commit and every execution, and says what must not be. It keeps a
// copy of what is stored, made from the commits alone.
type checker struct {
	mu     sync.Mutex
	ledger *ledger
	graphs map[string]*dag.Graph
	runs   map[run.ID]*record
	// limits says that one process decides about slots, on all that is stored.
	limits bool
	// remote says that workers write, too.
	remote   bool
	capacity int
	// edited are the runs that somebody changed by hand.
	edited   map[run.ID]bool
	problems []string
	// commits counts them; updated is the last with an asset event, answered the last
	// that created a run of the sink.
	commits, updated, answered int
	log                        func(format string, args ...any)
}

// record is the copy of a run.
type record struct {
	run       run.Run
	instances map[string]run.Instance
}

func (c *checker) fail(format string, args ...any) {
	problem := fmt.Sprintf(format, args...)
	c.log("PROBLEM %s", problem)
	if len(c.problems) < 5 {
		c.problems = append(c.problems, problem)
	}
}

func (c *checker) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.counts[what]++
}

func (c *checker) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.problems) > 0
}

// edit says that somebody changes a run by hand from now on.
func (c *checker) edit(id run.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edited[id] = true
}

// committed takes what a store has written. The caller holds mu.
func (c *checker) committed(who string, batches []run.Batch, res store.Result) {
	c.commits++
	for i, b := range batches {
		if res.Refused[i] != nil {
			c.log("%s: refused %s: %v", who, b.Run, res.Refused[i])
			c.ledger.counts["batch refused"]++
			continue
		}
		lost := map[int]bool{}
		for _, l := range res.Lost {
			if l.Batch == i {
				lost[l.Change] = true
				c.ledger.counts["change refused"]++
			}
		}
		c.batch(who, b, lost)
	}
	if c.remote && len(res.Lost) > 0 {
		// A worker starts what takes the slots of the attempt that it reports. If only the
		// report is refused, it gives the new claim back, after this commit.
		c.limits = false
	}
	if c.limits {
		c.checkLimits()
	}
}

func (c *checker) batch(who string, b run.Batch, lost map[int]bool) {
	rec := c.runs[b.Run]
	if b.Create != nil {
		if rec != nil {
			c.fail("run %s is created twice", b.Run)
		}
		rec = &record{run: *b.Create, instances: map[string]run.Instance{}}
		c.runs[b.Run] = rec
		if b.Run.DAG == sink {
			c.answered = c.commits
		}
		c.log("%s: created %s as %s", who, b.Run, b.Create.State)
	}
	if rec == nil {
		c.fail("a commit changes run %s, which is not there", b.Run)
		return
	}
	if u := b.Update; u != nil && !lost[-1] {
		c.log("%s: %s %s -> %s", who, b.Run, rec.run.State, u.Want.State)
		if rec.run.State.Finished() && rec.run.State != u.Want.State && !c.edited[b.Run] {
			c.fail("run %s was %s and becomes %s", b.Run, rec.run.State, u.Want.State)
		}
		rec.run = u.Want
	}
	for i := range b.Changes {
		if !lost[i] {
			c.change(who, rec, &b.Changes[i])
		}
	}
	if len(b.Events) > 0 && len(lost) == 0 {
		c.updated = c.commits
	}
}

func (c *checker) change(who string, rec *record, ch *run.Change) {
	name := ch.Want.Name()
	old, key := rec.instances[name], ch.Want.Key(rec.run.ID)
	c.log("%s: %s %s#%d -> %s#%d %s%s", who, key, old.State, old.Try, ch.Want.State, ch.Want.Try, ch.Want.Token, reason(ch.Want))
	if ch.Gone {
		delete(rec.instances, name)
		return
	}
	// fail_fast and short circuits skip what is upstream_failed already, as Airflow does.
	skips := old.State == run.UpstreamFailed && ch.Want.State == run.Skipped
	if old.State != ch.Want.State && !reachable(old.State, ch.Want.State) && !c.edited[rec.run.ID] && !skips {
		c.fail("%s was %s and becomes %s", key, old.State, ch.Want.State)
	}
	if ch.Archive && !c.edited[rec.run.ID] && old.State != run.UpForRetry {
		c.fail("%s#%d is archived while %s: how it ended is lost", key, old.Try, old.State)
	}
	rec.instances[name] = ch.Want
	if old.Token != "" && old.Token != ch.Want.Token {
		c.ended(rec, &old, &ch.Want)
	}
	if t := ch.Want.Token; t != "" && t != old.Token {
		cl := c.ledger.claim(t, ch.Want.Attempt(rec.run.ID))
		if cl.durable {
			c.fail("token %s of %s claims %s, too", t, cl.attempt, key)
		}
		cl.durable = true
	}
}

func reason(in run.Instance) string {
	if in.Reason == "" {
		return ""
	}
	return " (" + in.Reason + ")"
}

// ended checks the end of a claim: it ends once, and a success is one that was reported.
func (c *checker) ended(rec *record, old, now *run.Instance) {
	a := old.Attempt(rec.run.ID)
	cl := c.ledger.claim(old.Token, a)
	if cl.ended {
		c.fail("the claim %s of %s ends twice", old.Token, a)
	}
	cl.ended = true
	switch now.State {
	case run.Success, run.Skipped, run.UpForReschedule, run.Deferred:
	case run.Failed:
		c.ledger.accepted[a] = old.Token
		return
	default:
		return
	}
	if c.edited[rec.run.ID] || now.Try != old.Try || now.Reason != "" && now.State == run.Skipped {
		return // marked, or skipped by fail_fast or a timeout
	}
	if now.State == run.Skipped && (cl.reported == run.OutcomeReschedule || cl.reported == refusedBusy) {
		return // it was to be tried again, but its upstream skips it
	}
	want := map[run.State]run.Outcome{run.Success: run.OutcomeSuccess, run.Skipped: run.OutcomeSkipped,
		run.UpForReschedule: run.OutcomeReschedule, run.Deferred: run.OutcomeDeferred}[now.State]
	// What was not executed may be given back.
	back := now.State == run.UpForReschedule && (cl.reported == refusedBusy || cl.started == 0)
	if cl.reported != want && !back {
		c.fail("%s becomes %s, but its worker with token %s has reported %q", a, now.State, old.Token, cl.reported)
	}
	if now.State == run.Success || now.State == run.Skipped {
		if t := c.ledger.accepted[a]; t != "" {
			c.fail("%s is ended by %s, and was by %s", a, old.Token, t)
		}
		c.ledger.accepted[a] = old.Token
	}
}

// refusedBusy stands for the report of an attempt that the executor had no room for.
const refusedBusy run.Outcome = "busy"

// dispatched checks what an executor is given: the claim is durable, and is given once.
func (c *checker) dispatched(w executorWork) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, token := w.Attempt(), w.Instance.Token
	c.log("dispatched %s %s resume=%v", a, token, w.Resume)
	var stored run.Instance
	if rec := c.runs[a.ID]; rec != nil {
		stored = rec.instances[w.Instance.Name()]
	}
	if stored.Token != token || stored.Try != a.Try {
		c.fail("%s is dispatched with token %s, but stored is #%d %s with token %q", a, token, stored.Try, stored.State, stored.Token)
	}
}

// executes notes that an execution begins.
func (c *checker) executes(token string, a run.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl := c.ledger.claim(token, a)
	if cl.started++; cl.started > 1 {
		c.fail("%s is executed %d times with token %s", a, cl.started, token)
	}
}

// takeTurn counts how often a try has given its slot back, as long as it has to.
func (c *checker) takeTurn(key string, waits int) (waited int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waited = c.ledger.waited[key]
	if waited < waits {
		c.ledger.waited[key]++
	}
	return waited
}

// effect notes that an execution did what it is for: at most once a try.
func (c *checker) effect(a run.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ledger.effects[a]++; c.ledger.effects[a] > 1 {
		c.fail("%s has its effect %d times", a, c.ledger.effects[a])
	}
}

// reported notes what an executor says of a claim.
func (c *checker) reported(token string, a run.Attempt, o run.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.claim(token, a).reported = o
}

// open says that no commit has ended the claim.
func (c *checker) open(token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	cl := c.ledger.claims[token]
	return cl != nil && !cl.ended
}

// checkLimits counts what is stored against every limit.
func (c *checker) checkLimits() {
	used, perDAG, running, total := map[string]int{}, map[string]int{}, map[string]int{}, 0
	for id, rec := range c.runs {
		if rec.run.State.Finished() {
			continue
		}
		d := c.graphs[id.DAG].DAG
		if rec.run.State == run.RunRunning {
			running[id.DAG]++
		}
		active, perRun := 0, map[string]int{}
		for _, in := range rec.instances {
			task := d.Task(in.Task)
			if in.State.Occupying() {
				active++
			}
			if in.State.Occupying() || in.State == run.Deferred && task.Pool == "q" {
				used[task.Pool] += task.PoolSlots
			}
			if in.State.Occupying() || in.State == run.Deferred {
				perRun[in.Task]++
				perDAG[id.DAG+"."+in.Task]++
				c.within(perDAG[id.DAG+"."+in.Task], task.MaxActivePerDAG, "max_active_tis_per_dag of "+id.DAG+"."+in.Task)
				c.within(perRun[in.Task], task.MaxActivePerRun, "max_active_tis_per_dagrun of "+in.Task+" in "+id.String())
			}
		}
		total += active
		c.within(active, d.MaxActiveTasks, "max_active_tasks in "+id.String())
		c.within(running[id.DAG], d.MaxActiveRuns, "max_active_runs of "+id.DAG)
	}
	for pool, p := range pools() {
		c.within(used[pool], p.Slots, "slots of pool "+pool)
	}
	c.within(total, c.capacity, "parallelism")
}

func (c *checker) within(n, limit int, what string) {
	if limit > 0 && n > limit {
		c.fail("%d of %d %s are used", n, limit, what)
	}
}

// states shows the copy, for comparing and for people.
func (c *checker) states() string {
	var b strings.Builder
	for _, id := range slices.SortedFunc(maps.Keys(c.runs), func(a, b run.ID) int { return strings.Compare(a.String(), b.String()) }) {
		rec := c.runs[id]
		fmt.Fprintf(&b, "%s=%s", id, rec.run.State)
		for _, name := range slices.Sorted(maps.Keys(rec.instances)) {
			fmt.Fprintf(&b, " %s=%s", name, rec.instances[name].State)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// reachable says whether legal transitions lead from one state to another: a commit may
// hold several of them.
func reachable(from, to run.State) bool {
	seen := [run.NumStates]bool{}
	todo := []run.State{from}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		for next := run.None; next < run.NumStates; next++ {
			if s.CanBecome(next) && !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return seen[to]
}
