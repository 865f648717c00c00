package py

import (
	"context"
	"fmt"
)

// Limits bounds one evaluation. Zero fields take the defaults of [NewThread].
type Limits struct {
	Steps int // operations: expressions, iterations, calls
	Bytes int // bytes of text and containers made on the way, whether kept or not
	Depth int // nested calls, macros, includes and containers
}

const (
	defaultSteps = 20_000_000
	defaultBytes = 256 << 20
	defaultDepth = 200
)

// Thread is one evaluation: its cancellation and its budgets. It belongs to one goroutine.
type Thread struct {
	// The context is kept here, against the usual rule, because values call each other through
	// operators that have no room for it.
	ctx    context.Context
	limits Limits
	steps  int
	bytes  int
	depth  int

	// Getattr, is attribute access inside str.format; a sandbox replaces it.
	Getattr func(th *Thread, v Value, name string) (Value, error)
	// Getitem is item access inside str.format.
	Getitem func(th *Thread, v, key Value) (Value, error)
}

// NewThread starts an evaluation that ends when ctx does or a limit is reached.
func NewThread(ctx context.Context, l Limits) *Thread {
	if l.Steps == 0 {
		l.Steps = defaultSteps
	}
	if l.Bytes == 0 {
		l.Bytes = defaultBytes
	}
	if l.Depth == 0 {
		l.Depth = defaultDepth
	}
	return &Thread{ctx: ctx, limits: l, Getattr: mustGetattr, Getitem: Item}
}

// Detached is a thread without a context, for work that is too small to be cancelled. Its Context is nil.
func Detached(l Limits) *Thread { return NewThread(nil, l) } //nolint:staticcheck // see above

func mustGetattr(th *Thread, v Value, name string) (Value, error) {
	r, ok, err := Getattr(th, v, name)
	if err == nil && !ok {
		err = AttributeError(v, name)
	}
	return r, err
}

// Context is the context the evaluation runs under.
func (th *Thread) Context() context.Context { return th.ctx }

// stepCheck is how many steps pass between two looks at the context.
const stepCheck = 256

// Step spends one operation. It fails when the budget is spent or the context has ended.
func (th *Thread) Step() error {
	th.steps++
	if th.steps > th.limits.Steps {
		return &LimitError{What: "operations", Limit: th.limits.Steps}
	}
	if th.steps%stepCheck == 0 {
		if th.ctx != nil && th.ctx.Err() != nil {
			return fmt.Errorf("rendering stopped: %w", th.ctx.Err())
		}
	}
	return nil
}

// Alloc spends n bytes before they are made.
func (th *Thread) Alloc(n int) error {
	if n < 0 || n > th.limits.Bytes-th.bytes {
		return &LimitError{What: "bytes", Limit: th.limits.Bytes}
	}
	th.bytes += n
	return nil
}

// Enter goes one call deeper; each success needs one [Thread.Leave].
func (th *Thread) Enter() error {
	if th.depth >= th.limits.Depth {
		return Errorf("RecursionError", "maximum recursion depth exceeded")
	}
	th.depth++
	return nil
}

// Leave ends what Enter began.
func (th *Thread) Leave() { th.depth-- }

// LimitError says that an evaluation used more than it was given.
type LimitError struct {
	What  string // "operations", "bytes" or "output bytes"
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the template needs more than %d %s, which is the limit", e.Limit, e.What)
}
