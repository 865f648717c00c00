package simtest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/updraft-dev/updraft/internal/cloudtest"
)

// defaultSeeds take about ten seconds on two cores.
const defaultSeeds = 300

// number reads a setting of the test from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s=%q is not a number of seeds", name, text)
	}
	return n
}

// TestSeeds runs seeds from 0 on: UPDRAFT_SIM_SEEDS of them, or only UPDRAFT_SIM_SEED,
// and shows what happens in that one.
func TestSeeds(t *testing.T) {
	t.Parallel()
	if os.Getenv("UPDRAFT_SIM_SEED") != "" {
		seed := number(t, "UPDRAFT_SIM_SEED", 0)
		for _, p := range simulate(t, newScenario(seed), func(format string, args ...any) { t.Logf(format, args...) }) {
			t.Error(p)
		}
		return
	}
	seeds := number(t, "UPDRAFT_SIM_SEEDS", defaultSeeds)
	var next atomic.Uint64
	for i := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprintf("worker %d", i), func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1) - 1; seed < seeds; seed = next.Add(1) - 1 {
				if problems := simulate(t, newScenario(seed), nil); len(problems) > 0 {
					t.Errorf("seed %d; replay it with\n\tUPDRAFT_SIM_SEED=%d go test -count=1 -v -run TestSeeds ./internal/simtest\n%s",
						seed, seed, strings.Join(problems, "\n"))
				}
			}
		})
	}
}

// simulate runs a scenario to its end and returns what was wrong.
func simulate(t *testing.T, s scenario, print func(format string, args ...any)) (problems []string) {
	t.Helper()
	w := live(t, s, broken{}, print)
	if problems = w.check.problems; len(problems) > 0 || !s.ordered {
		return problems
	}
	s.faults, s.aws = faults{}, cloudtest.Faults{}
	if calm := live(t, s, broken{}, nil); len(calm.check.problems) > 0 {
		problems = append(calm.check.problems, "this is without any fault")
	} else if with, without := w.check.outcome(), calm.check.outcome(); with != without {
		problems = []string{"with faults it ends so:\n" + with + "without faults so:\n" + without}
	}
	return problems
}

// live runs a scenario in a bubble of virtual time.
func live(t *testing.T, s scenario, b broken, print func(format string, args ...any)) (w *world) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if w, err = newWorld(s, b, print); err != nil {
			t.Fatal(err)
		}
		if s.cloud {
			home, err := os.MkdirTemp("", "sim") // paths of sockets are short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(home)
			w.account = w.newAccount(home)
		}
		w.live()
		if !w.check.failed() {
			w.checkEnd(t.Context())
		}
		if s.cloud {
			w.check.problems = append(w.check.problems, w.account.Problems()...)
		}
	})
	return w
}
