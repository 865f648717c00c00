package callable

import (
	"context"
	"errors"

	"github.com/updraft-dev/updraft/python"
)

// lazy is an interpreter that is started when it is first needed.
type lazy struct {
	start func(ctx context.Context) (*python.Runner, error)
	// turn holds one token: who has it may look at and change what follows.
	turn   chan struct{}
	runner *python.Runner
	closed bool
}

func newLazy(start func(ctx context.Context) (*python.Runner, error)) *lazy {
	l := &lazy{start: start, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// Run implements interpreter.
func (l *lazy) Run(ctx context.Context, c python.Call) (python.Result, error) {
	r, err := l.get(ctx)
	if err != nil {
		return python.Result{}, err
	}
	return r.Run(ctx, c)
}

func (l *lazy) get(ctx context.Context) (*python.Runner, error) {
	select {
	case <-l.turn:
	case <-ctx.Done(): // somebody else is starting it
		return nil, ctx.Err()
	}
	defer func() { l.turn <- struct{}{} }()
	switch {
	case l.closed:
		return nil, python.ErrClosed
	case l.runner != nil:
		return l.runner, nil
	case l.start == nil:
		return nil, errors.New("there is none here")
	}
	// All attempts need it: the end of the first one must not stop its start.
	r, err := l.start(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	l.runner = r
	return r, nil
}

// Close ends the interpreter; it waits for a start under way.
func (l *lazy) Close() error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	l.closed = true
	if l.runner == nil {
		return nil
	}
	return l.runner.Close()
}
