package podrun

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubecause"
	"github.com/updraft-dev/updraft/run"
)

const (
	// annotationLaunch tells a pod of this process from another of its name.
	annotationLaunch = "updraft.dev/launch"
	// callTimeout bounds one request, and tryTime the trying while the API server is away.
	callTimeout = 30 * time.Second
	tryTime     = 3 * time.Minute
	// firstPause is that between tries; it doubles up to lastPause.
	firstPause, lastPause = 250 * time.Millisecond, 10 * time.Second
)

// launched is the attempt's pod: one that is there, or a new one.
func (r *runner) launched(ctx context.Context, manifest *corev1.Pod, how carrier) (*corev1.Pod, error) {
	if r.q.Reattach {
		found, err := r.find(ctx, manifest.Namespace)
		if err != nil {
			return nil, err
		}
		if found != nil {
			r.log.say("going on with pod %s of try %s", found.Name, found.Labels[labelTry])
			return found, nil
		}
	}
	pod := manifest.DeepCopy()
	if r.q.RandomSuffix {
		pod.Name = random(pod.Name)
	}
	if err := r.carry(pod, how); err != nil {
		return nil, err
	}
	made, err := r.create(ctx, pod)
	if err != nil {
		return nil, err
	}
	r.log.say("pod %s is made in namespace %s", made.Name, made.Namespace)
	return made, nil
}

// find looks for a pod of an earlier try whose worker was lost; nil if there is none. One
// that has failed counts for its own try alone.
func (r *runner) find(ctx context.Context, namespace string) (*corev1.Pod, error) {
	selector := labels.Set(r.identity()).String() + "," + labelChecked + "!=True,!airflow-worker"
	var found *corev1.PodList
	err := r.try(ctx, "looking for the pod of an earlier try", func(ctx context.Context) (err error) {
		found, err = r.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		return err
	})
	if err != nil {
		return nil, err
	}
	pods := slices.DeleteFunc(found.Items, func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodFailed && p.Labels[labelTry] != strconv.Itoa(r.q.Try)
	})
	if len(pods) == 0 {
		return nil, nil
	}
	newest := slices.MaxFunc(pods, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	if len(pods) > 1 {
		r.log.say("%d pods have the labels of this task instance: the newest counts", len(pods))
	}
	return &newest, nil
}

// create makes a pod. One that the cluster has no room for at present, by a quota, is tried
// again for as long as another may wait for a node.
func (r *runner) create(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	launch := random("launch")
	pod.Annotations = maps.Clone(pod.Annotations)
	pod.Annotations[annotationLaunch] = launch
	start, said, pause := time.Now(), "", firstPause
	for {
		made, err := r.createOnce(ctx, pod, launch)
		var refusal *refusal
		if !errors.As(err, &refusal) {
			return made, err
		}
		patience := time.Duration(r.q.ScheduleSeconds) * time.Second
		if r.q.ScheduleSeconds == 0 {
			patience = 24 * time.Hour
		}
		if time.Since(start) > patience {
			return nil, fail(refusal.Cause, "no pod could be made within %s: %s", patience, refusal.Reason)
		}
		if refusal.Reason != said {
			said = refusal.Reason
			r.log.say("waiting: %s", said)
		}
		if !sleep(ctx, max(pause, refusal.After)) {
			return nil, stopped(ctx)
		}
		pause = min(2*pause, lastPause)
	}
}

// refusal is a pod that may be taken later.
type refusal struct{ kubecause.Refusal }

func (r *refusal) Error() string { return r.Reason }

func (r *runner) createOnce(ctx context.Context, pod *corev1.Pod, launch string) (*corev1.Pod, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	pods := r.client.CoreV1().Pods(pod.Namespace)
	made, err := pods.Create(call, pod, metav1.CreateOptions{})
	switch {
	case err == nil:
		return made, nil
	case ctx.Err() != nil:
		return nil, r.abandoned(ctx, pod, launch)
	case apierrors.IsAlreadyExists(err):
		there, err := pods.Get(call, pod.Name, metav1.GetOptions{})
		if err == nil && there.Annotations[annotationLaunch] == launch {
			return there, nil // the answer to an earlier request was lost
		}
		return nil, fail(run.CauseConfig, "there is another pod %s in namespace %s: delete it, or leave random_name_suffix to be true", pod.Name, pod.Namespace)
	}
	refused := kubecause.Refused(err)
	if refused.Wait {
		return nil, &refusal{refused}
	}
	return nil, fail(refused.Cause, "%s", own(refused.Reason))
}

// abandoned deletes a pod that may have been made while the attempt was stopped.
func (r *runner) abandoned(ctx context.Context, pod *corev1.Pod, launch string) error {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	pods := r.client.CoreV1().Pods(pod.Namespace)
	if there, err := pods.Get(call, pod.Name, metav1.GetOptions{}); err == nil && there.Annotations[annotationLaunch] == launch {
		_ = pods.Delete(call, pod.Name, metav1.DeleteOptions{})
	}
	return stopped(ctx)
}

// try asks the API server, again for a while if it is away.
func (r *runner) try(ctx context.Context, what string, ask func(context.Context) error) error {
	start, pause, said := time.Now(), firstPause, false
	for {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		err := ask(call)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return stopped(ctx)
		case !passing(err) || time.Since(start) > tryTime:
			return fail(run.CauseInfra, "%s: %w", what, err)
		case !said && time.Since(start) > lastPause:
			said = true
			r.log.say("%s: trying again: %v", what, err)
		}
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			pause = max(pause, time.Duration(seconds)*time.Second)
		}
		if !sleep(ctx, pause) {
			return stopped(ctx)
		}
		pause = min(2*pause, lastPause)
	}
}

// passing says that an error may pass by itself.
func passing(err error) bool {
	var api apierrors.APIStatus
	if !errors.As(err, &api) {
		return true // nobody answered
	}
	code := api.Status().Code
	return code == 429 || code >= 500 || code == 0 || apierrors.IsUnauthorized(err) // credentials are renewed
}

func stopped(ctx context.Context) error {
	return fail(run.CauseUser, "stopped: %w", context.Cause(ctx))
}

// sleep waits, and says whether ctx is still there.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// String names a pod for messages.
func name(pod *corev1.Pod) string { return fmt.Sprintf("%s/%s", pod.Namespace, pod.Name) }
