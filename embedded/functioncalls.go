package embedded

import (
	"context"
	"time"

	"github.com/updraft-dev/updraft/scheduler/tick"
)

// functionCalls are the callbacks that a scheduler calls that exists by calls itself. Authors
// write them, and they take what time they like: planning goes on meanwhile.
type functionCalls struct {
	*tick.Caller
	f    *Function
	hush func()
}

// listen is how often a scheduler that waits for callbacks looks whether somebody has left
// word.
const listen = time.Second

func (f *Function) newCalls() *functionCalls {
	return &functionCalls{f: f, Caller: tick.NewCaller(tick.CallerConfig{
		Store: f.Store, Loader: f.Loader, Call: f.callWith(f.rt, f.place.host), Poll: callPoll, Log: f.Log,
		Do: func(ctx context.Context, edit func(context.Context, *tick.Edit) error) error {
			return tick.ApplyEdit(ctx, f.Loader, f.Now, edit)
		},
	})}
}

// begin has calls made from now on.
func (c *functionCalls) begin(ctx context.Context) {
	if c.hush == nil {
		c.hush = callWhile(ctx, c.Caller)
	}
}

// wait returns when all calls are made or the time is over, and with again if there is
// something to plan before: at wake, unless that is zero, or because somebody who was turned
// away has left word.
func (c *functionCalls) wait(ctx context.Context, g *tick.Guard, wake, end time.Time) (again bool, err error) {
	for c.hush != nil {
		until := time.Now().Add(listen)
		if end.Before(until) {
			until = end
		}
		waiting, cancel := context.WithDeadline(ctx, until)
		err := c.Idle(waiting)
		cancel()
		switch {
		case err == nil:
			return false, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		case !time.Now().Before(end):
			c.f.Log.WarnContext(ctx, "callbacks are still owed; they are called by the next tick", "error", err)
			c.stop()
			return false, nil
		case !wake.IsZero() && !c.f.Now().Before(wake):
			return true, nil
		}
		if again, err := g.Heard(ctx); again || err != nil {
			return again, err
		}
	}
	return false, nil
}

// stop ends calls under way, which are then still owed, and writes the logs of the others:
// the process may be frozen after it.
func (c *functionCalls) stop() {
	if c.hush != nil {
		c.hush()
		c.hush = nil
		c.f.flush(context.Background())
	}
}
