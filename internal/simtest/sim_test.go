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
	synctest.Test(t, func(*testing.T) {
		w, err := newWorld(s, print)
		if err != nil {
			problems = []string{err.Error()}
			return
		}
		w.live()
		problems = w.check.problems
	})
	return problems
}
