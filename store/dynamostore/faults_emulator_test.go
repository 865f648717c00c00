//go:build emulator

package dynamostore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/dynamostore"
	"github.com/updraft-dev/updraft/store/storetest"
)

// fault is what becomes of a request.
type fault int

const (
	none     fault = iota
	refuse         // it does not arrive
	cutOff         // it is done, and its answer is lost
	throttle       // the server has no throughput
)

// line is a connection with faults.
type line struct {
	client *awshttp.BuildableClient
	// judge says what becomes of the next request of an operation.
	judge func(op string) fault
}

func (l *line) Do(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch l.judge(op) {
	case refuse:
		return nil, errors.New("connection refused")
	case throttle:
		return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
			Body: io.NopCloser(strings.NewReader(failure("ThrottlingException", "Rate exceeded"))), Request: r}, nil
	case cutOff:
		res, err := l.client.Do(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return nil, fmt.Errorf("reading the answer: %w", io.ErrUnexpectedEOF)
	}
	return l.client.Do(r)
}

func writes(op string) bool {
	return strings.HasPrefix(op, "Put") || strings.HasPrefix(op, "Update") || strings.HasPrefix(op, "Delete") ||
		op == "TransactWriteItems" || op == "BatchWriteItem"
}

// faulty opens the table of a store over a line with faults.
func faulty(t testing.TB, cfg dynamostore.Config, judge func(op string) fault) *dynamostore.Store {
	t.Helper()
	ac := awsConfig()
	ac.HTTPClient = &line{client: awshttp.NewBuildableClient(), judge: judge}
	ac.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.RateLimiter = 15, nothing{}
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
		})
	}
	s, err := dynamostore.Open(t.Context(), ac, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nothing limits no retries.
type nothing struct{}

func (nothing) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (nothing) AddTokens(uint) error { return nil }

// TestLostAnswers: the suite holds although every few writes are done and their answers
// lost, so that the SDK sends them again, and other requests are throttled.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	url := endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		_, cfg := newStore(t, dynamostore.Config{Endpoint: url, MaxItem: maxItem})
		var n atomic.Int64
		s := faulty(t, cfg, func(op string) fault {
			switch k := n.Add(1); {
			case writes(op) && k%3 == 0:
				return cutOff
			case k%11 == 0:
				return throttle
			}
			return none
		})
		return storetest.Harness{Store: s, TooLarge: maxItem + 1, Remote: true}
	})
}

// TestStagingOfADeadWriter: of a batch that no transaction can hold nothing is seen before
// all of it is, whenever its writer dies; and another writer can write the same.
func TestStagingOfADeadWriter(t *testing.T) {
	t.Parallel()
	const n = 2000
	url := endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")
	for _, after := range []int{0, 1, 50, 181, 182} {
		t.Run(fmt.Sprintf("after %d writes", after), func(t *testing.T) {
			t.Parallel()
			s, cfg := newStore(t, dynamostore.Config{Endpoint: url})
			id := putMapped(t, s, n)
			var mu sync.Mutex
			done := 0
			dying := faulty(t, cfg, func(op string) fault {
				mu.Lock()
				defer mu.Unlock()
				if writes(op) {
					done++
				}
				if done > after {
					return refuse
				}
				return none
			})
			expansion := store.Batch{Run: id, Changes: expand(n)}
			res, err := dying.Apply(t.Context(), expansion)
			d, loadErr := s.Run(t.Context(), id)
			if loadErr != nil {
				t.Fatal(loadErr)
			}
			switch {
			case err == nil && res.OK() && len(d.Instances) == n:
				return
			case err == nil || len(d.Instances) != 1:
				t.Fatalf("Apply: %+v, %v; then %d instances are there, want all of %d or the unexpanded one", res, err, len(d.Instances), n)
			}
			res, err = s.Apply(t.Context(), expansion)
			if err != nil || !res.OK() {
				t.Fatalf("Apply by another writer: %+v, %v", res, err)
			}
			workOn(t, s, id, n)
		})
	}
}

// putMapped creates a run whose mapped task is not expanded yet.
func putMapped(t testing.TB, s *dynamostore.Store, n int) run.ID {
	t.Helper()
	list := make([]any, n)
	d := &dag.DAG{ID: "mapped", Tasks: []*dag.Task{{ID: "m", Operator: "bash",
		Expand: &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: list}}}}}}
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutDAG(t.Context(), store.Definition{ID: d.ID, Version: version, Body: body}); err != nil {
		t.Fatal(err)
	}
	id := run.ID{DAG: d.ID, Run: "r"}
	r := run.Run{ID: id, State: run.RunRunning, Version: version}
	res, err := s.Apply(t.Context(), store.Batch{Run: id, Create: &r, Changes: []run.Change{
		{Want: run.Instance{Task: "m", Map: run.Unmapped}, If: run.Condition{Absent: true}}}})
	if err != nil || !res.OK() {
		t.Fatalf("Apply: %+v, %v", res, err)
	}
	return id
}

// expand replaces the unexpanded task by its instances.
func expand(n int) []run.Change {
	l := []run.Change{{Want: run.Instance{Task: "m", Map: run.Unmapped}, Gone: true}}
	for i := range n {
		l = append(l, run.Change{Want: run.Instance{Task: "m", Map: i, State: run.Queued, Try: 1}, If: run.Condition{Absent: true}})
	}
	return l
}

// workOn makes sure that instances that came by a staging are like any others.
func workOn(t testing.TB, s *dynamostore.Store, id run.ID, n int) {
	t.Helper()
	d, err := s.Run(t.Context(), id, "m")
	if err != nil || len(d.Instances) != n {
		t.Fatalf("%d instances, %v; want %d", len(d.Instances), err, n)
	}
	for _, i := range []int{0, 1, 11, n - 1} {
		was := run.Instance{Task: "m", Map: i, State: run.Queued, Try: 1}
		now := was
		now.State, now.Token = run.Running, "t"
		res, err := s.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{{Want: now, If: run.Is(&was)}}})
		if err != nil || !res.OK() {
			t.Fatalf("claim of m[%d]: %+v, %v", i, res, err)
		}
		if err := s.PutXCom(t.Context(), now.Key(id), "t", run.XCom{Name: "k", Value: []byte(`1`)}); err != nil {
			t.Fatal(err)
		}
	}
	x, err := s.XComs(t.Context(), store.XComQuery{Run: id, Tasks: []string{"m"}})
	if err != nil || len(x) != 4 {
		t.Errorf("xcoms %v, %v; want 4", x, err)
	}
}

// TestWideRetry: more changes of instances that are there than a transaction holds, each
// with its last try for the history, are all written, and none of those that are lost.
func TestWideRetry(t *testing.T) {
	t.Parallel()
	const n, lost = 1200, 700
	s, _ := newStore(t, dynamostore.Config{Endpoint: endpoint(t, "UPDRAFT_TEST_DYNAMODB_LOCAL")})
	id := putMapped(t, s, n)
	for _, changes := range [][]run.Change{expand(n), {{Want: run.Instance{Task: "m", Map: lost, State: run.Running, Try: 1},
		If: run.Condition{State: run.Queued, Try: 1}}}} {
		if res, err := s.Apply(t.Context(), store.Batch{Run: id, Changes: changes}); err != nil || !res.OK() {
			t.Fatalf("Apply: %+v, %v", res, err)
		}
	}
	var again []run.Change
	for i := range n {
		again = append(again, run.Change{Want: run.Instance{Task: "m", Map: i, State: run.Queued, Try: 2},
			If: run.Condition{State: run.Queued, Try: 1}, Archive: true})
	}
	res, err := s.Apply(t.Context(), store.Batch{Run: id, Changes: again, Events: []run.AssetEvent{{Asset: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Lost) != 1 || res.Lost[0].Change != lost || res.Lost[0].Stored == nil || res.Lost[0].Stored.State != run.Running {
		t.Errorf("Apply: %+v, want change %d lost to a running instance", res, lost)
	}
	d, err := s.Run(t.Context(), id)
	if err != nil || len(d.Instances) != n {
		t.Fatalf("%d instances, %v; want %d", len(d.Instances), err, n)
	}
	for i, in := range d.Instances {
		if want := 2; in.Try != want && i != lost {
			t.Errorf("%s has try %d, want %d", in.Name(), in.Try, want)
		}
	}
	for _, i := range []int{0, lost, n - 1} {
		h, err := s.History(t.Context(), run.Key{ID: id, Task: "m", Map: i})
		if err != nil || (len(h) == 1) != (i != lost) {
			t.Errorf("history of m[%d]: %+v, %v", i, h, err)
		}
	}
	if e, err := s.AssetEvents(t.Context(), "", time.Time{}, time.Time{}, 0); err != nil || len(e) != 0 {
		t.Errorf("events %+v, %v; want none, as a change was lost", e, err)
	}
}
