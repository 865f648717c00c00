package tick

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// CallerConfig says what a Caller works with. All of it is needed.
type CallerConfig struct {
	Store  store.Store
	Loader *Loader
	// Call makes one call; its error says that the call is still owed.
	Call func(ctx context.Context, c task.RunCall) error
	// Do makes an edit durable: Engine.Do, or ApplyEdit where there is no engine.
	Do func(ctx context.Context, edit func(context.Context, *Edit) error) error
	// Poll is how often to look in the store for calls that See was not told of, and for
	// those that could not be made.
	Poll time.Duration
	Log  *slog.Logger
}

// Caller makes the calls of DAGs' callbacks that runs owe. Each is taken off what the run
// owes once it was made: after a crash in between it is made again, and none is ever lost.
type Caller struct {
	cfg  CallerConfig
	wake chan struct{}
	// slots holds a value for each run whose calls may be made at once.
	slots chan struct{}
	calls sync.WaitGroup

	mu sync.Mutex
	// due are the runs to look at, busy those whose calls are being made.
	due, busy map[run.ID]bool
	// looked says that the store was asked once.
	looked bool
	idle   []chan struct{}
}

// maxCalls is of how many runs callbacks are called at once.
const maxCalls = 4

// NewCaller returns a caller; Run starts it.
func NewCaller(cfg CallerConfig) *Caller {
	return &Caller{cfg: cfg, wake: make(chan struct{}, 1), slots: make(chan struct{}, maxCalls), due: map[run.ID]bool{}, busy: map[run.ID]bool{}}
}

// See tells of batches that were committed: an Engine's OnChange.
func (c *Caller) See(batches []run.Batch) {
	for _, b := range batches {
		if b.Update != nil && len(b.Update.Want.Owed) > 0 {
			c.hear(b.Run)
		}
	}
}

func (c *Caller) hear(id run.ID) {
	c.mu.Lock()
	c.due[id] = true
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run makes calls until ctx ends. Those under way are stopped then, and still owed.
func (c *Caller) Run(ctx context.Context) {
	defer c.calls.Wait()
	t := time.NewTicker(c.cfg.Poll)
	defer t.Stop()
	c.look(ctx)
	for {
		for _, id := range c.take() {
			select {
			case c.slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			c.calls.Go(func() {
				defer func() { <-c.slots }()
				defer c.done(id)
				if err := c.call(ctx, id); err != nil && ctx.Err() == nil {
					c.cfg.Log.ErrorContext(ctx, "calling callbacks of a run; trying again later", "run", id.String(), "error", err)
				}
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-t.C:
			c.look(ctx)
		}
	}
}

// Idle returns when every call that is known of was made, or could not be.
func (c *Caller) Idle(ctx context.Context) error {
	c.mu.Lock()
	ch := make(chan struct{})
	c.idle = append(c.idle, ch)
	c.tell()
	c.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = slices.DeleteFunc(c.idle, func(other chan struct{}) bool { return other == ch })
	return ctx.Err()
}

// tell tells those who wait for idleness. c.mu is held.
func (c *Caller) tell() {
	if !c.looked || len(c.due)+len(c.busy) > 0 {
		return
	}
	for _, ch := range c.idle {
		close(ch)
	}
	c.idle = nil
}

// take takes the runs that are due and not busy.
func (c *Caller) take() (out []run.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.due {
		if !c.busy[id] {
			delete(c.due, id)
			c.busy[id] = true
			out = append(out, id)
		}
	}
	return out
}

func (c *Caller) done(id run.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, id)
	c.tell()
	if c.due[id] { // it was busy when it was heard of again
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// look finds in the store what is owed.
func (c *Caller) look(ctx context.Context) {
	for page := (store.Page{Limit: 1000}); ; {
		list, err := c.cfg.Store.ListRuns(ctx, store.RunFilter{Owing: true}, page)
		if err != nil {
			if ctx.Err() == nil {
				c.cfg.Log.ErrorContext(ctx, "looking for runs that owe calls", "error", err)
			}
			break
		}
		for i := range list.Items {
			if len(list.Items[i].Owed) > 0 {
				c.hear(list.Items[i].ID)
			}
		}
		if page.Token = list.Next; page.Token == "" {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = true
	c.tell()
}

// call makes the calls of a run, one after the other, and takes each off what it owes.
func (c *Caller) call(ctx context.Context, id run.ID) error {
	data, err := c.cfg.Store.Run(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it was deleted
	}
	if err != nil {
		return fmt.Errorf("load run %s: %w", id, err)
	}
	g, err := c.cfg.Loader.Graph(ctx, id.DAG, data.Run.Version)
	if err != nil {
		return err
	}
	for _, owed := range data.Run.Owed {
		if err := c.cfg.Call(ctx, task.RunCall{Graph: g, Run: data.Run, Instances: data.Instances, Call: owed}); err != nil {
			return err
		}
		// What was called is not to be called again because the program is about to end.
		err := c.cfg.Do(context.WithoutCancel(ctx), func(ctx context.Context, e *Edit) error {
			if _, err := e.Run(ctx, id); err != nil {
				if errors.Is(err, store.ErrNotFound) {
					return nil
				}
				return err
			}
			e.Snapshot.Called(id, owed)
			return nil
		})
		if err != nil {
			return fmt.Errorf("note that %s of %s were called: %w", owed.Kind, id, err)
		}
	}
	return nil
}
