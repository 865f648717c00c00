package kubeexec

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
)

const (
	// maxEvents is how many events of a pod are read.
	maxEvents = 100
	// tailLines and tailBytes bound what is read of a container's output.
	tailLines, tailBytes = 100, 32 << 10
	// askTime bounds these calls: without them only words are missing.
	askTime = 10 * time.Second
)

// events are those about a pod, in the order of time; none if they cannot be read.
func (e *Executor) events(ctx context.Context, pod *corev1.Pod) []corev1.Event {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	list, err := e.cfg.Client.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(pod.UID)).String(), Limit: maxEvents,
	})
	if err != nil {
		e.cfg.Log.WarnContext(ctx, "reading the events of a pod; its end is told without them", "pod", pod.Name, "error", err)
		return nil
	}
	slices.SortStableFunc(list.Items, func(a, b corev1.Event) int { return eventTime(&a).Compare(eventTime(&b)) })
	return list.Items
}

func eventTime(e *corev1.Event) time.Time {
	switch {
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}

// record is the container's own last output and the pod's events, in lines.
func (e *Executor) record(ctx context.Context, pod *corev1.Pod, events []corev1.Event) []byte {
	var b bytes.Buffer
	if tail := e.tail(ctx, pod); len(tail) > 0 {
		fmt.Fprintf(&b, "last output of container %s:\n", kubeevent.Base)
		for line := range bytes.Lines(bytes.TrimRight(tail, "\n")) {
			fmt.Fprintf(&b, "  %s\n", bytes.TrimRight(line, "\r\n"))
		}
	}
	if len(events) > 0 {
		fmt.Fprintf(&b, "events of pod %s:\n", pod.Name)
	}
	for i := range events {
		ev := &events[i]
		times := ""
		if ev.Count > 1 {
			times = fmt.Sprintf(" (%d times)", ev.Count)
		}
		fmt.Fprintf(&b, "  %s %s %s: %s%s\n", eventTime(ev).UTC().Format(time.RFC3339), ev.Type, ev.Reason, strings.Join(strings.Fields(ev.Message), " "), times)
	}
	return b.Bytes()
}

// tail is what the main container wrote last; nothing if that cannot be read: the pod may be
// gone.
func (e *Executor) tail(ctx context.Context, pod *corev1.Pod) []byte {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	lines, size := int64(tailLines), int64(tailBytes)
	r, err := e.cfg.Client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: kubeevent.Base, TailLines: &lines, LimitBytes: &size,
	}).Stream(ctx)
	if err != nil {
		e.cfg.Log.DebugContext(ctx, "reading the last output of a pod", "pod", pod.Name, "error", err)
		return nil
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, tailBytes))
	if err != nil {
		e.cfg.Log.DebugContext(ctx, "reading the last output of a pod", "pod", pod.Name, "error", err)
	}
	return out
}
