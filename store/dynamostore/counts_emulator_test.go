//go:build emulator

package dynamostore_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/dynamostore"
)

// meter sums up what is consumed.
type meter struct {
	mu          sync.Mutex
	read, write float64
	ops         map[string]int
}

func (m *meter) consumed(op string, read, write float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ops == nil {
		m.ops = map[string]int{}
	}
	m.read, m.write = m.read+read, m.write+write
	m.ops[op]++
}

// spent returns and resets the sums.
func (m *meter) spent() (read, write float64, ops map[string]int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	read, write, ops = m.read, m.write, m.ops
	m.read, m.write, m.ops = 0, 0, nil
	return read, write, ops
}

// flow drives one run as workers do: each Apply is what one of them decides.
type flow struct {
	t     testing.TB
	s     *dynamostore.Store
	graph *dag.Graph
	snap  *scheduler.Snapshot
	id    run.ID
	now   time.Time
	token int
	// value is what each task returns, nil for nothing.
	value []byte
}

func newFlow(t testing.TB, s *dynamostore.Store, d *dag.DAG) *flow {
	t.Helper()
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 30, 4, 0, 0, 123456000, time.UTC)
	if err := s.PutDAG(t.Context(), store.Definition{ID: d.ID, Version: version, Body: body, At: now}); err != nil {
		t.Fatal(err)
	}
	f := &flow{t: t, s: s, graph: g, now: now, id: run.ID{DAG: d.ID, Run: "scheduled__2026-11-30T04:00:00+00:00"}}
	f.snap = scheduler.NewSnapshot()
	f.snap.RunsOnly = true
	f.snap.SetPools(map[string]scheduler.Pool{dag.DefaultPool: {Slots: 10_000}})
	if err := f.snap.SetDAG(scheduler.DAGInfo{Graph: g, Version: version}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *flow) commit() {
	f.t.Helper()
	res, err := f.s.Apply(f.t.Context(), f.snap.Flush()...)
	if err != nil || !res.OK() {
		f.t.Fatalf("Apply: %+v, %v", res, err)
	}
}

func (f *flow) start() []run.Attempt {
	at := f.now
	f.snap.Create(run.Run{ID: f.id, Type: run.TypeScheduled, State: run.RunQueued, LogicalDate: &at, RunAfter: at,
		IntervalStart: &at, IntervalEnd: &at, TriggeredBy: "scheduler"}, f.now)
	return f.plan()
}

func (f *flow) plan() []run.Attempt { return scheduler.Plan(f.snap, f.now).Start }

func (f *flow) claim(a run.Attempt) {
	f.token++
	f.now = f.now.Add(31 * time.Millisecond)
	c := scheduler.Claim{Token: token(f.token), Worker: "worker-1a2b3c4d", Executor: "lambda", Lease: f.now.Add(15 * time.Minute)}
	if !f.snap.Claim(a, c, f.now) {
		f.t.Fatalf("%s cannot be claimed", a)
	}
}

// token is as long as those of crypto/rand.Text, and of the same letters.
func token(n int) string {
	return "NOTAREALTOKENBUTASLONG" + strings.Map(func(r rune) rune { return r - '0' + 'A' }, fmt.Sprintf("%04d", n))
}

func (f *flow) report(a run.Attempt, n int) {
	f.now = f.now.Add(123456 * time.Microsecond)
	r := run.Report{Attempt: a, Token: token(n), Outcome: run.OutcomeSuccess, At: f.now}
	if f.value != nil {
		r.XComs = []run.XCom{{Name: "return_value", Value: f.value, At: f.now}}
	}
	if !f.snap.Report(r, f.now) {
		f.t.Fatalf("the report of %s is refused", a)
	}
}

func chain(n int) *dag.DAG {
	d := &dag.DAG{ID: "daily_report", MaxActiveRuns: 16, MaxActiveTasks: 10_000}
	for i := range n {
		task := &dag.Task{ID: fmt.Sprintf("transform_%03d", i), Operator: "bash", Pool: dag.DefaultPool, PoolSlots: 1, TriggerRule: dag.AllSuccess}
		if i > 0 {
			task.Upstream = []string{d.Tasks[i-1].ID}
		}
		d.Tasks = append(d.Tasks, task)
	}
	return d
}

func metered(t testing.TB) (*dynamostore.Store, *meter) {
	m := &meter{}
	s, _ := newStore(t, dynamostore.Config{Endpoint: endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL"), Consumed: m.consumed,
		Retention: 90 * 24 * time.Hour})
	return s, m
}

// TestCostOfChain counts what a chain of 100 costs whose worker goes from task to task.
func TestCostOfChain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		value     []byte
		most      float64
		mostInRun float64
	}{{"nothing returned", nil, 1.12, 8}, {"a small value returned", []byte(`{"rows": 12345, "ok": true}`), 1.12, 8}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const n = 100
			s, m := metered(t)
			f := newFlow(t, s, chain(n))
			f.value = tt.value
			m.spent()
			next := f.start()
			f.commit()
			_, made, ops := m.spent()
			t.Logf("the run: %.1f write units, %v", made, ops)
			f.claim(next[0])
			f.commit()
			for i := range n {
				f.report(next[0], f.token)
				if next = f.plan(); len(next) > 0 {
					f.claim(next[0])
				}
				if len(next) == 0 && i < n-1 {
					why, _ := f.snap.Explain(run.Key{ID: f.id, Task: f.graph.DAG.Tasks[i+1].ID, Map: run.Unmapped}, f.now)
					t.Fatalf("nothing follows task %d: %s", i, why)
				}
				f.commit()
			}
			read, write, ops := m.spent()
			t.Logf("the tasks: %.3f write units and %.3f read units each, %v", write/n, read/n, ops)
			if write/n > tt.most {
				t.Errorf("a task costs %.3f write units, want %.2f at most", write/n, tt.most)
			}
			if made > tt.mostInRun {
				t.Errorf("a run costs %.1f write units, want %.2f at most", made, tt.mostInRun)
			}
			checkEnd(t, f, n)
			read, _, ops = m.spent()
			t.Logf("reading the run: %.1f read units, %v", read, ops)
		})
	}
}

// checkEnd makes sure that what was counted is the whole truth.
func checkEnd(t *testing.T, f *flow, n int) {
	t.Helper()
	d, err := f.s.Run(t.Context(), f.id)
	if err != nil || d.Run.State != run.RunSuccess || len(d.Instances) != n {
		t.Fatalf("run: %s with %d instances, %v; want success with %d", d.Run.State, len(d.Instances), err, n)
	}
	for i := range d.Instances {
		if d.Instances[i].State != run.Success {
			t.Errorf("%s is %s", d.Instances[i].Name(), d.Instances[i].State)
		}
	}
}

// TestCostOfFan counts what a fan of 1,000 with its join costs, each task claimed and
// reported by a worker of its own.
func TestCostOfFan(t *testing.T) {
	t.Parallel()
	const n = 1000
	plain := &dag.DAG{ID: "fan", MaxActiveRuns: 16, MaxActiveTasks: 10_000, Tasks: []*dag.Task{{ID: "begin", Operator: "bash", Pool: dag.DefaultPool, PoolSlots: 1, TriggerRule: dag.AllSuccess}}}
	join := &dag.Task{ID: "join", Operator: "bash", Pool: dag.DefaultPool, PoolSlots: 1, TriggerRule: dag.AllSuccess}
	for i := range n {
		id := fmt.Sprintf("load_%04d", i)
		plain.Tasks = append(plain.Tasks, &dag.Task{ID: id, Operator: "bash", Pool: dag.DefaultPool, PoolSlots: 1, TriggerRule: dag.AllSuccess, Upstream: []string{"begin"}})
		join.Upstream = append(join.Upstream, id)
	}
	plain.Tasks = append(plain.Tasks, join)
	var list []any
	for i := range n {
		list = append(list, i)
	}
	mapped := &dag.DAG{ID: "mapped", MaxActiveRuns: 16, MaxActiveTasks: 10_000, Tasks: []*dag.Task{{ID: "begin", Operator: "bash", Pool: dag.DefaultPool, PoolSlots: 1, TriggerRule: dag.AllSuccess},
		{ID: "load", Operator: "bash", Pool: dag.DefaultPool, PoolSlots: 1, TriggerRule: dag.AllSuccess, Upstream: []string{"begin"}, Expand: &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: list}}}},
		{ID: "join", Operator: "bash", Pool: dag.DefaultPool, PoolSlots: 1, TriggerRule: dag.AllSuccess, Upstream: []string{"load"}}}}
	for _, d := range []*dag.DAG{plain, mapped} {
		t.Run(d.ID, func(t *testing.T) {
			t.Parallel()
			s, m := metered(t)
			f := newFlow(t, s, d)
			f.value = []byte("12345")
			m.spent()
			next := f.start()
			f.commit()
			done := 0
			for len(next) > 0 {
				tokens := map[run.Key]int{}
				for _, a := range next {
					f.claim(a)
					tokens[a.Key] = f.token
					f.commit()
				}
				var follow []run.Attempt
				for _, a := range next {
					f.report(a, tokens[a.Key])
					follow = append(follow, f.plan()...)
					f.commit()
					done++
				}
				next = follow
			}
			if done != n+2 {
				t.Fatalf("%d tasks were done, want %d", done, n+2)
			}
			read, write, ops := m.spent()
			t.Logf("%.3f write units and %.3f read units a task, %v", write/(n+2), read/(n+2), ops)
			if write/(n+2) > 3 {
				t.Errorf("a task costs %.3f write units, want 3 at most", write/(n+2))
			}
			checkEnd(t, f, n+2)
			read, _, ops = m.spent()
			t.Logf("reading the run: %.1f read units, %v", read, ops)
			q := store.XComQuery{Run: f.id, Tasks: []string{"load"}, Maps: []int{500}, Name: "return_value"}
			if d == plain {
				q.Tasks, q.Maps = []string{"load_0500"}, []int{run.Unmapped}
			}
			l, err := s.XComs(t.Context(), q)
			if err != nil || len(l) != 1 {
				t.Errorf("xcoms %v, %v; want one", l, err)
			}
			read, _, ops = m.spent()
			t.Logf("pulling an xcom: %.1f read units, %v", read, ops)
			if read > 3 {
				t.Errorf("pulling an xcom costs %.1f read units, want 3 at most", read)
			}
		})
	}
}

// TestCostOfTries counts what a task costs that is tried twice, and a sensor that looks ten
// times.
func TestCostOfTries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		outcome run.Outcome
		times   int
		most    float64
	}{{"retry", run.OutcomeFailed, 1, 12}, {"sensor", run.OutcomeReschedule, 9, 32}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, m := metered(t)
			d := chain(1)
			d.Tasks[0].Retries, d.Tasks[0].RetryDelay = 1, time.Minute
			f := newFlow(t, s, d)
			next := f.start()
			f.commit()
			m.spent()
			for range tt.times {
				f.claim(next[0])
				f.commit()
				f.now = f.now.Add(time.Second)
				r := run.Report{Attempt: next[0], Token: token(f.token), Outcome: tt.outcome, At: f.now, Due: f.now.Add(time.Minute)}
				if tt.outcome == run.OutcomeFailed {
					r.Due, r.Cause, r.ExitCode, r.Reason = time.Time{}, run.CauseTask, 1, "the command ended with exit code 1"
					r.Tail = strings.Repeat("a line of the log that says what went wrong\n", 20)
				}
				if !f.snap.Report(r, f.now) {
					t.Fatal("the report is refused")
				}
				f.plan()
				f.commit()
				f.now = f.now.Add(2 * time.Minute)
				next = f.plan()
				f.commit()
			}
			f.claim(next[0])
			f.commit()
			f.report(next[0], f.token)
			f.plan()
			f.commit()
			read, write, ops := m.spent()
			t.Logf("%.1f write units and %.1f read units, %v", write, read, ops)
			if write > tt.most {
				t.Errorf("it costs %.1f write units, want %.0f at most", write, tt.most)
			}
			checkEnd(t, f, 1)
		})
	}
}

// TestCostOfIdle counts what an hour of ticks costs while nothing happens.
func TestCostOfIdle(t *testing.T) {
	t.Parallel()
	s, m := metered(t)
	look := func(ctx context.Context) {
		open := store.RunFilter{States: []run.RunState{run.RunQueued, run.RunRunning}}
		if _, err := s.ListRuns(ctx, open, store.Page{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ListRuns(ctx, store.RunFilter{Owing: true}, store.Page{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Due(ctx, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	m.spent()
	for range 60 {
		look(t.Context())
	}
	read, write, ops := m.spent()
	t.Logf("%.1f read units, %.1f write units, %v", read, write, ops)
	if read > 180 || write > 0 {
		t.Errorf("an idle hour costs %.1f read and %.1f write units, want 180 and 0 at most", read, write)
	}
}
