package simtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/cloudtest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/timetable"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/storetest"
)

// world is a scenario under way. It lives in a bubble of testing/synctest: a timer fires
// when nothing else is left to do, so that virtual days take milliseconds.
type world struct {
	scenario
	model  *storetest.Model
	check  *checker
	writes map[string]int64 // by connection; under check.mu
	// broken is what does not keep its promises, to show that the checker notices.
	broken    broken
	processes []*process
	// account is where functions run, if there are any.
	account *cloudtest.Account
	// post is the queue between schedulers and workers, if there are any.
	post *post
	// expected are the runs that have to be there in the end.
	expected map[run.ID]bool
	print    func(format string, args ...any) // nil: nowhere

	mu     sync.Mutex
	offset time.Duration
	// busy is the number of operators that are not done.
	busy int
}

// pools are those that randdag's tasks use.
func pools() map[string]settings.Pool {
	return map[string]settings.Pool{"p": {Name: "p", Slots: 2}, "q": {Name: "q", Slots: 3, IncludeDeferred: true}}
}

// broken are ways to break the system on purpose.
type broken struct {
	// twice executes every attempt twice.
	twice bool
	// apply, if set, comes instead of the store's Apply.
	apply func(w *world, batches []run.Batch) (store.Result, error)
}

// newWorld prepares a scenario: stores the DAGs and pools.
func newWorld(s scenario, b broken, print func(format string, args ...any)) (*world, error) {
	w := &world{scenario: s, broken: b, model: storetest.NewModel(), writes: map[string]int64{}, expected: map[run.ID]bool{}, print: print}
	w.check = &checker{ledger: newLedger(), graphs: map[string]*dag.Graph{}, runs: map[run.ID]*record{}, edited: map[run.ID]bool{},
		limits: s.schedulers == 1, remote: s.workers > 0, capacity: capacity, log: w.log}
	ctx := context.Background()
	for _, p := range pools() {
		body, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		if err := w.model.PutSetting(ctx, store.KindPool, store.Setting{ID: p.Name, Value: body, At: epoch()}); err != nil {
			return nil, err
		}
	}
	for _, d := range s.dags {
		if err := w.addDAG(ctx, d); err != nil {
			return nil, fmt.Errorf("DAG %s: %w", d.ID, err)
		}
	}
	return w, nil
}

func (w *world) addDAG(ctx context.Context, d *dag.DAG) error {
	body, version, err := dag.Encode(d)
	if err != nil {
		return err
	}
	if w.check.graphs[d.ID], err = dag.NewGraph(d); err != nil {
		return err
	}
	if err := w.model.PutDAG(ctx, store.Definition{ID: d.ID, Version: version, Body: body, At: epoch()}); err != nil {
		return err
	}
	switch d.Schedule.Kind {
	case "", dag.ScheduleNone:
		for i := range w.manual {
			w.expected[run.ID{DAG: d.ID, Run: fmt.Sprintf("m%d", i)}] = true
		}
	case dag.ScheduleAssets:
	default:
		return w.expectScheduled(d)
	}
	return nil
}

// expectScheduled notes every run that the schedule brings; without catch-up, which ones
// depends on when the scheduler was there.
func (w *world) expectScheduled(d *dag.DAG) error {
	tt, err := timetable.New(d.Schedule)
	if err != nil || !d.Catchup {
		return err
	}
	restriction := timetable.Restriction{Catchup: true, Earliest: *d.StartDate, Latest: *d.EndDate}
	for due, err := range timetable.Runs(tt, nil, restriction, d.EndDate.AddDate(1, 0, 0)) {
		if err != nil {
			return err
		}
		w.expected[run.ID{DAG: d.ID, Run: timetable.RunID(string(run.TypeScheduled), due.LogicalDate(), "")}] = true
	}
	return nil
}

// age is the time since the world began, whatever its clocks say.
func (w *world) age() time.Duration { return time.Since(epoch()) }

func (w *world) faulty() bool { return w.age() < w.faults.until }

// clock is what the clocks of the machines show.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().UTC().Add(w.offset)
}

func (w *world) count(what string) { w.check.count(what) }

func (w *world) log(format string, args ...any) {
	if w.print != nil {
		w.print("%-14s "+format, append([]any{w.age()}, args...)...)
	}
}

func (w *world) fail(format string, args ...any) {
	w.check.mu.Lock()
	defer w.check.mu.Unlock()
	w.check.fail(format, args...)
}

// wait lets virtual time pass.
func (w *world) wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// live runs everything until all has ended and every late message has arrived.
func (w *world) live() {
	ctx, cancel := context.WithCancel(context.Background())
	w.post = newPost(w)
	var wg sync.WaitGroup
	start := func(f func(context.Context)) { wg.Go(func() { f(ctx) }) }
	if w.cloud {
		start(w.account.Run)
	}
	for i := range w.engines() {
		name := string(rune('a' + i))
		p := &process{w: w, name: name, machine: &machine{w: w, name: name, twice: w.broken.twice, attempts: map[string]*attempt{}}}
		w.processes = append(w.processes, p)
		start(p.run)
	}
	for i := range w.remotes() {
		r := &remote{w: w, name: string(rune('w' + i))}
		start(r.run)
	}
	w.busy = 1
	start(w.operate)
	start(w.moveClock)
	for !w.check.failed() {
		w.wait(ctx, 10*time.Minute)
		if w.over() {
			w.wait(ctx, time.Hour)
			break
		}
		if w.age() > horizon {
			w.stuck()
			break
		}
	}
	cancel()
	wg.Wait()
}

// engines and remotes are how many processes live on between what they do.
func (w *world) engines() int {
	if w.cloud {
		return 0
	}
	return w.schedulers
}

func (w *world) remotes() int {
	if w.cloud {
		return 0
	}
	return w.workers
}

// moveClock makes the clocks jump, forward and back, within two hours of the truth.
func (w *world) moveClock(ctx context.Context) {
	rng := random(w.seed, "clock")
	for {
		select {
		case <-w.after(rng, w.faults.step):
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		w.offset = between(rng, -2*time.Hour, 2*time.Hour)
		w.mu.Unlock()
		w.count("clock step")
		w.log("the clocks show %s", w.clock())
	}
}

// over says that all there is to do is done.
func (w *world) over() bool {
	w.mu.Lock()
	busy := w.busy > 0
	w.mu.Unlock()
	w.check.mu.Lock()
	defer w.check.mu.Unlock()
	if busy || w.faulty() {
		return false
	}
	for id := range w.expected {
		if w.check.runs[id] == nil {
			return false
		}
	}
	for _, rec := range w.check.runs {
		if !rec.run.State.Finished() {
			return false
		}
	}
	return w.answered()
}

// answered says that there is a run for the last asset event. Workers date events by their
// own clocks, and one that is dated before a run that another event has triggered does not
// trigger a run of its own; so this holds only where schedulers execute by themselves.
func (w *world) answered() bool {
	return w.check.answered >= w.check.updated || w.check.graphs[sink] == nil || w.workers > 0
}

// stuck says what has not ended.
func (w *world) stuck() {
	w.check.mu.Lock()
	defer w.check.mu.Unlock()
	waiting := map[string]bool{} // DAGs with a run that may wait for ever
	for id, rec := range w.check.runs {
		waiting[id.DAG] = waiting[id.DAG] || w.waits(rec)
	}
	for id := range w.expected {
		if w.check.runs[id] == nil && !waiting[id.DAG] {
			w.check.fail("run %s is not there", id)
		}
	}
	for id, rec := range w.check.runs {
		if !rec.run.State.Finished() && !w.waits(rec) && !(rec.run.State == run.RunQueued && waiting[id.DAG]) {
			w.check.fail("run %s is stuck:\n%s", id, w.check.states())
		}
	}
	if !w.answered() {
		w.check.fail("the asset event of commit %d has no run of the DAG that waits for it", w.check.updated)
	}
}

// waits says that a run may wait for ever: for what an earlier one did not do, or, as in
// Airflow, with a limited task behind instances that a clear has removed, which no rule
// counts as ended and which is no deadlock. Instances that were never written count.
func (w *world) waits(rec *record) bool {
	if rec.run.State != run.RunRunning {
		return false
	}
	removed := false
	for _, in := range rec.instances {
		removed = removed || in.State == run.Removed
	}
	for _, t := range w.check.graphs[rec.run.DAG].Tasks {
		in, there := rec.instances[t.ID]
		if there && in.State.Finished() {
			continue
		}
		if t.DependsOnPast || t.WaitForDownstream || removed && (t.MaxActivePerDAG > 0 || t.MaxActivePerRun > 0) {
			return true
		}
	}
	return false
}

// someOf draws an element of a list.
func someOf[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }
