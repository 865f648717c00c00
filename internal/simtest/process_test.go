package simtest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

// process is a scheduler that dies and comes back, again and again.
type process struct {
	w       *world
	name    string
	machine *machine

	mu sync.Mutex
	// engine is that of the present life; nil between two of them.
	engine *tick.Engine
}

// run lives until ctx ends.
func (p *process) run(ctx context.Context) {
	rng := random(p.w.seed, "process", p.name)
	p.w.wait(ctx, between(rng, time.Millisecond, time.Minute)) // two never act at the same instant
	for life := 0; ctx.Err() == nil; life++ {
		p.live(ctx, life, rng)
		p.w.log("%s: is dead", p.name)
		p.machine.orphan()
		p.w.wait(ctx, between(rng, time.Millisecond, 10*time.Minute))
	}
}

// live runs an engine, really: a new loader, a new snapshot, nothing known of earlier
// lives. It ends by a crash at a point of the commit or the dispatch, by a crash at any
// time, by being stopped in order, or because the store cannot be read at the start.
func (p *process) live(parent context.Context, life int, rng *rand.Rand) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	crash := func() {
		cancel()
		runtime.Goexit() // the engine's goroutine is no more: nothing it would do happens
	}
	name := fmt.Sprintf("%s%d", p.name, life)
	p.w.log("%s: lives", name)
	var tokens int
	engine, err := tick.New(tick.Config{
		Store: p.w.connect(name, crash), Now: p.w.clock, Worker: name, Log: p.w.slog(name), Schedule: true, Poll: time.Minute,
		Token: func() string {
			tokens++
			return fmt.Sprintf("%s-%d", name, tokens)
		},
		Open: func(report executors.Report) (executors.Executor, error) {
			if p.w.workers > 0 {
				return p.w.sender()
			}
			return p.machine.connect(report, crash, life), nil
		},
		QueueTimeout: queueTimeout,
	})
	if err != nil {
		p.w.fail("%s: %v", name, err)
		return
	}
	p.set(engine)
	defer p.set(nil)
	done := make(chan error, 1)
	go func() {
		defer close(done)
		done <- engine.Run(ctx)
	}()
	f := p.w.faults
	select {
	case err := <-done:
		if err != nil {
			p.w.log("%s: %v", name, err)
		}
		return
	case <-p.w.after(rng, f.crash):
		p.w.count("crash")
	case <-p.w.after(rng, f.stop):
		p.w.count("stop")
		p.stop(ctx, name, engine)
	}
	cancel()
	<-done
}

// stop closes the engine in order: nothing that it has started is left behind.
func (p *process) stop(ctx context.Context, name string, e *tick.Engine) {
	grace, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := e.Close(grace); err != nil {
		p.w.log("%s: close: %v", name, err)
	}
}

func (p *process) set(e *tick.Engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.engine = e
}

func (p *process) current() *tick.Engine {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.engine
}

// notice tells the process, if it lives, that there is news.
func (p *process) notice() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.engine != nil {
		p.engine.Notice()
	}
}

// after waits for a random time around mean; for ever if mean is 0 or faults are over.
func (w *world) after(rng *rand.Rand, mean time.Duration) <-chan time.Time {
	if mean == 0 {
		return nil
	}
	d := time.Duration(rng.ExpFloat64() * float64(mean))
	if w.age()+d > w.faults.until {
		return nil
	}
	return time.After(d)
}

// slog is the engine's log, shown when one seed is replayed.
func (w *world) slog(name string) *slog.Logger {
	return slog.New(slog.NewTextHandler(logWriter{w, name}, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

type logWriter struct {
	w    *world
	name string
}

func (l logWriter) Write(b []byte) (int, error) {
	l.w.log("%s: %s", l.name, b[:len(b)-1])
	return len(b), nil
}
