package tick

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// maxTurns bounds the turns of a pass: a turn that was in somebody's way is made again.
const maxTurns = 20

// Pass does what Run does, once: it loads everything, plans, commits and sends until
// nothing more is to be done now, and returns when to pass again; zero is when something
// has happened. It is for schedulers that exist only while there is something to decide,
// and needs an executors.Dispatcher. Guard keeps two of them apart.
//
// What an earlier scheduler has committed and not sent is sent again after QueueTimeout.
func (e *Engine) Pass(ctx context.Context) (time.Time, error) {
	if !e.remote.on {
		return time.Time{}, errors.New("a pass needs an executor that sends attempts to workers")
	}
	e.remote.resend = false
	if err := e.load(ctx); err != nil {
		return time.Time{}, err
	}
	for range maxTurns {
		wake := e.turn(ctx, e.drain(nil))
		switch {
		case ctx.Err() != nil:
			return wake, ctx.Err()
		case e.redo.stale || e.fault.text != "":
			pause(ctx, retryCommit)
		case wake.IsZero() || wake.After(e.cfg.Now()):
			return wake, nil
		}
	}
	if e.fault.text != "" {
		return time.Time{}, fmt.Errorf("the store fails: %s", e.fault.text)
	}
	return e.cfg.Now(), nil
}

// Waits says whether something waits for slots, as the last Pass has left it. If that could
// not load anything, something may.
func (e *Engine) Waits() bool {
	if e.snap == nil {
		return true
	}
	for _, v := range e.snap.Unfinished() {
		for _, in := range v.Instances() {
			if in.State == run.Scheduled {
				return true
			}
		}
	}
	return false
}
