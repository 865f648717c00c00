package podrun

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubecause"
	"github.com/updraft-dev/updraft/run"
)

const (
	// lookEvery is how often a pod that has not started is looked at beside what is heard.
	lookEvery = 2 * time.Second
	// killMargin is what a pod may take to be gone beside its grace.
	killMargin = 10 * time.Second
	// istio is a container that does not end by itself, and whose end does not matter.
	istio = "istio-proxy"
)

// errNoShell says that the image has nothing to copy the value with. Nothing was executed.
var errNoShell = errors.New("the image has no shell")

// end is what is known of a pod in the end.
type end struct {
	pod   *corev1.Pod
	gone  bool
	value json.RawMessage
}

// follower sees one pod to its end.
type follower struct {
	r       *runner
	pod     *corev1.Pod // as it was seen last
	streams *streams

	begin, scheduled time.Time
	events           []corev1.Event
	said             string
	ended            time.Time // when the base container was seen to have
	noShell          bool
}

// follow sees a pod to its end. When ctx ends, the pod is deleted, and what it says to that is
// still shown.
func (r *runner) follow(ctx context.Context, pod *corev1.Pod) (*end, error) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	states, stop := r.watch(inner, pod)
	defer stop()
	f := &follower{r: r, pod: pod, streams: r.streams(inner), begin: time.Now()}
	gone, err := f.wait(ctx, states)
	f.streams.end()
	e := &end{pod: f.pod, gone: gone}
	switch {
	case ctx.Err() != nil:
		return e, stopped(ctx)
	case f.noShell:
		return e, errNoShell
	case err != nil:
		return e, err
	}
	if err := f.judge(inner, gone); err != nil {
		return e, err
	}
	e.value, err = r.value(inner, f.pod)
	return e, err
}

// wait waits until the pod has ended, or is gone, or nothing is to be expected of it.
func (f *follower) wait(ctx context.Context, states <-chan seen) (gone bool, err error) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	kill := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case s := <-states:
			switch {
			case s.err != nil:
				return false, s.err
			case s.gone:
				if s.pod.UID == f.pod.UID {
					f.pod = s.pod
				}
				return true, nil
			}
			f.pod = s.pod
			f.streams.update(f.pod)
		case <-look.C:
			f.look(ctx)
		case <-kill:
			kill = nil
			f.r.log.say("deleting pod %s", name(f.pod))
			f.r.delete(ctx, f.pod, nil)
			late = time.After(graceOf(f.pod) + killMargin)
		case <-late:
			f.r.log.say("pod %s is still there: Kubernetes will end it", name(f.pod))
			return false, nil
		}
		if kill == nil || f.noShell {
			continue // until it is gone
		}
		if f.r.hasNoShell(f.pod) {
			f.noShell = true
			f.r.delete(ctx, f.pod, new(int64))
			continue
		}
		if f.over(f.pod) {
			return false, nil
		}
		if err := f.patience(ctx); err != nil {
			return false, err
		}
	}
}

// over says that nothing more is to be expected of a pod: its base container has ended, those
// beside it too if that went well, and what carries its value.
func (f *follower) over(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return true
	}
	base := statusOf(pod.Status.ContainerStatuses, f.r.q.Base)
	if base == nil || base.State.Terminated == nil {
		return false
	}
	if base.State.Terminated.ExitCode != 0 {
		return true
	}
	if f.ended.IsZero() {
		f.ended = time.Now()
	}
	others := slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.Name != f.r.q.Base && c.Name != istio && c.State.Terminated == nil
	})
	return !others && (!f.r.sidecarBusy(pod) || time.Since(f.ended) > sidecarPatience)
}

// look hears the events of a pod that has not started, and says what it waits for.
func (f *follower) look(ctx context.Context) {
	if f.pod.Status.Phase != corev1.PodPending {
		return
	}
	f.events = f.r.events(ctx, f.pod)
	w, waits := kubecause.Waiting(f.pod, f.events, time.Now())
	if reason := own(w.Reason); waits && reason != f.said && !strings.Contains(reason, sidecar) {
		f.said = reason
		f.r.log.say("waiting: %s", reason)
	}
}

// patience is an error if waiting for the pod to start does not help, or has taken too long.
func (f *follower) patience(ctx context.Context) error {
	w, waits := kubecause.Waiting(f.pod, f.events, time.Now())
	if !waits {
		return nil
	}
	if w.Fatal {
		return fail(w.Cause, "%s", own(w.Reason))
	}
	if f.scheduled.IsZero() && scheduled(f.pod) {
		f.scheduled = time.Now()
	}
	begin, seconds, what := f.begin, f.r.q.ScheduleSeconds, "schedule_timeout_seconds"
	if !f.scheduled.IsZero() {
		begin, seconds, what = f.scheduled, f.r.q.StartSeconds, "startup_timeout_seconds"
	}
	if limit := time.Duration(seconds) * time.Second; limit > 0 && time.Since(begin) > limit {
		if f.events == nil {
			f.look(ctx)
		}
		return fail(w.Cause, "the pod has not started within %s (%s): %s", limit, what, own(w.Reason))
	}
	return nil
}

func scheduled(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue
	})
}

// judge says how the pod has failed; nil if it has not.
func (f *follower) judge(ctx context.Context, gone bool) error {
	pod := f.pod
	e, ended := kubecause.Ended(pod, nil)
	switch {
	case gone && !ended:
		e = kubecause.Gone(pod, f.r.events(ctx, pod))
		return fail(e.Cause, "%s", own(e.Reason))
	case e.Cause == "":
		return f.others()
	case e.ExitCode == 137 && e.Cause != run.CauseOOM:
		e, _ = kubecause.Ended(pod, f.r.events(ctx, pod)) // they may tell of memory that ran out
	}
	if text, ok := f.exit(e); ok {
		return &failure{cause: run.CauseTask, code: e.ExitCode, err: errors.New(text)}
	}
	return &failure{cause: e.Cause, code: e.ExitCode, err: errors.New(own(e.Reason))}
}

// exit is the sentence for a container that ended by itself, whose exit code has no meaning
// of ours; ok is false if something else ended it.
func (f *follower) exit(e kubecause.End) (text string, ok bool) {
	s := statusOf(f.pod.Status.ContainerStatuses, f.r.q.Base)
	if s == nil || s.State.Terminated == nil || s.State.Terminated.Reason != "Error" || e.ExitCode == 0 {
		return "", false
	}
	byItself := e.Cause == run.CauseTask || strings.HasPrefix(e.Reason, "the runner ")
	if !byItself || f.pod.Status.Reason != "" {
		return "", false
	}
	last := f.streams.lastLine(f.r.q.Base)
	if m := strings.TrimSpace(s.State.Terminated.Message); m != "" && f.r.carrierOf(f.pod) != byMessage {
		last = m[strings.LastIndexByte(m, '\n')+1:]
	}
	return exitText(e.ExitCode, last), true
}

// others is an error if a container beside the base one has failed: the pod has, then.
func (f *follower) others() error {
	if f.pod.Status.Phase != corev1.PodFailed {
		return nil
	}
	for _, c := range f.pod.Status.ContainerStatuses {
		if t := c.State.Terminated; t != nil && t.ExitCode != 0 && c.Name != istio {
			return fail(run.CauseTask, "container %s ended with %s", c.Name, exitText(int(t.ExitCode), f.streams.lastLine(c.Name)))
		}
	}
	return nil
}

// delete deletes a pod; a grace of nil is the pod's own.
func (r *runner) delete(ctx context.Context, pod *corev1.Pod, grace *int64) {
	err := r.try(context.WithoutCancel(ctx), "deleting the pod", func(ctx context.Context) error {
		uid := pod.UID
		err := r.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: grace, Preconditions: &metav1.Preconditions{UID: &uid},
		})
		if isGone(err) {
			return nil
		}
		return err
	})
	if err != nil {
		r.log.say("pod %s is left: %v", name(pod), err)
	}
}

// graceOf is the time that a pod has between SIGTERM and SIGKILL.
func graceOf(pod *corev1.Pod) time.Duration {
	if s := pod.Spec.TerminationGracePeriodSeconds; s != nil {
		return time.Duration(*s) * time.Second
	}
	return 30 * time.Second
}
