//go:build kubernetes

package kubeexec_test

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/run"
)

// gated is a template whose pods no scheduler looks at: these tests are about making them.
const gated = "kind: Pod\nspec: {schedulingGates: [{name: updraft.dev/test}]}\n"

// real makes an executor on the cluster.
func real(t testing.TB, ns string, set func(*kubeexec.Config)) (*kubeexec.Executor, kubernetes.Interface) {
	t.Helper()
	b, err := kubepod.New(kubepod.Config{Namespace: ns, Installation: "test", Image: kubetest.Toy, RunnerImage: kubetest.Toy, Template: []byte(gated)})
	if err != nil {
		t.Fatal(err)
	}
	cluster := kubetest.Config(t)
	cluster.QPS, cluster.Burst = 200, 400
	client, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		t.Fatal(err)
	}
	cfg := kubeexec.Config{Client: client, Pods: b, Namespace: ns, Installation: "test", Sweep: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if set != nil {
		set(&cfg)
	}
	e, err := kubeexec.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e, client
}

func sent(t testing.TB, c kubernetes.Interface, ns string) (out []run.Attempt) {
	t.Helper()
	list, err := c.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp != nil {
			continue
		}
		a, err := kubepod.Attempt(&list.Items[i])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// TestConformanceOnCluster: what the suite wants, of a real API server.
func TestConformanceOnCluster(t *testing.T) {
	t.Parallel()
	executortest.RunDispatcher(t, func(t testing.TB) executortest.DispatchHarness {
		ns := kubetest.Namespace(t)
		_, client := real(t, ns, nil)
		return executortest.DispatchHarness{
			Prepare: func(task *dag.Task) {
				if task.ID == executortest.Broken {
					task.ExecutorConfig = dag.Values{"pod_override": map[string]any{"spec": map[string]any{"serviceAccountName": "nobody"}}}
				}
			},
			Open: func(t testing.TB, capacity int) executors.Dispatcher {
				e, _ := real(t, ns, func(cfg *kubeexec.Config) { cfg.Parallelism = capacity })
				return e
			},
			Sent: func(t testing.TB) []run.Attempt { return sent(t, client, ns) },
		}
	})
}

// TestManyPods: a thousand pods are made quickly, and each costs little to know, the last as
// the first.
func TestManyPods(t *testing.T) {
	const n = 1000
	ns := kubetest.Namespace(t)
	e, _ := real(t, ns, nil)
	o := newOwner()
	runs(t, e, o)
	eventually(t, "the pods", e.Synced)
	var all []executors.Work
	for i := range n {
		w := work(t, "task")[0]
		w.Instance.Map = i
		all = append(all, w)
	}
	before, there := heap(), 0
	for _, many := range []int{300, n} {
		begun := time.Now()
		if err := errors.Join(e.Start(t.Context(), all[there:many]...)...); err != nil {
			t.Fatal(err)
		}
		made := time.Since(begun)
		rate := float64(many-there) / made.Seconds()
		there = many
		eventually(t, "the cache has all", func() bool { return e.Stats().Pods["Pending"] == many })
		now := heap()
		each := (now - before) / int64(many)
		t.Logf("%d pods, the last made in %s (%.0f/s); the heap is %d kB, %d bytes a pod", many, made.Round(time.Millisecond), rate, now>>10, each)
		if each > 20<<10 {
			t.Errorf("with %d pods, each takes %d bytes of the heap, want less than 20 kB", many, each)
		}
	}
	eventually(t, "all tell why they wait", func() bool { return len(e.Waits()) == n })
	if again := e.Start(t.Context(), all...); errors.Join(again...) != nil || e.Stats().Created != n {
		t.Errorf("started again: %v, and %d were created", errors.Join(again...), e.Stats().Created)
	}
	o.mu.Lock()
	o.orphans["task"] = true
	o.mu.Unlock()
	eventually(t, "pods that nobody needs are deleted", func() bool { return e.Stats().Pods["Pending"] == 0 })
	if s := e.Stats(); s.Orphans != n || s.Watches < 1 {
		t.Errorf("counted %s", fmt.Sprintf("%+v", s))
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
