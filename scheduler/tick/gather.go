package tick

import (
	"context"
	"time"
)

// A commit costs a sync of the disk. When attempts end in quick succession and many
// more are under way, waiting a moment lets the next ones share it: nothing is held up
// then, because the machine is busy with the others. A chain never waits.
const (
	// busySpan is the time within which paceReports have to have come.
	busySpan = 25 * time.Millisecond
	// gatherWait is the longest wait for more.
	gatherWait  = 10 * time.Millisecond
	paceReports = 8
)

// pace remembers when the last reports came.
type pace struct {
	at   [paceReports]time.Time
	next int
}

// note takes a report's time.
func (p *pace) note(now time.Time) {
	p.at[p.next] = now
	p.next = (p.next + 1) % paceReports
}

// quick says that the last reports came in quick succession.
func (p *pace) quick(now time.Time) bool {
	oldest := p.at[p.next]
	return !oldest.IsZero() && now.Sub(oldest) < busySpan
}

// gather takes what else is there, so that it shares the commit, and waits for a
// quarter of what is under way when that is about to come.
func (e *Engine) gather(ctx context.Context, first message) []message {
	group := e.drain([]message{first})
	want := len(e.inflight) / 4
	if len(group) >= want || want < paceReports/2 || !e.pace.quick(e.cfg.Now()) {
		return group
	}
	end := time.NewTimer(gatherWait)
	defer end.Stop()
	for len(group) < want {
		select {
		case m := <-e.inbox:
			group = e.drain(append(group, m))
		case <-end.C:
			return group
		case <-ctx.Done():
			return group
		}
	}
	return group
}

// drain appends what is waiting.
func (e *Engine) drain(group []message) []message {
	for len(group) < cap(e.inbox) {
		select {
		case m := <-e.inbox:
			group = append(group, m)
		default:
			return group
		}
	}
	return group
}
