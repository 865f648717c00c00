// Package kubeexec makes a pod for each attempt, and tells how pods have ended that did not
// tell it themselves. What a pod looks like is kubepod's matter, what its end means
// kubecause's, what the runner in it does neither's.
//
// Its view of the pods is a cache that a watch keeps. Whatever it does follows from what
// pods are like, not from what has happened to them: a watch that ends, a controller that
// is killed, and two of them one after the other make no difference.
package kubeexec

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubecause"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/run"
)

// Name is the executor's name in settings and claims.
const Name = executors.Kubernetes

// What Config has by default.
const (
	// DefaultParallel is how many pods are created at the same time.
	DefaultParallel = 16
	// DefaultSweep is how often every pod is looked at, whether it has changed or not.
	DefaultSweep = 30 * time.Second
)

// Config says where and how pods are made.
type Config struct {
	Client kubernetes.Interface
	// Pods makes them, in Namespace, for Installation.
	Pods                    *kubepod.Builder
	Namespace, Installation string
	// MaxPods is how many unfinished pods of tasks there are at most; 0 is without bound.
	MaxPods int
	// Parallel is how many are created at the same time; 0 means DefaultParallel.
	Parallel int
	// Parallelism is how many attempts may be queued or running at once, for Capacity; 0 is
	// without bound.
	Parallelism int
	// PendingTimeout is after how long a pod that cannot start fails its attempt; 0 is never.
	PendingTimeout time.Duration
	// KeepSucceeded and KeepFailed are for how long pods are kept that have ended.
	KeepSucceeded, KeepFailed time.Duration
	// Sweep is how often every pod is looked at; 0 means DefaultSweep.
	Sweep time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// Executor starts and stops pods. Start and Cancel need no Run; all else is done by Run.
type Executor struct {
	cfg   Config
	slots chan struct{}
	pods  cache.SharedIndexInformer
	queue workqueue.TypedRateLimitingInterface[key]
	owner Owner
	// counts are for Stats.
	counts counters
	closed atomic.Bool
	// synced says that the cache is what the cluster has.
	synced atomic.Bool

	mu sync.Mutex
	// fresh are pods that were created and are not in the cache yet, by name.
	fresh map[string]time.Time
	// gone are pods that were deleted and whose end was not looked at yet.
	gone map[types.UID]*corev1.Pod
	// settled are the pods whose end is accounted for, as long as they are there.
	settled map[types.UID]bool
	// orphans are the pods that were deleted because their attempts do not need them, as long
	// as they are there.
	orphans map[types.UID]bool
	// waits says why pods do not start.
	waits map[types.UID]Waiting
	// until is when pods may be created again, because the API server has said so.
	until time.Time
}

var _ executors.Dispatcher = (*Executor)(nil)

// Open returns an executor. It calls nobody.
func Open(cfg Config) (*Executor, error) {
	switch {
	case cfg.Client == nil || cfg.Pods == nil || cfg.Now == nil || cfg.Log == nil:
		return nil, errors.New("kubeexec needs a client, a builder of pods, a clock and a log")
	case cfg.Namespace == "":
		return nil, errors.New("the kubernetes executor needs a namespace: set kubernetes_namespace")
	case cfg.MaxPods < 0 || cfg.Parallel < 0 || cfg.Parallelism < 0 || cfg.PendingTimeout < 0 || cfg.KeepSucceeded < 0 || cfg.KeepFailed < 0:
		return nil, errors.New("the kubernetes executor: a number of pods or a time is negative: use positive numbers, or 0 for the default")
	}
	if cfg.Parallel == 0 {
		cfg.Parallel = DefaultParallel
	}
	if cfg.Sweep == 0 {
		cfg.Sweep = DefaultSweep
	}
	e := &Executor{
		cfg: cfg, slots: make(chan struct{}, cfg.Parallel),
		fresh: map[string]time.Time{}, gone: map[types.UID]*corev1.Pod{}, settled: map[types.UID]bool{}, orphans: map[types.UID]bool{}, waits: map[types.UID]Waiting{},
	}
	e.counts.init()
	return e, e.watch()
}

// Name implements executors.Executor.
func (e *Executor) Name() string { return Name }

// Capacity implements executors.Executor.
func (e *Executor) Capacity() int { return e.cfg.Parallelism }

// Dispatches implements executors.Dispatcher.
func (e *Executor) Dispatches() {}

// WaitError says that there can be no pod for an attempt now, and why. It is
// executors.ErrBusy.
type WaitError struct {
	// Reason is a clause.
	Reason string
	// After is when to try again; 0 is soon.
	After time.Duration
}

func (e *WaitError) Error() string { return executors.ErrBusy.Error() + ": " + e.Reason }

// Unwrap makes it executors.ErrBusy.
func (e *WaitError) Unwrap() error { return executors.ErrBusy }

// Start implements executors.Executor: each attempt gets a pod of its own. Started again
// while it is queued, it has the same pod still. A *WaitError says that the cluster takes
// no pod now, an *executors.RefusedError that it never takes this one.
func (e *Executor) Start(ctx context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	room := e.room()
	var wg sync.WaitGroup
	for i := range work {
		w := &work[i]
		switch {
		case e.closed.Load():
			errs[i] = executors.ErrClosed
			continue
		case e.has(kubepod.Name(w)):
			continue
		case room == 0:
			errs[i] = &WaitError{Reason: fmt.Sprintf("there are %d pods already, which is the bound kubernetes_max_pods", e.cfg.MaxPods)}
			continue
		}
		room--
		wg.Go(func() { errs[i] = e.start(ctx, w) })
	}
	wg.Wait()
	return errs
}

// has says that an attempt's pod is there, and neither ends nor has ended.
func (e *Executor) has(name string) bool {
	obj, there, err := e.pods.GetStore().GetByKey(e.cfg.Namespace + "/" + name)
	if err != nil || !there {
		return false
	}
	pod, ok := obj.(*corev1.Pod)
	return ok && pod.DeletionTimestamp == nil && !ended(pod)
}

// room is how many pods may be created; negative if there is no bound.
func (e *Executor) room() int {
	if e.cfg.MaxPods == 0 {
		return -1
	}
	e.mu.Lock()
	n := len(e.fresh)
	e.mu.Unlock()
	for _, obj := range e.pods.GetStore().List() {
		if pod, ok := obj.(*corev1.Pod); ok && !ended(pod) && !longLived(pod) {
			n++
		}
	}
	return max(0, e.cfg.MaxPods-n)
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// start makes the pod of an attempt.
func (e *Executor) start(ctx context.Context, w *executors.Work) error {
	pod, err := e.cfg.Pods.Build(w)
	if err != nil {
		return err
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return fmt.Errorf("make a pod for %s: %w", w.Attempt(), context.Cause(ctx))
	}
	if wait := e.paused(); wait > 0 {
		return &WaitError{Reason: "the API server has asked for a pause", After: wait}
	}
	return e.create(ctx, pod)
}

// create creates a pod. What is there already was created by somebody who could not say so.
func (e *Executor) create(ctx context.Context, pod *corev1.Pod) error {
	begun := e.cfg.Now()
	e.mu.Lock()
	e.fresh[pod.Name] = begun
	e.mu.Unlock()
	// The client itself waits and tries again where the answer has a Retry-After.
	_, err := e.cfg.Client.CoreV1().Pods(e.cfg.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err == nil {
		e.counts.created(e.cfg.Now().Sub(begun))
		return nil
	}
	e.mu.Lock()
	delete(e.fresh, pod.Name)
	e.mu.Unlock()
	if apierrors.IsAlreadyExists(err) {
		return e.found(ctx, pod.Name)
	}
	e.counts.refused.Add(1)
	return e.judge(pod, err)
}

// found says what a pod that is there already means. One that has ended, though its attempt
// still waits, makes room for another: its runner could not claim.
func (e *Executor) found(ctx context.Context, name string) error {
	pod, err := e.cfg.Client.CoreV1().Pods(e.cfg.Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return &WaitError{Reason: fmt.Sprintf("an earlier pod %s has just gone", name)}
	case err != nil:
		return fmt.Errorf("look at pod %s: %w", name, err)
	case pod.DeletionTimestamp != nil:
		return &WaitError{Reason: fmt.Sprintf("an earlier pod %s is still being deleted", name), After: time.Second}
	case !ended(pod):
		return nil
	}
	if e.isSettled(pod.UID) { // else its end may be what the attempt fails of
		err = e.remove(ctx, pod)
	}
	return errors.Join(&WaitError{Reason: fmt.Sprintf("an earlier pod %s has ended", name), After: time.Second}, err)
}

// judge says what a refusal means.
func (e *Executor) judge(pod *corev1.Pod, err error) error {
	r := kubecause.Refused(err)
	if r.Wait {
		if r.After > 0 {
			e.pause(r.After)
		}
		return &WaitError{Reason: r.Reason, After: r.After}
	}
	e.cfg.Log.Info("pod is refused", "pod", pod.Name, "reason", r.Reason)
	return &executors.RefusedError{Cause: r.Cause, Reason: r.Reason}
}

// pause creates no pods for a while.
func (e *Executor) pause(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if until := e.cfg.Now().Add(d); until.After(e.until) {
		e.until = until
	}
}

func (e *Executor) paused() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.until.Sub(e.cfg.Now())
}

// Cancel implements executors.Executor: the pods of the attempt get SIGTERM, and SIGKILL
// when their grace is over. Pods do not know tokens: a cancel that is late stops what the
// attempt has at present.
func (e *Executor) Cancel(ctx context.Context, a run.Attempt, _, reason string) error {
	pods, err := e.of(ctx, a)
	if err != nil {
		return err
	}
	var errs []error
	for _, pod := range pods {
		e.cfg.Log.InfoContext(ctx, "pod is deleted", "pod", pod.Name, "attempt", a.String(), "reason", reason)
		errs = append(errs, e.remove(ctx, pod))
	}
	return errors.Join(errs...)
}

// of are the pods of an attempt, from the cache if that is kept.
func (e *Executor) of(ctx context.Context, a run.Attempt) ([]*corev1.Pod, error) {
	var out []*corev1.Pod
	if e.synced.Load() {
		list, err := e.pods.GetIndexer().ByIndex(byAttempt, a.String())
		if err != nil {
			return nil, fmt.Errorf("look for the pods of %s: %w", a, err)
		}
		for _, obj := range list {
			if pod, ok := obj.(*corev1.Pod); ok && !ended(pod) {
				out = append(out, pod)
			}
		}
		return out, nil
	}
	list, err := e.cfg.Client.CoreV1().Pods(e.cfg.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector(kubepod.Labels(e.cfg.Installation))})
	if err != nil {
		return nil, fmt.Errorf("look for the pods of %s: %w", a, err)
	}
	for i := range list.Items {
		if pod := &list.Items[i]; attemptIs(pod, a) && !ended(pod) {
			out = append(out, pod)
		}
	}
	return out, nil
}

// remove deletes a pod with the grace that it has itself. One that is gone is no error.
func (e *Executor) remove(ctx context.Context, pod *corev1.Pod) error {
	err := e.cfg.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("delete pod %s: %w", pod.Name, err)
}

// Close implements executors.Executor: it starts nothing any more. The pods go on without
// it.
func (e *Executor) Close(context.Context) error {
	e.closed.Store(true)
	return nil
}

// Namespace is where pods are made.
func (e *Executor) Namespace() string { return e.cfg.Namespace }
