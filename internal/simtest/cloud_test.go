package simtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/internal/cloudtest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// newCloudScenario makes the scenario of a seed for functions: the real handlers, with what
// goes wrong on AWS.
func newCloudScenario(seed uint64) scenario {
	r := random(seed, "cloud")
	s := scenario{seed: seed, manual: 1 + r.IntN(3), schedulers: 1, workers: 1, cloud: true}
	shape := s.shape(r)
	shape.Literal = true // what a task returns is its token, by which results are told apart
	for i := range 1 + r.IntN(2) {
		s.addDAG(r, shape, i)
	}
	s.faults = newFaults(r)
	s.faults.step = 0 // clocks on AWS do not jump
	some := func(often int) int {
		if r.IntN(3) > 0 {
			return 0
		}
		return often * (1 + r.IntN(4))
	}
	s.aws = cloudtest.Faults{
		Doubled: some(3), Late: some(3), InvokeDoubled: some(3), Throttled: some(4), Cut: some(8), TickMissed: some(2), TickLate: some(3),
		TickDoubled: some(3), KilledCalling: some(12), Killed: some(8), RecordLost: some(2), Until: faultTime,
	}
	return s
}

// newAccount makes the account whose functions work for the world.
func (w *world) newAccount(home string) *cloudtest.Account {
	log := slog.New(slog.DiscardHandler)
	if w.print != nil {
		log = w.slog("aws")
	}
	return cloudtest.New(cloudtest.Config{
		Seed: w.seed, Home: home, Faults: w.aws, Parallelism: capacity, Log: log, Operators: w.operators(),
		Store: func(_ context.Context, p *cloudtest.Process) (store.Store, error) {
			// The names of processes begin alike; who is first at an instant goes by the letter.
			c := w.connect(fmt.Sprintf("%c%s", 'a'+len(p.Name)%20, p.Name), nil)
			c.crash = p.Kill
			p.OnKill(func() { c.dead.Store(true) })
			return c, nil
		},
	})
}

// operators do what the seed says tasks do.
func (w *world) operators() *embedded.Operators {
	op := &task.Operator{Run: w.operator}
	return &embedded.Operators{
		Catalog: func() *dag.Catalog { return dag.NewCatalog() },
		Lookup:  func(string) *task.Operator { return op },
	}
}

// operator is what an attempt does in a function.
func (w *world) operator(ctx context.Context, a *task.Attempt) (task.Result, error) {
	work := executors.Work{Graph: w.check.graphs[a.Key.DAG], Run: *a.Run, Instance: *a.Instance}
	p, token, key := cloudtest.ProcessOf(ctx), a.Instance.Token, ownTry(work)
	if p.Dead() {
		return task.Result{}, errGone
	}
	w.check.dispatched(work)
	w.check.executes(token, a.Key)
	f := w.fateOf(work)
	rng := random(w.seed, "attempt", a.Key, a.Instance.Reschedules)
	select {
	case <-time.After(f.took):
	case <-ctx.Done():
		w.count("attempt stopped")
		w.check.reported(token, a.Key, run.OutcomeFailed)
		return task.Result{}, context.Cause(ctx)
	}
	if p.Dead() {
		return task.Result{}, errGone
	}
	dies := w.faulty() && oneIn(rng, w.faults.workerLost)
	if dies && oneIn(rng, 2) {
		w.count("worker lost before the effect")
		p.Kill()
		return task.Result{}, errGone
	}
	waited := w.check.takeTurn(key, f.waits)
	if waited >= f.waits {
		w.check.effect(a.Key)
	}
	if dies {
		w.count("worker lost after the effect")
		p.Kill()
	}
	if waited < f.waits {
		w.check.reported(token, a.Key, run.OutcomeReschedule)
		return task.Result{}, task.Reschedule(w.clock().Add(7 * time.Minute))
	}
	w.check.reported(token, a.Key, f.outcome)
	switch f.outcome {
	case run.OutcomeFailed:
		return task.Result{}, errors.New("exit code 1")
	case run.OutcomeFatal:
		return task.Result{}, task.Fatal(errors.New("exit code 1"))
	case run.OutcomeSkipped:
		return task.Result{}, task.Skip("it has nothing to do")
	}
	return task.Result{Value: token, Branch: f.branch(work)}, nil
}

// TestCloudFaultsHappen: the default seeds have every kind of fault that functions meet.
func TestCloudFaultsHappen(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for seed := uint64(0); seed < 20; seed++ {
		w := live(t, newCloudScenario(seed), broken{}, nil)
		for _, found := range []map[string]int{w.check.ledger.counts, w.account.Counts()} {
			for what, n := range found {
				counts[what] += n
			}
		}
	}
	for _, what := range []string{
		"message doubled", "message late", "invocation doubled", "call throttled", "answer lost", "tick missed", "tick late", "tick doubled",
		"killed before a call", "killed between a call and its answer", "invocation killed", "record of a failure lost",
		"crash before a commit", "crash after a commit", "crash in a commit", "commit failed after writing", "store read failed",
		"worker lost before the effect", "worker lost after the effect",
	} {
		if counts[what] == 0 {
			t.Errorf("never: %s", what)
		}
	}
}

// defaultCloudSeeds take some seconds on two cores.
const defaultCloudSeeds = 16

// TestCloudSeeds is TestSeeds for functions: UPDRAFT_SIM_CLOUD_SEEDS of them, or only
// UPDRAFT_SIM_CLOUD_SEED.
func TestCloudSeeds(t *testing.T) {
	t.Parallel()
	if os.Getenv("UPDRAFT_SIM_CLOUD_SEED") != "" {
		seed := number(t, "UPDRAFT_SIM_CLOUD_SEED", 0)
		for _, p := range simulate(t, newCloudScenario(seed), func(format string, args ...any) { t.Logf(format, args...) }) {
			t.Error(p)
		}
		return
	}
	seeds := number(t, "UPDRAFT_SIM_CLOUD_SEEDS", defaultCloudSeeds)
	var next atomic.Uint64
	for i := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprintf("worker %d", i), func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1) - 1; seed < seeds; seed = next.Add(1) - 1 {
				if problems := simulate(t, newCloudScenario(seed), nil); len(problems) > 0 {
					t.Errorf("seed %d; replay it with\n\tUPDRAFT_SIM_CLOUD_SEED=%d go test -count=1 -v -run TestCloudSeeds ./internal/simtest\n%s",
						seed, seed, strings.Join(problems, "\n"))
				}
			}
		})
	}
}
