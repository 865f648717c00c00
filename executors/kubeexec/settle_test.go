package kubeexec_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/run"
)

// owner notes what it is told.
type owner struct {
	mu sync.Mutex
	// ends are what it was told, as TASK: CAUSE EXIT REASON.
	ends []string
	// fails is how often it cannot keep what it is told.
	fails int
	// orphans are the tasks that are not needed.
	orphans map[string]bool
	told    chan struct{}
}

func newOwner() *owner { return &owner{orphans: map[string]bool{}, told: make(chan struct{}, 1000)} }

func (o *owner) Ended(ctx context.Context, e *kubeexec.Ended) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fails > 0 {
		o.fails--
		return errors.New("the store is away")
	}
	o.ends = append(o.ends, fmt.Sprintf("%s: %s %d %s", e.Attempt.Task, e.Cause, e.ExitCode, strings.SplitN(e.Reason, ":", 2)[0]))
	o.told <- struct{}{}
	return nil
}

func (o *owner) Needed(_ context.Context, list []kubeexec.Pod) ([]bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]bool, len(list))
	for i := range list {
		out[i] = !o.orphans[list[i].Attempt.Task]
	}
	return out, nil
}

// runs starts an executor until the test ends.
func runs(t *testing.T, e *kubeexec.Executor, o kubeexec.Owner) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// eventually waits for something that a watch brings.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(40 * time.Second); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it does not come: %s", what)
		}
	}
}

// becomes changes the pod of a task.
func becomes(t *testing.T, c *fake.Clientset, task string, change func(*corev1.Pod)) {
	t.Helper()
	list := pods(t, c)
	for i := range list {
		if pod := &list[i]; pod.Annotations[kubeevent.AnnotationTask] == task {
			change(pod)
			if _, err := c.CoreV1().Pods(namespace).Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("there is no pod of %s", task)
}

// exits has the main container of a pod end.
func exits(code int32, reason string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Status.Phase = corev1.PodSucceeded
		if code != 0 {
			pod.Status.Phase = corev1.PodFailed
		}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: kubeevent.Base, State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, FinishedAt: metav1.Now()},
		}}}
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	c, o := cluster(nil), newOwner()
	e := open(t, c, nil)
	if err := errors.Join(e.Start(t.Context(), work(t, "good", "oom", "gone", "image")...)...); err != nil {
		t.Fatal(err)
	}
	o.fails = 1
	runs(t, e, o)
	eventually(t, "the pods", e.Synced)
	becomes(t, c, "good", exits(0, "Completed"))
	becomes(t, c, "oom", exits(137, "OOMKilled"))
	becomes(t, c, "image", func(pod *corev1.Pod) {
		pod.Status.Phase = corev1.PodPending
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: kubeevent.Base, State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "InvalidImageName"},
		}}}
	})
	for _, pod := range pods(t, c) {
		if pod.Annotations[kubeevent.AnnotationTask] == "gone" {
			if err := c.CoreV1().Pods(namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		<-o.told
	}
	eventually(t, "only what has failed is kept", func() bool {
		list := pods(t, c)
		return len(list) == 1 && list[0].Annotations[kubeevent.AnnotationTask] == "oom"
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	got := map[string]bool{}
	for _, end := range o.ends {
		got[end] = true
	}
	want := map[string]bool{
		"oom: oom 137 the container ran out of memory (limit 256Mi)": true,
		"gone: infra 0 the pod has vanished":                         true,
		"image: image 0 container base":                              true,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(o.ends) != 3 {
		t.Errorf("told %d times (-want +got):\n%s", len(o.ends), diff)
	}
	if s := e.Stats(); s.Created != 4 || s.Succeeded != 1 || s.Failed[string(run.CauseOOM)] != 1 {
		t.Errorf("counted %+v", s)
	}
}

// TestDeadPod: a pod that has ended, though its attempt still waits, makes room for another.
func TestDeadPod(t *testing.T) {
	t.Parallel()
	c, o := cluster(nil), newOwner()
	e := open(t, c, func(cfg *kubeexec.Config) { cfg.KeepSucceeded = time.Hour })
	runs(t, e, o)
	eventually(t, "the pods", e.Synced)
	w := work(t, "a")
	if err := e.Start(t.Context(), w...)[0]; err != nil {
		t.Fatal(err)
	}
	becomes(t, c, "a", exits(0, "Completed"))
	eventually(t, "its end is seen", func() bool { return e.Stats().Succeeded == 1 })
	var wait *kubeexec.WaitError
	if err := e.Start(t.Context(), w...)[0]; !errors.As(err, &wait) || !strings.Contains(wait.Reason, "has ended") {
		t.Errorf("got %v, want it to wait", err)
	}
	eventually(t, "another pod is made", func() bool { return e.Start(t.Context(), w...)[0] == nil })
	if list := pods(t, c); len(list) != 1 || list[0].Status.Phase != "" {
		t.Errorf("there are %d pods", len(list))
	}
}

// TestEndsOfEarlierTimes: a controller that comes later finds what has happened.
func TestEndsOfEarlierTimes(t *testing.T) {
	t.Parallel()
	c, o := cluster(nil), newOwner()
	e := open(t, c, nil)
	if err := errors.Join(e.Start(t.Context(), work(t, "a", "b")...)...); err != nil {
		t.Fatal(err)
	}
	becomes(t, c, "a", exits(143, "Error"))
	becomes(t, c, "b", exits(0, "Completed"))
	runs(t, open(t, c, nil), o)
	<-o.told
	eventually(t, "what has succeeded is deleted", func() bool { return len(pods(t, c)) == 1 })
}

func TestOrphansAndCancel(t *testing.T) {
	t.Parallel()
	c, o := cluster(nil), newOwner()
	now := time.Now
	e := open(t, c, func(cfg *kubeexec.Config) { cfg.Now = func() time.Time { return now().Add(time.Minute) } })
	o.orphans["orphan"] = true
	runs(t, e, o)
	eventually(t, "the pods", e.Synced)
	list := work(t, "orphan", "needed", "cancelled")
	if err := errors.Join(e.Start(t.Context(), list...)...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the orphan is ended", func() bool { return len(pods(t, c)) == 2 })
	eventually(t, "the cache has the pods", func() bool { return e.Stats().Pods[""] == 2 })
	if err := e.Cancel(t.Context(), list[2].Attempt(), "", "cleared"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the needed pod alone is left", func() bool {
		left := attempts(t, c)
		return len(left) == 1 && left[0].Task == "needed"
	})
	if n := e.Stats().Orphans; n != 1 {
		t.Errorf("%d orphans are counted, want 1", n)
	}
}

// TestPending: what does not start says why, and fails in the end.
func TestPending(t *testing.T) {
	t.Parallel()
	c, o := cluster(nil), newOwner()
	var age time.Duration
	var mu sync.Mutex
	e := open(t, c, func(cfg *kubeexec.Config) {
		cfg.PendingTimeout = time.Hour
		cfg.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(age)
		}
	})
	if err := e.Start(t.Context(), work(t, "a")...)[0]; err != nil {
		t.Fatal(err)
	}
	becomes(t, c, "a", func(pod *corev1.Pod) {
		pod.CreationTimestamp = metav1.Now()
		pod.Status.Phase = corev1.PodPending
		pod.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
			Message: "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available.",
		}}
	})
	runs(t, e, o)
	eventually(t, "the pods", e.Synced)
	if w := e.Waits(); len(w) != 0 {
		t.Errorf("a pod that was just made waits: %v", w)
	}
	mu.Lock()
	age = time.Minute
	mu.Unlock()
	eventually(t, "a reason", func() bool { return len(e.Waits()) == 1 })
	if w := e.Waits()[0]; w.Attempt.Task != "a" || !strings.Contains(w.Reason, "lacks cpu") {
		t.Errorf("it waits: %+v", w)
	}
	mu.Lock()
	age = 2 * time.Hour
	mu.Unlock()
	<-o.told
	if end := o.ends[0]; end != "a: infra 0 the pod has not started in 1h (kubernetes_pending_timeout)" {
		t.Errorf("it ended: %s", end)
	}
	eventually(t, "the pod is deleted", func() bool { return len(pods(t, c)) == 0 && len(e.Waits()) == 0 })
}
