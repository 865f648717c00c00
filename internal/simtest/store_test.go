package simtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// errStore is what a store that fails says; it may have written or not.
var errStore = errors.New("the store failed, as the seed wants it")

// conn is what one process sees of the store. The store itself is the model of storetest
// rather than SQLite: it takes microseconds, so that thousands of seeds take minutes, its
// calls leave the bubble's time alone, and of a commit it can keep a part, as stores
// without transactions over several runs do. That SQLite does what the model does is the
// differential test's matter, and that it survives a crash the kill tests'.
type conn struct {
	store.Store
	w    *world
	name string
	// crash ends the process at once; nil for those that never crash.
	crash func()

	// dead says that nothing comes from the process any more.
	dead atomic.Bool

	mu  sync.Mutex
	rng *rand.Rand
}

func (w *world) connect(name string, crash func()) *conn {
	return &conn{Store: w.model, w: w, name: name, crash: crash, rng: random(w.seed, "store", name)}
}

func (c *conn) oneIn(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.w.faulty() && oneIn(c.rng, n)
}

// read fails, if it has to.
func (c *conn) read(what string) error {
	if c.dead.Load() {
		return errStore
	}
	if !c.oneIn(c.w.faults.storeRead) {
		return nil
	}
	c.w.count("store read failed")
	c.w.log("%s: %s fails", c.name, what)
	return errStore
}

// Apply writes all, a part, or nothing, and says so or not.
func (c *conn) Apply(ctx context.Context, batches ...run.Batch) (store.Result, error) {
	f := &c.w.faults
	// Nobody commits at the instant at which somebody else does, or reads: who is first
	// would be for the Go scheduler to say, and a seed not be a run.
	c.w.wait(ctx, time.Duration(1+c.name[0]-'a')*time.Microsecond)
	if c.oneIn(f.storeSlow) {
		c.mu.Lock()
		d := between(c.rng, time.Millisecond, 5*time.Second)
		c.mu.Unlock()
		c.w.wait(ctx, d)
	}
	crash := func(n int) bool { return c.crash != nil && c.oneIn(n) }
	switch {
	case c.dead.Load():
		return store.Result{}, errStore
	case crash(f.crashBefore):
		c.w.count("crash before a commit")
		c.crash()
		return store.Result{}, errStore
	case crash(f.crashAfter):
		c.write(ctx, batches)
		c.w.count("crash after a commit")
		c.crash()
		return store.Result{}, errStore
	case crash(f.crashPart):
		c.write(ctx, c.part(batches))
		c.w.count("crash in a commit")
		c.crash()
		return store.Result{}, errStore
	case c.oneIn(f.storeBefore):
		c.w.count("commit failed")
		return store.Result{}, errStore
	case c.oneIn(f.storeAfter):
		c.write(ctx, batches)
		c.w.count("commit failed after writing")
		return store.Result{}, errStore
	case c.oneIn(f.storePart):
		c.write(ctx, c.part(batches))
		c.w.count("commit failed after a part")
		return store.Result{}, errStore
	}
	return c.write(ctx, batches)
}

// part draws some of the batches: of each DAG the first ones, since a scheduled run that
// is durable stands for those before it. From then on the limits are not checked: what was
// to give a slot back may be missing, and what was to take it there.
func (c *conn) part(batches []run.Batch) (some []run.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ended := map[string]bool{}
	for _, b := range batches {
		if ended[b.Run.DAG] = ended[b.Run.DAG] || oneIn(c.rng, 2); !ended[b.Run.DAG] {
			some = append(some, b)
		}
	}
	if len(some) < len(batches) {
		c.w.check.mu.Lock()
		c.w.check.limits = false
		c.w.check.mu.Unlock()
	}
	return some
}

// write commits, and tells the checker in the order of commits.
func (c *conn) write(ctx context.Context, batches []run.Batch) (store.Result, error) {
	c.w.check.mu.Lock()
	defer c.w.check.mu.Unlock()
	apply := func(batches []run.Batch) (store.Result, error) { return c.Store.Apply(ctx, batches...) }
	if c.w.broken.apply != nil {
		apply = func(batches []run.Batch) (store.Result, error) { return c.w.broken.apply(c.w, batches) }
	}
	res, err := apply(batches)
	if err == nil && len(batches) > 0 {
		c.w.writes[c.name]++
		c.w.check.committed(c.name, batches, res)
	}
	return res, err
}

// Changed counts the commits of others, as SQLite does.
func (c *conn) Changed(context.Context) (int64, error) {
	if err := c.read("Changed"); err != nil {
		return 0, err
	}
	c.w.check.mu.Lock()
	defer c.w.check.mu.Unlock()
	var n int64
	for name, k := range c.w.writes {
		if name != c.name {
			n += k
		}
	}
	return n, nil
}

func (c *conn) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	if err := c.read("Run"); err != nil {
		return store.RunData{}, err
	}
	return c.Store.Run(ctx, id, tasks...)
}

func (c *conn) ListRuns(ctx context.Context, f store.RunFilter, p store.Page) (store.RunList, error) {
	if err := c.read("ListRuns"); err != nil {
		return store.RunList{}, err
	}
	return c.Store.ListRuns(ctx, f, p)
}

func (c *conn) Version(ctx context.Context, id, version string) ([]byte, error) {
	if err := c.read("Version"); err != nil {
		return nil, err
	}
	return c.Store.Version(ctx, id, version)
}

func (c *conn) DAG(ctx context.Context, id string) (store.Definition, error) {
	if err := c.read("DAG"); err != nil {
		return store.Definition{}, err
	}
	return c.Store.DAG(ctx, id)
}

func (c *conn) ListDAGs(ctx context.Context, f store.DAGFilter, p store.Page) (store.DAGList, error) {
	if err := c.read("ListDAGs"); err != nil {
		return store.DAGList{}, err
	}
	return c.Store.ListDAGs(ctx, f, p)
}

func (c *conn) SetDAG(ctx context.Context, id string, s store.DAGState) (store.DAGState, error) {
	if err := c.read("SetDAG"); err != nil {
		return store.DAGState{}, err
	}
	c.w.check.mu.Lock()
	c.w.writes[c.name]++
	c.w.check.mu.Unlock()
	return c.Store.SetDAG(ctx, id, s)
}

func (c *conn) Settings(ctx context.Context, k store.Kind) ([]store.Setting, error) {
	if err := c.read("Settings"); err != nil {
		return nil, err
	}
	return c.Store.Settings(ctx, k)
}

func (c *conn) AssetEvents(ctx context.Context, uri string, after, until time.Time, limit int) ([]run.AssetEvent, error) {
	if err := c.read("AssetEvents"); err != nil {
		return nil, err
	}
	return c.Store.AssetEvents(ctx, uri, after, until, limit)
}

// PutSetting fails as reading does; it is how schedulers keep each other out.
func (c *conn) PutSetting(ctx context.Context, k store.Kind, s store.Setting) error {
	if err := c.read("PutSetting"); err != nil {
		return err
	}
	return c.Store.PutSetting(ctx, k, s)
}

func (c *conn) Setting(ctx context.Context, k store.Kind, id string) (store.Setting, error) {
	if err := c.read("Setting"); err != nil {
		return store.Setting{}, err
	}
	return c.Store.Setting(ctx, k, id)
}

// Close leaves the store to the others.
func (c *conn) Close() error { return nil }
