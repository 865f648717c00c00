package podrun

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// output is the attempt's log. Several containers write to it, whole lines at a time.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

// say writes a line of our own. A log that cannot be written is no reason to stop a pod.
func (o *output) say(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fmt.Fprintf(o.w, "updraft-kube: "+format+"\n", args...)
}

func (o *output) write(prefix string, text []byte, end string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, _ = o.w.Write(slices.Concat([]byte(prefix), text, []byte(end)))
}

const (
	// maxLine is the longest part of a line that is written at once; a longer line is
	// written in several parts.
	maxLine = 64 << 10
	// maxLast bounds what is kept of the last line, for the failure's sentence.
	maxLast = 300
	// endGrace is how long the end of a container's output is waited for.
	endGrace = 20 * time.Second
)

// stream is the output of one container, through all that interrupts it.
type stream struct {
	r         *runner
	pod       *corev1.Pod
	container string
	prefix    string
	// ended is closed when the container has.
	ended chan struct{}

	// at is the time of the last line, and count how many lines of that time were seen.
	at    time.Time
	count int

	mu   sync.Mutex
	last string
}

// run shows the output until the container has ended, or ctx has.
func (s *stream) run(ctx context.Context) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		over := closed(s.ended)
		err := s.once(ctx)
		if ctx.Err() != nil || gone(err) || err == nil && over {
			return
		}
		ended := s.ended
		if over {
			ended = nil
		}
		t := time.NewTimer(pause)
		select {
		case <-ended: // what came meanwhile is still to be read
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// gone says that there is no output to be had any more.
func gone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) }

// once reads from where it was to the end, or to where it is cut off.
func (s *stream) once(ctx context.Context) error {
	options := &corev1.PodLogOptions{Container: s.container, Follow: true, Timestamps: true}
	if !s.at.IsZero() {
		since := metav1.NewTime(s.at)
		options.SinceTime = &since
	}
	logs, err := s.r.client.CoreV1().Pods(s.pod.Namespace).GetLogs(s.pod.Name, options).Stream(ctx)
	if err != nil {
		return err
	}
	defer logs.Close()
	in := bufio.NewReaderSize(logs, maxLine)
	before, again := s.at, s.count // lines up to these come once more
	var at time.Time
	for begins, show := true, true; ; {
		part, err := in.ReadSlice('\n')
		if begins && len(part) > 0 {
			at, part = stamped(part)
			show = at.IsZero() || at.After(before) || at.Equal(before) && again <= 0
			if at.Equal(before) {
				again--
			}
		}
		if show {
			s.show(part, begins, err)
		}
		if begins = err == nil; begins && show { // a line that was cut off comes again
			s.seen(at)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// stamped takes the time off a line; it is zero if there is none.
func stamped(line []byte) (time.Time, []byte) {
	stamp, text, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return time.Time{}, line
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return time.Time{}, line
	}
	return at, text
}

func (s *stream) seen(at time.Time) {
	switch {
	case at.IsZero():
	case at.Equal(s.at):
		s.count++
	default:
		s.at, s.count = at, 1
	}
}

// show writes a part of a line. One that is cut off is ended.
func (s *stream) show(part []byte, begins bool, err error) {
	if len(part) == 0 {
		return
	}
	prefix, end := "", ""
	if begins {
		prefix = s.prefix
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		end = "\n"
	}
	s.r.log.write(prefix, part, end)
	if text := bytes.TrimSpace(part); len(text) > 0 {
		s.mu.Lock()
		s.last = string(text[:min(len(text), maxLast)])
		s.mu.Unlock()
	}
}

// lastLine is the last line with anything in it.
func (s *stream) lastLine() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ToValidUTF8(s.last, "\uFFFD")
}

// streams are those of a pod.
type streams struct {
	r       *runner
	ctx     context.Context //nolint:containedctx // that of the goroutines
	stop    context.CancelFunc
	by      map[string]*stream
	running sync.WaitGroup
}

func (r *runner) streams(ctx context.Context) *streams {
	ctx, stop := context.WithCancel(ctx)
	return &streams{r: r, ctx: ctx, stop: stop, by: map[string]*stream{}}
}

// update begins with containers that have started, and ends with those that have ended.
func (s *streams) update(pod *corev1.Pod) {
	for _, list := range []struct {
		states []corev1.ContainerStatus
		wanted []string
	}{{pod.Status.InitContainerStatuses, s.r.q.Show.InitContainers}, {pod.Status.ContainerStatuses, s.r.q.Show.Containers}} {
		for i := range list.states {
			state := &list.states[i]
			if state.Name == sidecar || !slices.Contains(list.wanted, "*") && !slices.Contains(list.wanted, state.Name) {
				continue
			}
			if t := state.State.Terminated; state.State.Running != nil || t != nil && !t.StartedAt.IsZero() {
				s.begin(pod, state.Name)
			}
			if one := s.by[state.Name]; one != nil && state.State.Terminated != nil && !closed(one.ended) {
				close(one.ended)
			}
		}
	}
}

func (s *streams) begin(pod *corev1.Pod, container string) {
	if s.by[container] != nil {
		return
	}
	show := s.r.q.Show
	prefix := len(show.Containers)+len(show.InitContainers) > 1 || slices.Contains(slices.Concat(show.Containers, show.InitContainers), "*")
	if show.Prefix != nil {
		prefix = *show.Prefix
	}
	one := &stream{r: s.r, pod: pod, container: container, ended: make(chan struct{})}
	if prefix {
		one.prefix = "[" + container + "] "
	}
	s.by[container] = one
	s.running.Go(func() { one.run(s.ctx) })
}

// end waits for the rest of all output, for a while, and leaves nothing behind.
func (s *streams) end() {
	for _, one := range s.by {
		if !closed(one.ended) {
			close(one.ended)
		}
	}
	t := time.AfterFunc(endGrace, s.stop)
	s.running.Wait()
	t.Stop()
	s.stop()
}

// lastLine is the last line of a container; empty if it was not shown.
func (s *streams) lastLine(container string) string {
	if one := s.by[container]; one != nil {
		return one.lastLine()
	}
	return ""
}
