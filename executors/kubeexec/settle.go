package kubeexec

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubecause"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
)

// settleAll looks at pods, one after the other, until ctx ends.
func (e *Executor) settleAll(ctx context.Context) {
	for {
		k, over := e.queue.Get()
		if over {
			return
		}
		again, err := e.settle(ctx, k)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			e.cfg.Log.WarnContext(ctx, "settling a pod; trying again", "pod", k.name, "error", err)
			e.queue.AddRateLimited(k)
		default:
			e.queue.Forget(k)
			if again > 0 {
				e.queue.AddAfter(k, again)
			}
		}
		e.queue.Done(k)
		if ctx.Err() != nil {
			return
		}
	}
}

// settle does what follows from what a pod is like, and says when to look again; 0 is when
// it has changed. Doing it twice is doing it once.
func (e *Executor) settle(ctx context.Context, k key) (again time.Duration, err error) {
	if k.gone != "" {
		return 0, e.settleGone(ctx, k.gone)
	}
	obj, there, err := e.pods.GetStore().GetByKey(e.cfg.Namespace + "/" + k.name)
	pod, ok := obj.(*corev1.Pod)
	if err != nil || !there || !ok {
		return 0, err
	}
	if e.isSettled(pod.UID) {
		return e.tidy(ctx, pod)
	}
	if end, over := kubecause.Ended(pod, nil); over {
		if err := e.account(ctx, pod, end); err != nil {
			return 0, err
		}
		return e.tidy(ctx, pod)
	}
	if pod.Status.Phase == corev1.PodPending && pod.DeletionTimestamp == nil {
		return e.await(ctx, pod)
	}
	e.forgetWait(pod.UID)
	return 0, nil
}

// settleGone accounts for a pod that is not there any more.
func (e *Executor) settleGone(ctx context.Context, uid types.UID) error {
	e.mu.Lock()
	pod, settled := e.gone[uid], e.settled[uid]
	e.mu.Unlock()
	if pod != nil && !settled {
		if err := e.account(ctx, pod, kubecause.Gone(pod, nil)); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.gone, uid)
	delete(e.settled, uid)
	delete(e.orphans, uid)
	delete(e.waits, uid)
	return nil
}

func (e *Executor) isSettled(uid types.UID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.settled[uid]
}

func (e *Executor) isOrphan(uid types.UID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.orphans[uid]
}

func (e *Executor) forgetWait(uid types.UID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.waits, uid)
}

// account tells the owner how a pod has ended, unless its runner has.
func (e *Executor) account(ctx context.Context, pod *corev1.Pod, end kubecause.End) error {
	e.forgetWait(pod.UID)
	if end.Cause != "" {
		told, err := e.ended(ctx, pod, end)
		if err != nil {
			return err
		}
		if err := e.owner.Ended(ctx, told); err != nil {
			return fmt.Errorf("tell how pod %s has ended: %w", pod.Name, err)
		}
		if !e.isOrphan(pod.UID) {
			e.counts.failed(string(end.Cause))
		}
	} else {
		e.counts.succeeded.Add(1)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settled[pod.UID] = true
	return nil
}

// ended is what the owner is told.
func (e *Executor) ended(ctx context.Context, pod *corev1.Pod, end kubecause.End) (*Ended, error) {
	p, err := podOf(pod)
	if err != nil {
		return nil, err
	}
	events := e.events(ctx, pod)
	if better, over := kubecause.Ended(pod, events); over {
		end = better
	}
	return &Ended{Pod: p, End: end, LongLived: longLived(pod), Record: func(ctx context.Context) []byte { return e.record(ctx, pod, events) }}, nil
}

func longLived(pod *corev1.Pod) bool {
	return pod.Labels[kubeevent.LabelRole] == kubeevent.RoleWorker
}

// podOf is a pod as its owner knows it.
func podOf(pod *corev1.Pod) (Pod, error) {
	p := Pod{Name: pod.Name, Worker: kubepod.Worker(pod)}
	if longLived(pod) {
		return p, nil
	}
	var err error
	p.Attempt, err = kubepod.Attempt(pod)
	return p, err
}

const (
	// patience is how long a pod may be pending before anybody is told why.
	patience = 5 * time.Second
	// lookAgain is how often a pending pod is looked at without its having changed.
	lookAgain = 15 * time.Second
)

// await says why a pod does not start, and fails it if it never will, or not in time.
func (e *Executor) await(ctx context.Context, pod *corev1.Pod) (time.Duration, error) {
	now := e.cfg.Now()
	age := now.Sub(pod.CreationTimestamp.Time)
	var events []corev1.Event
	if pod.Spec.NodeName != "" && age > patience {
		events = e.events(ctx, pod) // the status does not say that a volume cannot be mounted
	}
	w, waits := kubecause.Waiting(pod, events, now)
	late := e.cfg.PendingTimeout > 0 && age >= e.cfg.PendingTimeout
	switch {
	case !waits:
		return 0, nil
	case !w.Fatal && !late:
		if age <= patience {
			return patience - age + time.Second, nil
		}
		e.noteWait(pod, w.Reason)
		return lookAgain, nil
	case !w.Fatal:
		w.Reason = fmt.Sprintf("the pod has not started in %s (kubernetes_pending_timeout): %s", executors.Duration(e.cfg.PendingTimeout), w.Reason)
	}
	e.cfg.Log.InfoContext(ctx, "pod never starts; it is deleted", "pod", pod.Name, "reason", w.Reason)
	if err := e.account(ctx, pod, kubecause.End{At: now, Cause: w.Cause, Reason: w.Reason}); err != nil {
		return 0, err
	}
	return 0, e.remove(ctx, pod)
}

// noteWait keeps why a pod waits, for Waits.
func (e *Executor) noteWait(pod *corev1.Pod, reason string) {
	a, err := kubepod.Attempt(pod)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waits[pod.UID] = Waiting{Attempt: a, Reason: reason, Since: pod.CreationTimestamp.Time}
}

// Waits are the pods that have not started for some seconds.
func (e *Executor) Waits() []Waiting {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]Waiting, 0, len(e.waits))
	for _, w := range e.waits {
		out = append(out, w)
	}
	return out
}

// tidy deletes a pod that is accounted for when it was kept long enough.
func (e *Executor) tidy(ctx context.Context, pod *corev1.Pod) (again time.Duration, err error) {
	if pod.DeletionTimestamp != nil {
		return 0, nil
	}
	keep := e.cfg.KeepSucceeded
	if pod.Status.Phase == corev1.PodFailed {
		keep = e.cfg.KeepFailed
	}
	if !ended(pod) {
		keep = 0 // its main container has ended, others go on
	}
	if left := endedAt(pod).Add(keep).Sub(e.cfg.Now()); left > 0 {
		return left, nil
	}
	if err := e.remove(ctx, pod); err != nil {
		return 0, err
	}
	e.counts.deleted.Add(1)
	return 0, nil
}

// endedAt is when a pod has ended, as far as it tells.
func endedAt(pod *corev1.Pod) time.Time {
	if e, ok := kubecause.Ended(pod, nil); ok && !e.At.IsZero() {
		return e.At
	}
	return pod.CreationTimestamp.Time
}

const (
	// orphanAge is how old a pod is before anybody asks whether it is needed: the attempt of
	// one that was just made may not be readable yet.
	orphanAge = 15 * time.Second
	// manyPods is how many pods are asked about at once.
	manyPods = 200
)

// endOrphans ends the pods whose attempts do not need them: cleared, marked, failed because
// their lease ran out, of a run that was deleted.
func (e *Executor) endOrphans(ctx context.Context, now time.Time) error {
	var pods []*corev1.Pod
	var asked []Pod
	for _, pod := range e.list() {
		if ended(pod) || pod.DeletionTimestamp != nil || longLived(pod) || now.Sub(pod.CreationTimestamp.Time) < orphanAge || e.isSettled(pod.UID) || e.isOrphan(pod.UID) {
			continue
		}
		if p, err := podOf(pod); err == nil {
			pods, asked = append(pods, pod), append(asked, p)
		}
	}
	var errs []error
	for len(pods) > 0 {
		n := min(manyPods, len(pods))
		needed, err := e.owner.Needed(ctx, asked[:n])
		if err != nil {
			return err
		}
		var all sync.WaitGroup
		failed := make([]error, n)
		for i, pod := range pods[:n] {
			if needed[i] {
				continue
			}
			e.cfg.Log.InfoContext(ctx, "pod is deleted: its attempt does not need it any more", "pod", pod.Name, "attempt", asked[i].Attempt.String())
			e.slots <- struct{}{} // as many at once as are created
			all.Go(func() {
				defer func() { <-e.slots }()
				failed[i] = e.removeOrphan(ctx, pod)
			})
		}
		all.Wait()
		errs = append(errs, failed...)
		pods, asked = pods[n:], asked[n:]
	}
	return errors.Join(errs...)
}

// removeOrphan deletes a pod that nobody needs. Its end is nobody's failure, and it counts
// once, however long it takes to go.
func (e *Executor) removeOrphan(ctx context.Context, pod *corev1.Pod) error {
	e.mu.Lock()
	e.orphans[pod.UID] = true
	e.mu.Unlock()
	err := e.remove(ctx, pod)
	if err == nil {
		e.counts.orphans.Add(1)
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.orphans, pod.UID)
	return err
}
