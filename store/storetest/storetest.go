package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Harness is a fresh, empty store and what its driver can do for the tests. The
// harness' maker cleans up.
type Harness struct {
	Store store.Store
	// TooLarge is a size in bytes that no value may have.
	TooLarge int
	// Reopen returns the store as another process would find it, after Store was closed
	// by the test; nil if nothing outlives Close.
	Reopen func(t testing.TB) store.Store
	// Remote says that each call is a request over a network: the random histories are then
	// compared after every few steps only.
	Remote bool
	// Damage spoils a stored item; nil if nobody can.
	Damage func(t testing.TB, item Item)
}

// Item names what Harness.Damage spoils.
type Item struct {
	Kind ItemKind
	// Key says which: its DAG, its run, or its task instance.
	Key run.Key
}

// ItemKind is a kind of stored item.
type ItemKind string

// The kinds of items that Harness.Damage must know.
const (
	ItemInstance ItemKind = "instance"
	ItemRun      ItemKind = "run"
	ItemDAGState ItemKind = "dag state"
)

// Run runs the whole suite. open is called for each test.
func Run(t *testing.T, open func(t testing.TB) Harness) {
	tests := []struct {
		promise string
		test    func(t *testing.T, h Harness)
	}{
		{"what was written is read", testRoundTrip},
		{"creating twice is refused", testCreateTwice},
		{"a logical date is taken once per DAG", testLogicalDate},
		{"a change holds only under its condition", testConditions},
		{"a lost change leaves nothing behind", testLostLeavesNothing},
		{"changes of one batch follow each other", testSequence},
		{"batches stand each for itself", testBatches},
		{"a run changes only under its condition", testUpdate},
		{"of twenty claims one wins", testClaims},
		{"of twenty creates one wins", testCreates},
		{"tries are archived in order", testHistory},
		{"several changes of an instance are steps", testSteps},
		{"an instance can go", testGone},
		{"tasks select instances", testRunTasks},
		{"task and index select instances", testPick},
		{"what lies beside a change stands so", testBeside},
		{"of two that are written at once one finds the other", testBesideAtOnce},
		{"xcoms come and go with changes", testXComsWithChange},
		{"xcoms are fenced", testXComFencing},
		{"xcoms are selected", testXComQuery},
		{"due runs are found", testDue},
		{"runs are filtered and ordered", testListRuns},
		{"runs with finer times than the store has are listed", testFineTimes},
		{"pages are stable under inserts", testPages},
		{"bad page tokens are refused", testBadTokens},
		{"deletion is complete", testDelete},
		{"versions of a DAG stay", testVersions},
		{"DAGs are listed", testListDAGs},
		{"the state of a DAG has revisions", testDAGState},
		{"settings have revisions", testSettings},
		{"asset events are kept", testAssetEvents},
		{"odd names are names", testOddNames},
		{"names that are none are refused", testBadNames},
		{"times keep their precision and come back in UTC", testTimes},
		{"values that are too large are refused", testTooLarge},
		{"large values fit", testLarge},
		{"a cancelled context ends a call", testCancelled},
		{"nothing of the caller's is kept", testOwnership},
		{"what is not there is not found", testNotFound},
		{"a closed store refuses", testClosed},
		{"what was acknowledged outlives the store", testReopen},
		{"damage is reported by name", testDamage},
		{"it answers as the model does", func(t *testing.T, _ Harness) { testDifferential(t, open) }},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
}

// day is when most of the tests happen.
var day = time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// apply applies batches that must all hold.
func apply(t testing.TB, s store.Store, batches ...store.Batch) {
	t.Helper()
	res, err := s.Apply(t.Context(), batches...)
	ok(t, "Apply", err)
	if !res.OK() {
		t.Fatalf("Apply: %+v, want everything to hold", res)
	}
}

// newRun creates a run with instances.
func newRun(t testing.TB, s store.Store, id run.ID, instances ...run.Instance) run.Run {
	t.Helper()
	r := run.Run{ID: id, Type: run.TypeManual, State: run.RunRunning, Version: "v1", RunAfter: day}
	apply(t, s, store.Batch{Run: id, Create: &r, Changes: creations(instances...)})
	return r
}

func creations(instances ...run.Instance) []run.Change {
	var l []run.Change
	for _, i := range instances {
		l = append(l, run.Change{Want: i, If: run.Condition{Absent: true}})
	}
	return l
}

func inst(task string, s run.State, try int, token string) run.Instance {
	return run.Instance{Task: task, Map: run.Unmapped, State: s, Try: try, Token: token}
}

// load returns all of a run.
func load(t testing.TB, s store.Runs, id run.ID, tasks ...string) store.RunData {
	t.Helper()
	d, err := s.Run(t.Context(), id, tasks...)
	ok(t, "Run "+id.String(), err)
	return d
}

func cancelled(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
