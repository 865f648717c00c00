package kubetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Patience is how long a test waits for anything: a pod is there after seconds, an eviction
// takes a minute, and the machine may be busy.
const Patience = 2 * time.Minute

// Pod waits until done says so of a pod, and returns it as it was then. What says what is
// waited for ("has succeeded"). Deletion is not waited for here, see Gone. It watches, so
// that nothing is missed while it is polled, but a state that the kubelet leaves at once
// (Running of a pod that does nothing) may never be seen by anybody. The test ends when it
// does not come within Patience.
func Pod(t testing.TB, namespace, name, what string, done func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	return await(t, namespace, name, what, func(e watch.Event) bool {
		pod, ok := e.Object.(*corev1.Pod)
		return ok && e.Type != watch.Deleted && done(pod)
	})
}

// Phase waits for a phase of a pod, and returns the pod.
func Phase(t testing.TB, namespace, name string, phase corev1.PodPhase) *corev1.Pod {
	t.Helper()
	return Pod(t, namespace, name, "is "+string(phase), func(p *corev1.Pod) bool { return p.Status.Phase == phase })
}

// Gone waits until a pod that is there now has been deleted, and returns it as it was last.
func Gone(t testing.TB, namespace, name string) *corev1.Pod {
	t.Helper()
	return await(t, namespace, name, "is gone", func(e watch.Event) bool { return e.Type == watch.Deleted })
}

// await sees every event of a pod, through all that interrupts a watch.
func await(t testing.TB, namespace, name, what string, done func(watch.Event) bool) *corev1.Pod {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), Patience)
	defer stop()
	client := Client(t)
	list := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", namespace, fields.OneTermEqualSelector("metadata.name", name))
	event, err := watchtools.UntilWithSync(ctx, list, &corev1.Pod{}, nil, func(e watch.Event) (bool, error) { return done(e), nil })
	if err != nil {
		last, _ := client.CoreV1().Pods(namespace).Get(context.WithoutCancel(ctx), name, metav1.GetOptions{})
		t.Fatalf("pod %s/%s: waited %s for that it %s: %v; it is %s", namespace, name, Patience, what, err, summary(last))
	}
	return event.Object.(*corev1.Pod)
}

// describe logs the pods and events of a namespace.
func describe(ctx context.Context, t testing.TB, client kubernetes.Interface, namespace string) {
	t.Helper()
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Logf("list pods of %s: %v", namespace, err)
		return
	}
	var b strings.Builder
	for i := range pods.Items {
		fmt.Fprintf(&b, "pod %s: %s\n", pods.Items[i].Name, summary(&pods.Items[i]))
	}
	events, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintf(&b, "list events: %v\n", err)
	} else {
		for _, e := range events.Items {
			fmt.Fprintf(&b, "event of %s %s: %s: %s\n", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
		}
	}
	t.Logf("namespace %s:\n%s", namespace, b.String())
}

// summary is what the status of a pod says, on some lines.
func summary(p *corev1.Pod) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", p.Status.Phase, p.Status.Reason, p.Status.Message)
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		fmt.Fprintf(&b, "\n  container %s: %s", c.Name, state(c.State))
	}
	for _, c := range p.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Message != "" {
			fmt.Fprintf(&b, "\n  %s=%s: %s: %s", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	return b.String()
}

func state(s corev1.ContainerState) string {
	switch {
	case s.Waiting != nil:
		return fmt.Sprintf("waiting: %s: %s", s.Waiting.Reason, s.Waiting.Message)
	case s.Terminated != nil:
		return fmt.Sprintf("terminated: %s, exit code %d: %s", s.Terminated.Reason, s.Terminated.ExitCode, s.Terminated.Message)
	case s.Running != nil:
		return "running"
	}
	return "unknown"
}

// Watcher remembers the states that the pods of a namespace went through.
type Watcher struct {
	mu   sync.Mutex
	pods map[string][]Seen
}

// Seen is a pod as it was at a time of the test's clock.
type Seen struct {
	At  time.Time
	Pod *corev1.Pod
	// Deleted says that it was gone then.
	Deleted bool
}

// Watch begins to remember, until the test ends. It is there before it returns, so that
// what is made after that is seen.
func Watch(t testing.TB, namespace string) *Watcher {
	t.Helper()
	w := &Watcher{pods: map[string][]Seen{}}
	list := cache.NewListWatchFromClient(Client(t).CoreV1().RESTClient(), "pods", namespace, fields.Everything())
	see := func(object any, deleted bool) {
		if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = last.Obj
		}
		pod, ok := object.(*corev1.Pod)
		if !ok {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pods[pod.Name] = append(w.pods[pod.Name], Seen{At: time.Now(), Pod: pod, Deleted: deleted})
	}
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{ListerWatcher: list, ObjectType: &corev1.Pod{}, Handler: cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { see(o, false) },
		UpdateFunc: func(_, o any) { see(o, false) },
		DeleteFunc: func(o any) { see(o, true) },
	}})
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { controller.RunWithContext(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	if !cache.WaitForCacheSync(t.Context().Done(), controller.HasSynced) {
		t.Fatalf("watch pods of %s: the test ended before they were listed", namespace)
	}
	return w
}

// Pods returns what was seen so far, by name, in order.
func (w *Watcher) Pods() map[string][]Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make(map[string][]Seen, len(w.pods))
	for name, seen := range w.pods {
		out[name] = append([]Seen(nil), seen...)
	}
	return out
}
