// Package kubecause says why a pod has ended, why it waits and why it was refused, in words of
// Updraft: a cause, which decides about retries, and one sentence with the remedy. It calls
// nobody.
package kubecause

import (
	"fmt"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/run"
)

// row is something that Kubernetes tells, by a word or by parts of its text.
type row struct {
	// code is the word that Kubernetes has for it (a reason, as its API calls that), detail a
	// part of its message. Empty ones fit all.
	code, detail string
	cause        run.Cause
	reason       string
	// wait says that it may pass by itself.
	wait bool
	// told says that Kubernetes' own message belongs into the sentence.
	told bool
}

// find returns the first row that fits, or nil. Messages are compared in whatever case.
func find(rows []row, code, message string) *row {
	message = strings.ToLower(message)
	for i := range rows {
		r := &rows[i]
		if (r.code == "" || r.code == code) && strings.Contains(message, strings.ToLower(r.detail)) {
			return r
		}
	}
	return nil
}

func (r *row) sentence(message string) string {
	if !r.told {
		return r.reason
	}
	return sentence(r.reason, message)
}

// maxDetail bounds what is kept of what Kubernetes tells, in characters.
const maxDetail = 300

// sentence is a reason with what Kubernetes tells, in one line.
func sentence(reason, told string) string {
	if told = line(told); told == "" {
		return reason
	}
	return fmt.Sprintf("%s (%s)", reason, told)
}

// line makes one line of a message.
func line(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	if utf8.RuneCountInString(s) > maxDetail {
		s = string([]rune(s)[:maxDetail-1]) + "…"
	}
	return s
}

// defaultContainer is the annotation that names the main container of a pod; kubectl has it.
const defaultContainer = "kubectl.kubernetes.io/default-container"

// mainContainer is the name of the container that a pod is for: the one that an annotation names, or
// base, or the first.
func mainContainer(pod *corev1.Pod) string {
	if name := pod.Annotations[defaultContainer]; name != "" {
		return name
	}
	for _, c := range pod.Spec.Containers {
		if c.Name == kubeevent.Base {
			return c.Name
		}
	}
	if len(pod.Spec.Containers) > 0 {
		return pod.Spec.Containers[0].Name
	}
	return kubeevent.Base
}

// statusOf is the status of a container; nil if there is none yet.
func statusOf(list []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// condition is a condition of a pod; nil if there is none of this type.
func condition(pod *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == t {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
