//go:build unix

package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/scheduler/tick"
)

const (
	// turnLease is for how long a scheduler of a shared store that dies keeps the others out.
	// It is renewed three times as often.
	turnLease = 15 * time.Second
	// turnPoll is how often one that waits looks whether it is its turn.
	turnPoll = time.Second
	// leaveTime bounds giving the turn up when the store does not answer.
	leaveTime = 5 * time.Second
)

// errOvertaken is the cause of the end of a scheduler in whose place another one works: it
// was stopped, or did not reach the store, for longer than its lease.
var errOvertaken = errors.New("another scheduler works in this one's place, which could not renew its turn in time: start it again, and it waits for its turn")

// errOthersTurn says that it is another one's turn, which may be waited for.
var errOthersTurn = fmt.Errorf("%w", ErrBusy)

// changing is what a store offers that others write to, too, and that tells of it.
type changing interface {
	Changed(ctx context.Context) (int64, error)
}

// shared says that others may work on the store on other machines, so that a lock on this
// one says nothing: turns are in the store then.
func (i *Installation) shared() bool {
	_, ok := i.Store.(changing)
	return ok && i.Config.File("store") == ""
}

// turn takes the right to work on the installation, which one process has at a time: the
// error is ErrBusy if another has it. The context that it returns ends, with the cause, if
// the right is lost. Kept, if it is not nil, is told how renewing it went with the store.
func (i *Installation) turn(ctx context.Context, kept func(error)) (_ context.Context, leave func(), err error) {
	if !i.shared() {
		unlock, err := i.lock()
		return ctx, unlock, err
	}
	// A home has one process at a time, too, and a second one there is a mistake.
	unlock, err := i.lockHome()
	if err != nil {
		return ctx, nil, err
	}
	g := &tick.Guard{Store: i.Store, Now: i.Now, Of: schedulers, Name: worker() + ":" + rand.Text(), Lease: turnLease}
	if err := i.enter(ctx, g); err != nil {
		unlock()
		return ctx, nil, err
	}
	inside, lost := context.WithCancelCause(ctx)
	stop := i.keepTurn(inside, g, kept, lost)
	return inside, func() {
		stop()
		i.giveUp(ctx, g)
		unlock()
		lost(nil)
	}, nil
}

// enter takes the right that is in the store; errOthersTurn says that another has it.
func (i *Installation) enter(ctx context.Context, g *tick.Guard) error {
	holder, err := g.Holder(ctx)
	if err == nil && holder == "" {
		// Who is turned away leaves word, which nobody needs here: look first.
		var inside bool
		if inside, err = g.Enter(ctx); !inside {
			holder = "another process"
		}
	}
	if err == nil && holder != "" {
		err = fmt.Errorf("%w: %s schedules what is in %s", errOthersTurn, holder, i.Config.Path("store"))
	}
	return err
}

// keepTurn renews the right until it is stopped, and calls lost if another has it.
func (i *Installation) keepTurn(ctx context.Context, g *tick.Guard, kept func(error), lost context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() {
		t := time.NewTicker(turnLease / 3)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			inside, err := g.Keep(ctx)
			if kept != nil && ctx.Err() == nil {
				kept(err)
			}
			switch {
			case err != nil && ctx.Err() == nil:
				// Who does not reach the store cannot work on it either.
				i.Log.WarnContext(ctx, "renewing the turn to schedule", "error", err)
			case err == nil && !inside:
				lost(errOvertaken)
				return
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// giveUp gives the right back, whoever has left word: another one looks by itself.
func (i *Installation) giveUp(ctx context.Context, g *tick.Guard) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	for left := false; !left; {
		var err error
		if left, _, err = g.Leave(ctx, time.Time{}); err != nil {
			i.Log.WarnContext(ctx, "giving up the turn to schedule; others wait for its lease", "error", err)
			return
		}
	}
}

// awaitTurn is turn that waits where turns are in the store, and while that does not answer;
// waiting is called when it begins to.
func (i *Installation) awaitTurn(ctx context.Context, waiting func() error, kept func(error)) (_ context.Context, leave func(), err error) {
	told := ""
	for {
		inside, leave, err := i.turn(ctx, kept)
		if err == nil || !i.shared() || !errors.Is(err, errOthersTurn) && told == "" {
			return inside, leave, err
		}
		if text := err.Error(); told != text {
			i.Log.InfoContext(ctx, "waiting for the turn to schedule", "reason", text)
			told = text
			if err := waiting(); err != nil {
				return ctx, nil, err
			}
		}
		if err := sleep(ctx, turnPoll); err != nil {
			return ctx, nil, err
		}
	}
}
