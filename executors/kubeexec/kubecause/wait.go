package kubecause

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/updraft-dev/updraft/run"
)

// Wait is why a pod has not started.
type Wait struct {
	// Reason is one sentence.
	Reason string
	// Fatal says that waiting does not help. Cause is what the attempt fails of then, or if
	// it has waited for too long.
	Fatal bool
	Cause run.Cause
}

// unseen is how long the scheduler may take to look at a pod before that is a reason.
const unseen = 10 * time.Second

// Waiting says what a pod waits for; ok is false if its main container runs or has ended.
// The events, which may be missing, are those about the pod.
func Waiting(pod *corev1.Pod, events []corev1.Event, now time.Time) (w Wait, ok bool) {
	if pod.Status.Phase != corev1.PodPending && pod.Status.Phase != "" || pod.DeletionTimestamp != nil {
		return Wait{}, false
	}
	if c := condition(pod, corev1.PodScheduled); c == nil || c.Status != corev1.ConditionTrue {
		return unscheduled(pod, c, now), true
	}
	for _, list := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range list {
			if s.State.Waiting == nil {
				continue
			}
			if w, found := waiting(&s, events); found {
				return w, true
			}
		}
	}
	if w, found := heard(pod, events); found {
		return w, true
	}
	for _, s := range pod.Status.InitContainerStatuses {
		if s.State.Running != nil {
			return Wait{Reason: fmt.Sprintf("init container %s runs", s.Name), Cause: run.CauseTask}, true
		}
	}
	return Wait{Reason: "the node makes its containers", Cause: run.CauseInfra}, true
}

// waiting judges a container that waits, if its reason tells anything.
func waiting(s *corev1.ContainerStatus, events []corev1.Event) (Wait, bool) {
	message := s.State.Waiting.Message
	if s.State.Waiting.Reason == "ImagePullBackOff" && !strings.Contains(message, "ErrImagePull") {
		message += " " + pullFailure(s.Image, events)
	}
	r := find(waitRows(), s.State.Waiting.Reason, message)
	if r == nil {
		return Wait{}, false
	}
	return Wait{Reason: fmt.Sprintf("container %s: %s", s.Name, r.sentence(message)), Fatal: !r.wait, Cause: r.cause}, true
}

// pullFailure is what an event says of an image that is not pulled. Before Kubernetes 1.31
// the status of a container that waits to pull again did not say why.
func pullFailure(image string, events []corev1.Event) string {
	for i := len(events) - 1; i >= 0; i-- {
		if m := events[i].Message; events[i].Reason == "Failed" && strings.HasPrefix(m, "Failed to pull image") && strings.Contains(m, image) {
			return m
		}
	}
	return ""
}

// heard judges a pod by the last of its events that tells anything.
func heard(pod *corev1.Pod, events []corev1.Event) (Wait, bool) {
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		if e.InvolvedObject.UID != "" && e.InvolvedObject.UID != pod.UID {
			continue
		}
		switch e.Reason {
		case "Pulled", "Created", "Started":
			return Wait{}, false // what was before is over
		}
		if r := find(eventRows(), e.Reason, e.Message); r != nil {
			return Wait{Reason: r.sentence(e.Message), Fatal: !r.wait, Cause: r.cause}, true
		}
	}
	return Wait{}, false
}

// unscheduled says why a pod has no node.
func unscheduled(pod *corev1.Pod, c *corev1.PodCondition, now time.Time) Wait {
	w := Wait{Cause: run.CauseInfra}
	switch {
	case c != nil && c.Reason == corev1.PodReasonSchedulingGated:
		w.Reason = "the pod waits for whoever has put scheduling gates on it"
	case c != nil && c.Message != "":
		w.Reason = "no node takes the pod: " + Condense(c.Message)
	case now.Sub(pod.CreationTimestamp.Time) > unseen:
		w.Reason = "the scheduler of the cluster has not looked at the pod yet: is kube-scheduler running?"
	default:
		w.Reason = "the pod waits for a node"
	}
	return w
}

var (
	// available takes the scheduler's message apart: 0/3 nodes are available: … preemption: …
	available = regexp.MustCompile(`^0/(\d+) nodes are available: (.*)$`)
	// counted is one of the reasons in it, with the number of nodes.
	counted = regexp.MustCompile(`^(\d+) (.*)$`)
	// taint is how the scheduler writes a taint: {key: value}.
	taint = regexp.MustCompile(`\{([^:{}]*): ?([^{}]*)\}`)
)

// Condense makes a clause of what the scheduler says of a pod that fits nowhere.
func Condense(message string) string {
	m := available.FindStringSubmatch(line(message))
	if m == nil {
		return line(message)
	}
	reasons, _, _ := strings.Cut(m[2], ". ") // what comes then is about making room by preemption
	reasons = strings.TrimRight(reasons, " .")
	var parts []string
	for _, r := range strings.Split(reasons, ", ") {
		parts = append(parts, clause(r))
	}
	return fmt.Sprintf("of %s, %s", nodes(m[1]), strings.Join(parts, ", "))
}

func nodes(n string) string {
	if n == "1" {
		return "1 node"
	}
	return n + " nodes"
}

// clause is one of the scheduler's reasons, in words.
func clause(reason string) string {
	m := counted.FindStringSubmatch(reason)
	if m == nil {
		return reason
	}
	n, what := m[1], m[2]
	verb := func(one, many string) string {
		if n == "1" {
			return one
		}
		return many
	}
	what = strings.TrimPrefix(what, "node(s) ")
	switch {
	case strings.HasPrefix(what, "Insufficient "):
		return n + verb(" lacks ", " lack ") + strings.TrimPrefix(what, "Insufficient ")
	case what == "Too many pods":
		return n + verb(" has", " have") + " no room for more pods"
	case strings.HasPrefix(what, "had untolerated taint"):
		k := taint.FindStringSubmatch(what)
		if k == nil { // it does not say which since Kubernetes 1.34
			return n + verb(" has", " have") + " a taint that it does not tolerate"
		}
		return n + verb(" has", " have") + " the taint " + strings.TrimRight(k[1]+"="+k[2], "=") + ", which it does not tolerate"
	case strings.HasPrefix(what, "didn't match Pod's node affinity"):
		return n + verb(" does", " do") + " not match its node selector or affinity"
	case what == "were unschedulable":
		return n + verb(" is", " are") + " cordoned"
	case strings.HasPrefix(what, "didn't match pod topology spread"):
		return n + " would be against its topology spread constraints"
	case strings.HasPrefix(what, "didn't have free ports"):
		return n + verb(" has", " have") + " its host ports taken"
	case strings.HasPrefix(what, "didn't match pod anti-affinity"), strings.HasPrefix(what, "didn't match pod affinity"):
		return n + verb(" does", " do") + " not match its pod affinity"
	}
	return n + " " + what
}
