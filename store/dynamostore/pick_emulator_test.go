//go:build emulator

package dynamostore_test

import (
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store/dynamostore"
)

// TestCostOfLook counts what a worker reads for one instance of a mapped task of 1,000, and
// what it learns of others by its report, which costs no read at all.
func TestCostOfLook(t *testing.T) {
	t.Parallel()
	d := &dag.DAG{ID: "mapped", MaxActiveRuns: 16, MaxActiveTasks: 10_000, Tasks: []*dag.Task{dag.NewTask("load", "bash")}}
	d.Tasks[0].Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: make([]any, 1000)}}}
	s, cfg := newStore(t, dynamostore.Config{Endpoint: endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")})
	f := newFlow(t, s, d)
	attempts := f.start()
	f.commit()

	m := &meter{}
	cfg.Consumed = m.consumed
	worker, err := dynamostore.Open(t.Context(), awsConfig(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Close() })
	for _, tt := range []struct {
		name  string
		index int
		most  float64
	}{{"of a run that it does not know", 500, 4}, {"of one that it knows", 900, 2}} {
		data, err := worker.Pick(t.Context(), f.id, run.Key{Task: "load", Map: tt.index})
		if err != nil || len(data.Instances) != 1 || data.Instances[0].Map != tt.index {
			t.Fatalf("%s: %d instances, %v; want one", tt.name, len(data.Instances), err)
		}
		if read, _, ops := m.spent(); read > tt.most {
			t.Errorf("%s: it costs %.1f read units, want %.1f at most: %v", tt.name, read, tt.most, ops)
		}
	}

	f.s = worker
	f.claim(attempts[500])
	f.commit()
	f.report(attempts[500], f.token)
	m.spent()
	res, err := worker.Apply(t.Context(), f.snap.Flush()...)
	if err != nil || !res.OK() {
		t.Fatalf("Apply: %+v, %v", res, err)
	}
	states := map[int]run.State{}
	for _, n := range res.Beside {
		states[n.Map] = n.State
	}
	if len(states) < 8 || states[500] != run.Success || states[501] != run.Queued {
		t.Errorf("beside what was reported: %+v, want the shard as it is now", res.Beside)
	}
	if read, write, _ := m.spent(); read > 0 || write > 1 {
		t.Errorf("a report costs %.1f read and %.1f write units, want 0 and 1", read, write)
	}
}
