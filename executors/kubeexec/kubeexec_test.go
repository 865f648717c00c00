package kubeexec_test

import (
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/run"
)

const namespace = "tasks"

// open makes an executor with a client; set changes its configuration.
func open(t testing.TB, client kubernetes.Interface, set func(*kubeexec.Config)) *kubeexec.Executor {
	t.Helper()
	b, err := kubepod.New(kubepod.Config{Namespace: namespace, Installation: "test", Image: "tasks:1", RunnerImage: "runner:1"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := kubeexec.Config{
		Client: client, Pods: b, Namespace: namespace, Installation: "test", KeepFailed: time.Hour, Sweep: 50 * time.Millisecond,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	if set != nil {
		set(&cfg)
	}
	e, err := kubeexec.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// cluster is a fake one, for what a real one does not do on demand.
func cluster(refuse func(pod *corev1.Pod) error) *fake.Clientset {
	c := fake.NewClientset()
	c.PrependReactor("create", "pods", func(a k8stesting.Action) (bool, runtime.Object, error) {
		create, ok := a.(k8stesting.CreateAction)
		pod, is := create.GetObject().(*corev1.Pod)
		if !ok || !is {
			return false, nil, nil
		}
		pod.UID = types.UID("uid of " + pod.Name)
		if refuse == nil {
			return false, nil, nil
		}
		err := refuse(pod)
		return err != nil, nil, err
	})
	return c
}

func pods(t testing.TB, c kubernetes.Interface) []corev1.Pod {
	t.Helper()
	list, err := c.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func attempts(t testing.TB, c kubernetes.Interface) (out []run.Attempt) {
	t.Helper()
	list := pods(t, c)
	for i := range list {
		a, err := kubepod.Attempt(&list[i])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

func TestConformance(t *testing.T) {
	t.Parallel()
	executortest.RunDispatcher(t, func(testing.TB) executortest.DispatchHarness {
		c := cluster(func(pod *corev1.Pod) error {
			if pod.Annotations[kubeevent.AnnotationTask] == executortest.Broken {
				return apierrors.NewServiceUnavailable("etcd is away")
			}
			return nil
		})
		return executortest.DispatchHarness{
			Open: func(t testing.TB, capacity int) executors.Dispatcher {
				return open(t, c, func(cfg *kubeexec.Config) { cfg.Parallelism = capacity })
			},
			Sent: func(t testing.TB) []run.Attempt { return attempts(t, c) },
		}
	})
}

// work makes queued attempts of tasks.
func work(t testing.TB, tasks ...string) []executors.Work {
	t.Helper()
	d := &dag.DAG{ID: "d"}
	for _, name := range tasks {
		d.Tasks = append(d.Tasks, dag.NewTask(name, "updraft.noop"))
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]executors.Work, len(tasks))
	for i, name := range tasks {
		out[i] = executors.Work{
			Graph: g, Run: run.Run{ID: run.ID{DAG: "d", Run: "r"}}, Instance: run.Instance{Task: name, Map: run.Unmapped, State: run.Queued, Try: 1},
		}
	}
	return out
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	pod := schema.GroupResource{Resource: "pods"}
	tests := []struct {
		name  string
		err   error
		waits bool
		want  string
	}{
		{"quota", apierrors.NewForbidden(pod, "x", errors.New("exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5")), true, "quota q has no room"},
		{"limit", apierrors.NewForbidden(pod, "x", errors.New("maximum memory usage per Container is 256Mi, but limit is 1Gi")), false, "LimitRange"},
		{"invalid", apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "x", nil), false, "not valid"},
		{"internal error", apierrors.NewInternalError(errors.New("etcd is away")), true, "etcd is away"},
		{"out of reach", &url.Error{Op: "Post", URL: "https://x", Err: errors.New("connection refused")}, true, "out of reach"},
		{"there already", apierrors.NewAlreadyExists(pod, "x"), true, "has just gone"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := open(t, cluster(func(*corev1.Pod) error { return tt.err }), nil)
			err := e.Start(t.Context(), work(t, "a")...)[0]
			var wait *kubeexec.WaitError
			var refused *executors.RefusedError
			if errors.As(err, &wait) != tt.waits || errors.As(err, &refused) == tt.waits || tt.waits != errors.Is(err, executors.ErrBusy) {
				t.Errorf("got %v (%T)", err, err)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something with %q", err, tt.want)
			}
		})
	}
}

// TestThrottling: when the API server wants to be left alone, it is.
func TestThrottling(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	var calls atomic.Int32
	c := cluster(func(*corev1.Pod) error {
		if calls.Add(1) == 1 {
			return apierrors.NewTooManyRequests("too many requests", 7)
		}
		return nil
	})
	e := open(t, c, func(cfg *kubeexec.Config) { cfg.Now = func() time.Time { return time.Unix(now.Load(), 0) } })
	var wait *kubeexec.WaitError
	if err := e.Start(t.Context(), work(t, "a")...)[0]; !errors.As(err, &wait) || wait.After != 7*time.Second {
		t.Errorf("got %v, want to wait for 7 s", err)
	}
	now.Store(6)
	if err := e.Start(t.Context(), work(t, "b")...)[0]; !errors.As(err, &wait) || wait.After != time.Second || calls.Load() != 1 {
		t.Errorf("got %v after %d calls, want to wait for another second without one", err, calls.Load())
	}
	now.Store(7)
	if err := errors.Join(e.Start(t.Context(), work(t, "a", "b")...)...); err != nil || len(pods(t, c)) != 2 {
		t.Errorf("got %v and %d pods", err, len(pods(t, c)))
	}
}

func TestMaxPods(t *testing.T) {
	t.Parallel()
	c := cluster(nil)
	e := open(t, c, func(cfg *kubeexec.Config) { cfg.MaxPods = 2 })
	errs := e.Start(t.Context(), work(t, "a", "b", "c")...)
	var wait *kubeexec.WaitError
	if errs[0] != nil || errs[1] != nil || !errors.As(errs[2], &wait) || len(pods(t, c)) != 2 {
		t.Errorf("got %v and %d pods, want two of them and one that waits", errs, len(pods(t, c)))
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	b, err := kubepod.New(kubepod.Config{Namespace: namespace, Image: "tasks:1", RunnerImage: "runner:1"})
	if err != nil {
		t.Fatal(err)
	}
	good := kubeexec.Config{Client: cluster(nil), Pods: b, Namespace: namespace, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	for name, spoil := range map[string]func(*kubeexec.Config){
		"no client":     func(c *kubeexec.Config) { c.Client = nil },
		"no namespace":  func(c *kubeexec.Config) { c.Namespace = "" },
		"negative pods": func(c *kubeexec.Config) { c.MaxPods = -1 },
		"negative keep": func(c *kubeexec.Config) { c.KeepFailed = -time.Second },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := kubeexec.Open(cfg); err == nil {
			t.Errorf("%s: it is opened", name)
		}
	}
}
