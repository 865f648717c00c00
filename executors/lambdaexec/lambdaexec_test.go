package lambdaexec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// call is an invocation that Lambda has accepted.
type call struct {
	function string
	attempts []queue.Envelope
}

// cloud answers as the API of Lambda does.
type cloud struct {
	t      testing.TB
	config aws.Config

	mu    sync.Mutex
	calls []call
	// atOnce and most count the requests under way.
	atOnce, most int
	// hold, if there is one, holds requests until it is closed.
	hold chan struct{}
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	c := &cloud{t: t}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	c.config = aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL), HTTPClient: client, Credentials: aws.AnonymousCredentials{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.atOnce++
	c.most = max(c.most, c.atOnce)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.atOnce--
		c.mu.Unlock()
	}()
	if c.hold != nil {
		<-c.hold
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/")
	name, ok2 := strings.CutSuffix(name, "/invocations")
	list, err := lambdaevent.Decode(body)
	if !ok || !ok2 || r.Header.Get("X-Amz-Invocation-Type") != "Event" || err != nil {
		c.t.Errorf("request %s %s %s: %v", r.URL, r.Header, body, err)
	}
	if q := r.URL.Query().Get("Qualifier"); q != "" {
		name += ":" + q
	}
	broken := slices.ContainsFunc(list, func(e queue.Envelope) bool { return e.Attempt.Task == executortest.Broken })
	switch {
	case broken || name == "throttled":
		refuse(w, http.StatusTooManyRequests, "TooManyRequestsException", `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`)
	case name == "missing":
		refuse(w, http.StatusNotFound, "ResourceNotFoundException", `{"Type":"User","Message":"Function not found"}`)
	case name == "loop":
		refuse(w, http.StatusBadRequest, "RecursiveInvocationException", `{"Type":"User","Message":"stopped"}`)
	case name == "strange":
		w.WriteHeader(http.StatusOK)
	default:
		c.mu.Lock()
		c.calls = append(c.calls, call{name, list})
		c.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	}
}

func refuse(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("X-Amzn-ErrorType", kind)
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

func (c *cloud) accepted() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

func (c *cloud) attempts() []run.Attempt {
	var out []run.Attempt
	for _, one := range c.accepted() {
		for _, e := range one.attempts {
			out = append(out, e.Attempt)
		}
	}
	return out
}

var functions = []lambdaexec.Function{
	{Name: "worker", Memory: 512 << 20}, {Name: "large", Memory: 3008 << 20, Storage: 4 << 30}, {Name: "middle", Memory: 1769 << 20, Qualifier: "live"},
}

func open(t testing.TB, cfg lambdaexec.Config) *lambdaexec.Executor {
	t.Helper()
	if cfg.Functions == nil {
		cfg.Functions = functions
	}
	x, err := lambdaexec.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestDispatcher(t *testing.T) {
	t.Parallel()
	executortest.RunDispatcher(t, func(t testing.TB) executortest.DispatchHarness {
		c := newCloud(t)
		return executortest.DispatchHarness{
			Open: func(t testing.TB, capacity int) executors.Dispatcher {
				return open(t, lambdaexec.Config{AWS: c.config, Parallelism: capacity})
			},
			Sent: func(testing.TB) []run.Attempt { return c.attempts() },
		}
	})
}

// works makes n attempts of a mapped task.
func works(t testing.TB, task *dag.Task, n int) []executors.Work {
	t.Helper()
	g, err := dag.NewGraph(&dag.DAG{ID: "d", Tasks: []*dag.Task{task}})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]executors.Work, n)
	for i := range out {
		out[i] = executors.Work{Graph: g, Run: run.Run{ID: run.ID{DAG: "d", Run: "r"}}, Instance: run.Instance{Task: task.ID, Map: i, Try: 1}}
	}
	return out
}

func TestFunctionOfATask(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		task func(*dag.Task)
		in   run.Instance
		want string // function, or what the refusal has in it
	}{
		{name: "asks for nothing", task: func(*dag.Task) {}, want: "worker"},
		{name: "memory", task: func(t *dag.Task) { t.Resources.Memory = 513 << 20 }, want: "middle:live"},
		{name: "less memory", task: func(t *dag.Task) { t.Resources.Memory = 100 << 20 }, want: "worker"},
		{name: "cpu", task: func(t *dag.Task) { t.Resources.CPUMilli = 1000 }, want: "middle:live"},
		{name: "more cpu", task: func(t *dag.Task) { t.Resources.CPUMilli = 1500 }, want: "large"},
		{name: "storage", task: func(t *dag.Task) { t.Resources.EphemeralStorage = 1 << 30 }, want: "large"},
		{name: "pool", task: func(t *dag.Task) { t.Pool = "own" }, want: "large"},
		{name: "by name", task: func(t *dag.Task) { t.ExecutorConfig = dag.Values{"function": "large"} }, want: "large"},
		{name: "ran out of memory", task: func(*dag.Task) {}, in: run.Instance{OOMFailures: 1}, want: "middle:live"},
		{name: "ran out of memory twice", task: func(*dag.Task) {}, in: run.Instance{OOMFailures: 2}, want: "large"},
		{name: "too much", task: func(t *dag.Task) { t.Resources.Memory = 4 << 30 }, want: "no worker function has all"},
		{name: "too long", task: func(t *dag.Task) { t.ExecutionTimeout = 15 << 40 }, want: "write executor: auto"},
		{name: "unknown function", task: func(t *dag.Task) { t.ExecutorConfig = dag.Values{"function": "payroll"} }, want: "payroll, which is not among the worker functions"},
		{name: "bad config", task: func(t *dag.Task) { t.ExecutorConfig = dag.Values{"function": true} }, want: "write a name"},
	} {
		c := newCloud(t)
		x := open(t, lambdaexec.Config{AWS: c.config, Pools: map[string]string{"own": "large"}})
		task := dag.NewTask("t", "updraft.noop")
		tt.task(task)
		w := works(t, task, 1)[0]
		w.Instance.OOMFailures = tt.in.OOMFailures
		err := x.Start(t.Context(), w)[0]
		var refused *executors.RefusedError
		calls := c.accepted()
		switch {
		case errors.As(err, &refused) && len(calls) == 0:
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: refused with %q, want %q", tt.name, err, tt.want)
			}
		case err != nil || len(calls) != 1 || calls[0].function != tt.want:
			t.Errorf("%s: calls %v, error %v, want one of %s", tt.name, calls, err, tt.want)
		}
	}
}

func TestManyAreSentAsATree(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	x := open(t, lambdaexec.Config{AWS: c.config})
	if err := errors.Join(x.Start(t.Context(), works(t, dag.NewTask("t", "updraft.noop"), 1000)...)...); err != nil {
		t.Fatal(err)
	}
	first := c.accepted()
	if len(first) != lambdaevent.Fan {
		t.Fatalf("%d invocations by the start, want %d", len(first), lambdaevent.Fan)
	}
	kept := map[run.Attempt]bool{}
	level := first
	depth := 0
	for ; len(level) > 0; depth++ {
		c.mu.Lock()
		c.calls = nil
		c.mu.Unlock()
		for _, one := range level {
			own, err := x.Share(t.Context(), one.function, one.attempts)
			if err != nil {
				t.Fatal(err)
			}
			kept[own.Attempt] = true
		}
		level = c.accepted()
	}
	if len(kept) != 1000 || depth != 2 {
		t.Errorf("%d attempts are executed, by workers in %d levels; want 1,000 in 2", len(kept), depth)
	}
}

func TestFewAreSentOneByOne(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	x := open(t, lambdaexec.Config{AWS: c.config, Direct: 5, Fan: 2})
	x.Start(t.Context(), works(t, dag.NewTask("t", "updraft.noop"), 5)...)
	if n := len(c.accepted()); n != 5 {
		t.Errorf("5 attempts: %d invocations, want 5", n)
	}
	x.Start(t.Context(), works(t, dag.NewTask("t", "updraft.noop"), 6)...)
	if n := len(c.accepted()); n != 7 {
		t.Errorf("6 attempts: %d invocations more, want 2", n-5)
	}
}

func TestInvocationsAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.hold = make(chan struct{})
	x := open(t, lambdaexec.Config{AWS: c.config, Direct: 50, Parallel: 4})
	done := make(chan error)
	go func() {
		done <- errors.Join(x.Start(t.Context(), works(t, dag.NewTask("t", "updraft.noop"), 50)...)...)
	}()
	close(c.hold)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if c.most > 4 || len(c.accepted()) != 50 {
		t.Errorf("%d at once of %d, want at most 4 of 50", c.most, len(c.accepted()))
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	for name, want := range map[string]string{
		"throttled": "reserved concurrency", "missing": "is the setting lambda right", "loop": "RecursiveLoop", "strange": "status 200",
	} {
		x := open(t, lambdaexec.Config{AWS: c.config, Functions: []lambdaexec.Function{{Name: name, Memory: 512 << 20}}})
		err := x.Start(t.Context(), works(t, dag.NewTask("t", "updraft.noop"), 1)...)[0]
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "invoke "+name) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
		if errors.Is(err, executors.ErrBusy) != (name == "throttled") {
			t.Errorf("%s: error %v: only what is throttled is busy", name, err)
		}
	}
	x := open(t, lambdaexec.Config{AWS: c.config})
	list := []queue.Envelope{{Kind: queue.KindAttempt, Attempt: works(t, dag.NewTask("t", "updraft.noop"), 1)[0].Attempt()}}
	if _, err := x.Share(t.Context(), "missing", append(list, list...)); err == nil {
		t.Error("sharing out with a function that is missing: no error")
	}
	if _, err := x.Share(t.Context(), "worker", nil); err == nil {
		t.Error("sharing out nothing: no error")
	}
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]lambdaexec.Config{
		"no function": {}, "no name": {Functions: []lambdaexec.Function{{Memory: 512 << 20}}},
		"little memory":  {Functions: []lambdaexec.Function{{Name: "x", Memory: 64 << 20}}},
		"much memory":    {Functions: []lambdaexec.Function{{Name: "x", Memory: 11 << 30}}},
		"little storage": {Functions: []lambdaexec.Function{{Name: "x", Memory: 512 << 20, Storage: 1 << 20}}},
		"much storage":   {Functions: []lambdaexec.Function{{Name: "x", Memory: 512 << 20, Storage: 11 << 30}}},
		"pool":           {Functions: functions, Pools: map[string]string{"p": "other"}},
		"negative":       {Functions: functions, Fan: -1},
	} {
		if _, err := lambdaexec.Open(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParseFunctions(t *testing.T) {
	t.Parallel()
	got, err := lambdaexec.ParseFunctions("worker:512, large:3008:live,arn:aws:lambda:eu-west-1:123456789012:function:x:1024:3")
	if err != nil {
		t.Fatal(err)
	}
	want := []lambdaexec.Function{
		{Name: "worker", Memory: 512 << 20}, {Name: "large", Memory: 3008 << 20, Qualifier: "live"},
		{Name: "arn:aws:lambda:eu-west-1:123456789012:function:x", Memory: 1 << 30, Qualifier: "3"},
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if string(a) != string(b) {
		t.Errorf("got %s, want %s", b, a)
	}
	for _, s := range []string{"", "worker", "worker:", "worker:1GB", ":512", "a:1:b:c", "a:512,", "a:99999999999999"} {
		if _, err := lambdaexec.ParseFunctions(s); err == nil {
			t.Errorf("%q: no error", s)
		}
	}
	l := lambdaexec.Limits(functions)
	if l.Memory != 3008<<20 || l.Storage != 4<<30 || l.CPUMilli != 1700 || l.Images || l.Time == 0 {
		t.Errorf("limits are %+v", l)
	}
}

// TestDocument holds what people are told of the rule to what it says.
func TestDocument(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/aws-executors.md")
	if err != nil {
		t.Fatal(err)
	}
	l := lambdaexec.Limits([]lambdaexec.Function{{Memory: 10_240 << 20, Storage: 10_240 << 20}})
	for _, want := range []string{
		"`execution_timeout` above " + executors.Duration(l.Time), "than the largest worker function has (" + executors.Bytes(l.Memory) + " at most)",
		"(" + executors.Bytes(l.Storage) + " at most)", fmt.Sprintf("(%d at most)", l.CPUMilli/1000),
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("docs/aws-executors.md lacks %q", want)
		}
	}
}
