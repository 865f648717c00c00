//go:build emulator

package dynamostore_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/dynamostore"
)

// dyingAfter opens the table of a store for a writer that dies after some writes.
func dyingAfter(t testing.TB, cfg dynamostore.Config, n int) *dynamostore.Store {
	var mu sync.Mutex
	done := 0
	return faulty(t, cfg, func(op string) fault {
		mu.Lock()
		defer mu.Unlock()
		if writes(op) {
			done++
		}
		if done > n {
			return refuse
		}
		return none
	})
}

var active = store.RunFilter{States: []run.RunState{run.RunQueued, run.RunRunning}}

func listed(t testing.TB, s *dynamostore.Store, f store.RunFilter) (names []string) {
	t.Helper()
	l, err := s.ListRuns(t.Context(), f, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range l.Items {
		names = append(names, r.ID.String()+" "+string(r.State))
	}
	return names
}

// TestWritersDie: wherever a writer of a run's header dies, the lists show what is so, and
// the next writer can go on.
func TestWritersDie(t *testing.T) {
	t.Parallel()
	url := endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")
	at := time.Date(2026, 11, 30, 4, 0, 0, 0, time.UTC)
	id := run.ID{DAG: "d", Run: "r"}
	created := run.Run{ID: id, State: run.RunRunning, RunAfter: at, LogicalDate: &at, Backfill: "b",
		Owed: []run.Call{{Kind: run.CallDeadline, At: at}}}
	ended := created
	ended.State, ended.Owed = run.RunSuccess, nil
	again := ended
	again.State, again.Clears = run.RunRunning, 1
	steps := []struct {
		name  string
		batch store.Batch
		want  string
		lists []store.RunFilter
		gone  []store.RunFilter
	}{
		{"create", store.Batch{Run: id, Create: &created}, "d/r running", []store.RunFilter{{}, active, {Owing: true}, {Backfill: "b"}}, nil},
		{"end", store.Batch{Run: id, Update: &run.RunChange{Want: ended, State: run.RunRunning}}, "d/r success",
			[]store.RunFilter{{}, {DAG: "d"}, {Backfill: "b"}}, []store.RunFilter{active, {Owing: true}}},
		{"clear", store.Batch{Run: id, Update: &run.RunChange{Want: again, State: run.RunSuccess}}, "d/r running",
			[]store.RunFilter{{}, active}, []store.RunFilter{{Owing: true}}},
	}
	for n := range 6 {
		t.Run(fmt.Sprintf("after %d writes", n), func(t *testing.T) {
			t.Parallel()
			s, cfg := newStore(t, dynamostore.Config{Endpoint: url})
			for _, step := range steps {
				_, _ = dyingAfter(t, cfg, n).Apply(t.Context(), step.batch)
				half := listed(t, s, active)
				d, err := s.Run(t.Context(), id)
				if err == nil && !d.Run.State.Finished() != (len(half) == 1) {
					t.Errorf("%s: the run is %s, and the list of active runs %v", step.name, d.Run.State, half)
				}
				// The next writer finds it done, or does it.
				if _, err := s.Apply(t.Context(), step.batch); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				for _, f := range step.lists {
					if got := listed(t, s, f); len(got) != 1 || got[0] != step.want {
						t.Errorf("%s: the list %+v has %v, want %s", step.name, f, got, step.want)
					}
				}
				for _, f := range step.gone {
					if got := listed(t, s, f); len(got) != 0 {
						t.Errorf("%s: the list %+v has %v, want nothing", step.name, f, got)
					}
				}
			}
			_ = dyingAfter(t, cfg, n).DeleteRun(t.Context(), id)
			if err := s.DeleteRun(t.Context(), id); err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			if got := listed(t, s, store.RunFilter{}); len(got) != 0 {
				t.Errorf("after deletion the list has %v", got)
			}
			res, err := s.Apply(t.Context(), steps[0].batch)
			if err != nil || !res.OK() {
				t.Errorf("creating it again: %+v, %v", res, err)
			}
		})
	}
}

// TestOrphansGo: an entry of a list that nobody made true is removed by who reads it, once
// it is old enough that nobody is about to.
func TestOrphansGo(t *testing.T) {
	t.Parallel()
	_, cfg := newStore(t, dynamostore.Config{Endpoint: endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")})
	id := run.ID{DAG: "d", Run: "r"}
	_, err := dyingAfter(t, cfg, 2).Apply(t.Context(), store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunRunning}})
	if err == nil {
		t.Fatal("the writer did not die")
	}
	entries := func() int32 {
		pk := "list#active"
		out, err := client(cfg).Query(t.Context(), &dynamodb.QueryInput{TableName: &cfg.Table, KeyConditionExpression: ptr("pk = :pk"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: pk}}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Count
	}
	for _, tt := range []struct {
		later time.Duration
		want  int32
	}{{0, 1}, {50 * time.Minute, 1}, {2 * time.Hour, 0}} {
		cfg.Now = func() time.Time { return time.Now().Add(tt.later) }
		s, err := dynamostore.Open(t.Context(), awsConfig(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got := listed(t, s, active); len(got) != 0 {
			t.Errorf("the list has %v", got)
		}
		if got := entries(); got != tt.want {
			t.Errorf("after %s there are %d entries, want %d", tt.later, got, tt.want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// TestJoin: of workers that finish at once at least one sees all of them finished, and one
// of those that do wins the right to start what follows.
func TestJoin(t *testing.T) {
	t.Parallel()
	const n, rounds = 24, 5
	first, cfg := newStore(t, dynamostore.Config{Endpoint: endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")})
	for round := range rounds {
		id := run.ID{DAG: "d", Run: strconv.Itoa(round)}
		up := make([]run.Change, n)
		for i := range up {
			up[i] = run.Change{Want: run.Instance{Task: fmt.Sprint("t", i), Map: run.Unmapped, State: run.Running, Try: 1, Token: fmt.Sprint(i)},
				If: run.Condition{Absent: true}}
		}
		res, err := first.Apply(t.Context(), store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunRunning}, Changes: up})
		if err != nil || !res.OK() {
			t.Fatalf("Apply: %+v, %v", res, err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		saw, won := 0, 0
		for i := range n {
			wg.Go(func() {
				complete, winner := finish(t, cfg, id, up[i].Want)
				mu.Lock()
				defer mu.Unlock()
				saw, won = saw+complete, won+winner
			})
		}
		wg.Wait()
		if saw < 1 || won != 1 {
			t.Errorf("%d of %d saw that all were finished, and %d started the join; want one at least, and one", saw, n, won)
		}
	}
}

// finish is a worker of its own that reports an instance, and starts the join if it can.
func finish(t testing.TB, cfg dynamostore.Config, id run.ID, in run.Instance) (saw, won int) {
	s, err := dynamostore.Open(t.Context(), awsConfig(), cfg)
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	done := in
	done.State, done.Token = run.Success, ""
	res, err := s.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{{Want: done, If: run.Is(&in)}}})
	if err != nil || !res.OK() {
		t.Errorf("report: %+v, %v", res, err)
		return 0, 0
	}
	d, err := s.Run(t.Context(), id)
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	for i := range d.Instances {
		if d.Instances[i].Task != "join" && !d.Instances[i].State.Finished() {
			return 0, 0
		}
	}
	join := run.Instance{Task: "join", Map: run.Unmapped, State: run.Queued, Try: 1}
	res, err = s.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{{Want: join, If: run.Condition{Absent: true}}}})
	if err != nil {
		t.Error(err)
	}
	if err == nil && res.OK() {
		won = 1
	}
	return 1, won
}

// TestRetention: what belongs to a run is removed by DynamoDB after its time, and what is
// under way never.
func TestRetention(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Second)
	s, cfg := newStore(t, dynamostore.Config{Endpoint: endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL"), Retention: 30 * 24 * time.Hour,
		Now: func() time.Time { return now }})
	id := run.ID{DAG: "d", Run: "r"}
	r := run.Run{ID: id, State: run.RunRunning, RunAfter: now, LogicalDate: &now}
	i := run.Instance{Task: "t", Map: run.Unmapped, State: run.Running, Try: 1}
	ttls := func() map[string]string {
		out, err := client(cfg).Scan(t.Context(), &dynamodb.ScanInput{TableName: &cfg.Table})
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for _, it := range out.Items {
			k := it["pk"].(*types.AttributeValueMemberS).Value + " " + it["sk"].(*types.AttributeValueMemberS).Value[:1]
			m[k] = ""
			if v, is := it["ttl"].(*types.AttributeValueMemberN); is {
				m[k] = v.Value
			}
		}
		return m
	}
	in := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	const days = 24 * time.Hour
	step := func(b store.Batch) map[string]string {
		res, err := s.Apply(t.Context(), b)
		if err != nil || !res.OK() {
			t.Fatalf("Apply: %+v, %v", res, err)
		}
		return ttls()
	}
	got := step(store.Batch{Run: id, Create: &r, Changes: []run.Change{{Want: i, If: run.Condition{Absent: true}}}})
	for k, want := range map[string]string{"run#d#r m": "", "list#active 9": "", "names#dag d": "", "run#d#r s": in(37 * days),
		"list#dag#d 9": in(37 * days), "dag#d t": in(37 * days)} {
		if ttl, there := got[k]; !there || ttl != want {
			t.Errorf("under way: item %q goes at %q, want %q", k, ttl, want)
		}
	}
	ended := r
	ended.State = run.RunSuccess
	got = step(store.Batch{Run: id, Update: &run.RunChange{Want: ended, State: run.RunRunning}})
	if got["run#d#r m"] != in(30*days) {
		t.Errorf("ended: the run goes at %q, want %q", got["run#d#r m"], in(30*days))
	}
	got = step(store.Batch{Run: id, Update: &run.RunChange{Want: r, State: run.RunSuccess}})
	if ttl := got["run#d#r m"] + got["list#active 9"]; ttl != "" {
		t.Errorf("cleared: the run goes at %q, want never", ttl)
	}
}

// TestRunMadeAgain: a process that knows a run from before it was deleted and made again
// neither writes to the old one nor reads it.
func TestRunMadeAgain(t *testing.T) {
	t.Parallel()
	s, cfg := newStore(t, dynamostore.Config{Endpoint: endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")})
	other, err := dynamostore.Open(t.Context(), awsConfig(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	id := run.ID{DAG: "d", Run: "r"}
	a, b := run.Instance{Task: "a", Map: run.Unmapped, State: run.Running, Try: 1, Token: "t"}, run.Instance{Task: "b", Map: 3}
	create := store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunRunning},
		Changes: []run.Change{{Want: a, If: run.Condition{Absent: true}}}}
	add := store.Batch{Run: id, Changes: []run.Change{{Want: b, If: run.Condition{Absent: true}}}}
	done := a
	done.State, done.Token = run.Success, ""
	report := store.Batch{Run: id, Changes: []run.Change{{Want: done, If: run.Is(&a)}}}
	apply := func(s *dynamostore.Store, b store.Batch) store.Result {
		t.Helper()
		res, err := s.Apply(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	apply(s, create)
	if _, err := other.Run(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRun(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]store.Batch{"a report": report, "a new instance": add} {
		if res := apply(other, b); !errors.Is(res.Refused[0], store.ErrNotFound) {
			t.Errorf("%s for a run that was deleted: %+v, want it refused", name, res)
		}
	}
	apply(s, create)
	if _, err := other.Run(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRun(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	apply(s, create)
	for _, b := range []store.Batch{add, report} {
		if res := apply(other, b); !res.OK() {
			t.Errorf("%+v, want it to hold for the run as it is now", res)
		}
	}
	d, err := s.Run(t.Context(), id)
	if err != nil || len(d.Instances) != 2 || d.Instances[0].State != run.Success {
		t.Errorf("the run has %+v, %v; want both instances", d.Instances, err)
	}
}

// TestCreateTable: a table is made once.
func TestCreateTable(t *testing.T) {
	t.Parallel()
	s, cfg := newStore(t, dynamostore.Config{Endpoint: endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")})
	if err := s.CreateTable(t.Context(), dynamostore.TableOptions{}); !errors.Is(err, store.ErrExists) {
		t.Errorf("making it again: %v, want %v", err, store.ErrExists)
	}
	out, err := client(cfg).DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &cfg.Table})
	if err != nil || out.TimeToLiveDescription.AttributeName == nil || *out.TimeToLiveDescription.AttributeName != dynamostore.Schema().TTL {
		t.Errorf("expiry: %+v, %v", out, err)
	}
}

// TestProtectedTable: a table for keeps cannot be deleted by mistake, and has backups.
func TestProtectedTable(t *testing.T) {
	t.Parallel()
	cfg := dynamostore.Config{Endpoint: endpoint(t, "AWS_ENDPOINT_URL"), Table: fmt.Sprint("protected-", time.Now().UnixNano())}
	s, err := dynamostore.Open(t.Context(), awsConfig(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTable(t.Context(), dynamostore.TableOptions{Protected: true}); err != nil {
		t.Fatal(err)
	}
	db := client(cfg)
	if _, err := db.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &cfg.Table}); err == nil {
		t.Error("the table was deleted")
	}
	out, err := db.DescribeContinuousBackups(t.Context(), &dynamodb.DescribeContinuousBackupsInput{TableName: &cfg.Table})
	if err != nil {
		t.Fatal(err)
	}
	got := out.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus
	if got != types.PointInTimeRecoveryStatusEnabled {
		t.Errorf("point-in-time recovery is %s", got)
	}
	_, err = db.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: &cfg.Table, DeletionProtectionEnabled: ptr(false)})
	if err == nil {
		_, err = db.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &cfg.Table})
	}
	if err != nil {
		t.Error(err)
	}
}
