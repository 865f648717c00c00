package fargateexec_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/executors/fargateexec"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/run"
)

func open(t testing.TB, c *cloud, change func(*fargateexec.Config)) *fargateexec.Executor {
	t.Helper()
	cfg := fargateexec.Config{
		AWS: c.config, Cluster: "c", TaskDefinition: "base", Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}, Rate: 10_000,
	}
	if change != nil {
		change(&cfg)
	}
	x, err := fargateexec.Open(cfg)
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
				return open(t, c, func(cfg *fargateexec.Config) { cfg.Parallelism = capacity })
			},
			Sent: func(testing.TB) []run.Attempt { return c.attempts() },
		}
	})
}

var lastStart = time.Date(2026, 1, 1, 0, 0, 0, 123456789, time.UTC)

func work(t testing.TB, change func(*dag.Task, *run.Instance)) executors.Work {
	t.Helper()
	task := dag.NewTask("t", "updraft.noop")
	in := run.Instance{Task: "t", Map: run.Unmapped, Try: 1, State: run.Queued}
	if change != nil {
		change(task, &in)
	}
	g, err := dag.NewGraph(&dag.DAG{ID: "d", Tasks: []*dag.Task{task}})
	if err != nil {
		t.Fatal(err)
	}
	return executors.Work{Graph: g, Run: run.Run{ID: run.ID{DAG: "d", Run: "r1"}}, Instance: in}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	x := open(t, c, func(cfg *fargateexec.Config) {
		cfg.PublicIP, cfg.PlatformVersion, cfg.Tags = true, "1.4.0", map[string]string{"team": "x"}
	})
	w := work(t, func(task *dag.Task, _ *run.Instance) {
		task.Resources = dag.Resources{CPUMilli: 1500, Memory: 5 << 30, EphemeralStorage: 50<<30 + 1}
	})
	if err := x.Start(t.Context(), w)[0]; err != nil {
		t.Fatal(err)
	}
	got := c.started()[0]
	if a := got.attempt(t); a != w.Attempt() {
		t.Errorf("it is about %v", a)
	}
	got.Overrides.ContainerOverrides[0].Command = nil
	var want runTask
	want.Cluster, want.TaskDefinition, want.Count, want.LaunchType, want.PlatformVersion = "c", "base", 1, "FARGATE", "1.4.0"
	want.ClientToken, want.StartedBy = got.ClientToken, got.StartedBy
	n := &want.NetworkConfiguration.AwsvpcConfiguration
	n.Subnets, n.SecurityGroups, n.AssignPublicIP = []string{"subnet-1"}, []string{"sg-1"}, "ENABLED"
	want.Overrides.ContainerOverrides = []struct {
		Name    string
		Command []string
	}{{Name: "worker"}}
	want.Overrides.CPU, want.Overrides.Memory, want.Overrides.EphemeralStorage.SizeInGiB = "2048", "5120", 51
	for _, tag := range append(ecsevent.Tags(w.Attempt()), ecsevent.Tag{Key: "team", Value: "x"}) {
		want.Tags = append(want.Tags, struct{ Key, Value string }{tag.Key, tag.Value})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if len(got.ClientToken) != 64 || len(got.StartedBy) > 128 || !strings.HasPrefix(got.StartedBy, "updraft/") {
		t.Errorf("token %q, started by %q", got.ClientToken, got.StartedBy)
	}
}

// TestTokens: the same task as long as an attempt is queued, another one when it is
// executed again.
func TestTokens(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	first, second := open(t, c, nil), open(t, c, nil)
	again := work(t, nil)
	again.Instance.Start = lastStart
	first.Start(t.Context(), again, again)
	again.Instance.Start = lastStart.Truncate(time.Millisecond) // as a store may keep it
	again.Instance.QueuedAt = time.Now()                        // sent again
	second.Start(t.Context(), again)
	if n := len(c.started()); n != 1 {
		t.Errorf("%d tasks for one attempt, want 1", n)
	}
	for name, change := range map[string]func(*executors.Work){
		"first execution": func(w *executors.Work) { w.Instance.Start = time.Time{} },
		"executed again":  func(w *executors.Work) { w.Instance.Start = lastStart.Add(time.Second) },
		"another try":     func(w *executors.Work) { w.Instance.Try = 2 },
		"another run":     func(w *executors.Work) { w.Run.Run = "r2" },
		"run made again":  func(w *executors.Work) { w.Run.QueuedAt = lastStart },
		"another map":     func(w *executors.Work) { w.Instance.Map = 0 },
	} {
		before := len(c.started())
		w := again
		change(&w)
		first.Start(t.Context(), w)
		if n := len(c.started()); n != before+1 {
			t.Errorf("%s: %d tasks more, want 1", name, n-before)
		}
	}
}

// TestDeadTask: a task that ended before it did anything is replaced, by one of a token
// that follows from it.
func TestDeadTask(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	dead := 1
	c.answer = func(r *runTask) string {
		if n := slices.IndexFunc(c.asked, func(o runTask) bool { return o.ClientToken == r.ClientToken }); n < dead {
			return fmt.Sprintf(`{"failures":[],"tasks":[{"taskArn":"arn:%d","lastStatus":"STOPPED"}]}`, n)
		}
		return ""
	}
	x := open(t, c, nil)
	w := work(t, nil)
	for range 2 {
		if err := x.Start(t.Context(), w)[0]; err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.started()); n != 1 || len(c.asked) != 4 {
		t.Errorf("%d tasks in %d calls, want 1 in 4", n, len(c.asked))
	}
	dead = 100
	w.Instance.Try = 2
	if err := x.Start(t.Context(), w)[0]; err == nil || !strings.Contains(err.Error(), "ended before they did anything") {
		t.Errorf("all die: %v", err)
	}
}

const noCapacity = `{"failures":[{"reason":"Capacity is unavailable at this time. Please try again later or in a different availability zone"}],"tasks":[]}`

func TestSpot(t *testing.T) {
	t.Parallel()
	on := func(r *runTask) string {
		if len(r.CapacityProviderStrategy) == 1 && r.LaunchType == "" {
			return r.CapacityProviderStrategy[0].CapacityProvider
		}
		return r.LaunchType
	}
	for _, tt := range []struct {
		name   string
		change func(*dag.Task, *run.Instance)
		full   bool // Spot is
		want   []string
	}{
		{name: "by default", want: []string{"FARGATE_SPOT"}},
		{name: "full", full: true, want: []string{"FARGATE_SPOT", "FARGATE"}},
		{name: "forbidden", change: func(task *dag.Task, _ *run.Instance) { task.ExecutorConfig = dag.Values{"spot": false} }, want: []string{"FARGATE"}},
		{name: "interrupted before", change: func(_ *dag.Task, in *run.Instance) { in.InfraFailures = 1 }, want: []string{"FARGATE"}},
		{
			name: "interrupted before, and wished for", want: []string{"FARGATE_SPOT"},
			change: func(task *dag.Task, in *run.Instance) {
				in.InfraFailures, task.ExecutorConfig = 1, dag.Values{"spot": true}
			},
		},
	} {
		c := newCloud(t)
		c.answer = func(r *runTask) string {
			if tt.full && on(r) == "FARGATE_SPOT" {
				return noCapacity
			}
			return ""
		}
		x := open(t, c, func(cfg *fargateexec.Config) { cfg.Spot = true })
		if err := x.Start(t.Context(), work(t, tt.change))[0]; err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var got []string
		tokens := map[string]bool{}
		for _, r := range c.asked {
			got = append(got, on(&r))
			tokens[r.ClientToken] = true
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || len(tokens) != len(got) {
			t.Errorf("%s: asked with %d tokens for (-want +got):\n%s", tt.name, len(tokens), diff)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	exception := func(kind, message string) string { return `{"__type":"` + kind + `","message":"` + message + `"}` }
	for _, tt := range []struct {
		name, answer string
		busy         bool
		want         string // "" if there is no error
	}{
		{"capacity", noCapacity, true, "Capacity is unavailable"},
		{"resource", `{"failures":[{"reason":"RESOURCE:CPU","detail":"x"}]}`, true, "RESOURCE:CPU (x)"},
		{"missing", `{"failures":[{"reason":"MISSING"}]}`, false, "setting fargate right"},
		{"something else", `{"failures":[{"reason":"NEWS"}]}`, false, "NEWS"},
		{"nothing", `{"failures":[],"tasks":[]}`, false, "no reason"},
		{"throttled", exception("ThrottlingException", "Rate exceeded"), true, "Rate exceeded"},
		{"too many", exception("ClientException", "You've reached the limit on the number of tasks you can run concurrently"), true, "concurrently"},
		{"provisioning", exception("ClientException", "Tasks provisioning capacity limit exceeded."), true, "provisioning"},
		{"no cluster", exception("ClusterNotFoundException", "Cluster not found."), false, "is the cluster in the setting fargate right"},
		{"no definition", exception("ClientException", "TaskDefinition not found."), false, "is the task definition in the setting fargate right"},
		{"no container", exception("InvalidParameterException", "Override for container named x is not a container in the TaskDefinition."), false, "container in the setting"},
		{"no provider", exception("InvalidParameterException", "The specified capacity provider was not found"), false, "capacity providers of the cluster"},
		{"not allowed", exception("AccessDeniedException", "no"), false, "iam:PassRole"},
		{"blocked", exception("BlockedException", "no"), false, "AWS support"},
		{"started already", exception("ConflictException", "The provided clientToken is already in use"), false, ""},
	} {
		c := newCloud(t)
		c.answer = func(*runTask) string { return tt.answer }
		err := open(t, c, nil).Start(t.Context(), work(t, nil))[0]
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, executors.ErrBusy) != tt.busy {
			t.Errorf("%s: error %v (busy: %t), want one with %q (busy: %t)", tt.name, err, errors.Is(err, executors.ErrBusy), tt.want, tt.busy)
		}
	}
	c := newCloud(t)
	for name, change := range map[string]func(*dag.Task, *run.Instance){
		"cpu":     func(task *dag.Task, _ *run.Instance) { task.Resources.CPUMilli = 17_000 },
		"storage": func(task *dag.Task, _ *run.Instance) { task.Resources.EphemeralStorage = 201 << 30 },
		"config":  func(task *dag.Task, _ *run.Instance) { task.ExecutorConfig = dag.Values{"spot": "x"} },
		"names":   func(_ *dag.Task, _ *run.Instance) {},
	} {
		w := work(t, change)
		if name == "names" {
			w.Run.Run = strings.Repeat("r", 8192)
		}
		var refused *executors.RefusedError
		if err := open(t, c, nil).Start(t.Context(), w)[0]; !errors.As(err, &refused) {
			t.Errorf("%s: error %v, want a refusal", name, err)
		}
	}
	if len(c.asked) > 0 {
		t.Errorf("ECS was asked for %v", c.asked)
	}
}

func TestMemoryAfterItRanOut(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	x := open(t, c, nil)
	for _, change := range []func(*dag.Task, *run.Instance){
		func(*dag.Task, *run.Instance) {},
		func(_ *dag.Task, in *run.Instance) { in.OOMFailures, in.Try = 1, 2 },
		func(task *dag.Task, in *run.Instance) {
			in.OOMFailures, in.Try, task.Resources.Memory = 2, 3, 1<<30
		},
	} {
		if err := x.Start(t.Context(), work(t, change))[0]; err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range c.started() {
		got = append(got, r.Overrides.CPU+" "+r.Overrides.Memory)
	}
	if diff := cmp.Diff([]string{" ", "1024 8192", "512 4096"}, got); diff != "" { // the definition has 4,096
		t.Errorf("cpu and memory (-want +got):\n%s", diff)
	}
}

func TestImageOfItsOwn(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	image := func(name string) executors.Work {
		return work(t, func(task *dag.Task, in *run.Instance) {
			task.ExecutorConfig = dag.Values{"image": name}
			in.Try += len(c.asked)
		})
	}
	x, y := open(t, c, nil), open(t, c, nil)
	for _, one := range []struct {
		by    *fargateexec.Executor
		image string
	}{{x, "acme/x:1"}, {x, "acme/x:1"}, {y, "acme/x:1"}, {y, "acme/x:2"}} {
		if err := one.by.Start(t.Context(), image(one.image))[0]; err != nil {
			t.Fatal(err)
		}
	}
	var used []string
	for _, r := range c.started() {
		used = append(used, r.TaskDefinition)
	}
	if len(used) != 4 || used[0] != used[1] || used[1] != used[2] || used[2] == used[3] || !strings.HasPrefix(used[0], "base-") {
		t.Errorf("task definitions used are %v", used)
	}
	if n := len(c.calls["RegisterTaskDefinition"]); n != 2 {
		t.Errorf("%d registered, want one for each image", n)
	}
	made := c.families[used[0]]
	for _, want := range []string{`"acme/x:1"`, `"side:1"`, `"/updraft"`, `"role"`, `"awsvpc"`, `"4096"`} {
		if !strings.Contains(made, want) {
			t.Errorf("the task definition lacks %s: %s", want, made)
		}
	}
	if strings.Contains(made, "updraft:1") {
		t.Errorf("the task definition has the image it was made of: %s", made)
	}
	wrong := open(t, c, func(cfg *fargateexec.Config) { cfg.Container = "other" })
	if err := wrong.Start(t.Context(), image("acme/x:3"))[0]; err == nil || !strings.Contains(err.Error(), "no container other") {
		t.Errorf("a container that is not there: %v", err)
	}
	missing := open(t, c, func(cfg *fargateexec.Config) { cfg.TaskDefinition = "missing" })
	if err := missing.Start(t.Context(), image("acme/x:3"))[0]; err == nil || !strings.Contains(err.Error(), "look at task definition missing") {
		t.Errorf("a task definition that is not there: %v", err)
	}
}

func TestCancelStopsTheTask(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	x := open(t, c, nil)
	w := work(t, nil)
	if err := x.Start(t.Context(), w)[0]; err != nil {
		t.Fatal(err)
	}
	if err := x.Cancel(t.Context(), w.Attempt(), "", strings.Repeat("ü", 300)); err != nil {
		t.Fatal(err)
	}
	stops := c.calls["StopTask"]
	if len(stops) != 2 || !strings.Contains(stops[0], `"arn:running"`) || !strings.Contains(stops[0], strings.Repeat("ü", 255)) || strings.Contains(stops[0], strings.Repeat("ü", 256)) {
		t.Errorf("stops are %v", stops)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	x := open(t, c, nil)
	w, stopping := work(t, nil), work(t, func(_ *dag.Task, in *run.Instance) { in.Try = 2 })
	for _, one := range []executors.Work{w, stopping} {
		if err := x.Start(t.Context(), one)[0]; err != nil {
			t.Fatal(err)
		}
	}
	got, err := x.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []ecsevent.End{{
		Attempt: w.Attempt(), Worker: "fargate/c/0", Started: true, At: time.Unix(1700000001, 5e8).UTC(),
		Cause: run.CauseTask, ExitCode: 3, Reason: "the container ended with exit code 3",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	if n := len(c.calls["ListTasks"]); n != 2 {
		t.Errorf("%d pages were read, want 2", n)
	}
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	good := fargateexec.Config{Cluster: "c", TaskDefinition: "t", Subnets: []string{"s"}}
	for name, change := range map[string]func(*fargateexec.Config){
		"cluster": func(c *fargateexec.Config) { c.Cluster = "" }, "definition": func(c *fargateexec.Config) { c.TaskDefinition = "" },
		"subnets": func(c *fargateexec.Config) { c.Subnets = nil }, "rate": func(c *fargateexec.Config) { c.Rate = -1 },
		"groups": func(c *fargateexec.Config) { c.SecurityGroups = slices.Repeat([]string{"sg"}, 6) },
	} {
		cfg := good
		change(&cfg)
		if _, err := fargateexec.Open(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
