package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Drivers open what an installation keeps things in, by the schemes of the URLs in its
// settings. A main links those it needs: a Lambda function has no use for SQLite.
type Drivers struct {
	Stores map[string]func(ctx context.Context, url string, o *Options) (store.Store, error)
	// Schemas bring stores to a version of their schema, negative for the latest, and return
	// the version that they had and the one that they have.
	Schemas map[string]func(ctx context.Context, url string, version int) (from, to int, err error)
	Logs    map[string]func(ctx context.Context, url string, o *Options) (Objects, error)
	Queues  map[string]func(ctx context.Context, url string, o *Options) (Queues, error)
	Keys    map[string]func(ctx context.Context, url string, o *Options) (*settings.Keys, error)
	// Secrets are those of secrets_backend, Sources those of dag_source.
	Secrets map[string]func(ctx context.Context, url string, o *Options) (settings.Backend, error)
	Sources map[string]func(ctx context.Context, url string, o *Options) (Source, error)
	// Executors are those that send attempts elsewhere, by name.
	Executors map[string]func(ctx context.Context, o *Options) (executors.Dispatcher, error)
	// Rules say where the attempts of an executor can run, by its name. One that has none is
	// a place itself.
	Rules map[string]func(o *Options) (routeexec.Rule, error)
	// Operators are what tasks can be; nil is for processes that execute and read none.
	Operators *Operators
}

// Operators are a table of operators, such as package builtin's.
type Operators struct {
	Catalog func() *dag.Catalog
	Lookup  func(path string) *task.Operator
}

// KeyFile is the driver of a key in a file, file:///PATH, which is made if it is not there.
func KeyFile() Drivers {
	return Drivers{Keys: map[string]func(context.Context, string, *Options) (*settings.Keys, error){
		"file": func(_ context.Context, url string, _ *Options) (*settings.Keys, error) {
			return settings.OpenKeys(strings.TrimPrefix(url, "file://"))
		},
	}}
}

// Join returns the drivers of all.
func Join(all ...Drivers) Drivers {
	out := Drivers{}
	for _, d := range all {
		out.Stores = merged(out.Stores, d.Stores)
		out.Schemas = merged(out.Schemas, d.Schemas)
		out.Logs = merged(out.Logs, d.Logs)
		out.Queues = merged(out.Queues, d.Queues)
		out.Keys = merged(out.Keys, d.Keys)
		out.Secrets = merged(out.Secrets, d.Secrets)
		out.Sources = merged(out.Sources, d.Sources)
		out.Executors = merged(out.Executors, d.Executors)
		out.Rules = merged(out.Rules, d.Rules)
		if d.Operators != nil {
			out.Operators = d.Operators
		}
	}
	return out
}

func merged[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, b)
	return out
}

// Objects are where logs are kept, and XComs that are too large for the store.
type Objects struct {
	Logs  *logs.Logs
	XComs XComs
}

// XComs keeps large XComs.
type XComs interface {
	task.LargeXComs
	// Sweep removes the values of runs that are not among these, but for those written
	// since a time.
	Sweep(ctx context.Context, runs iter.Seq2[run.ID, error], since time.Time) error
	Close() error
}

// Queues are the queues of an installation.
type Queues struct {
	// Open opens the queue with a name, as tasks give it.
	Open func(ctx context.Context, name string) (*queue.Queue, error)
	// Wake has a scheduler look at a run after a while; at everything if id is zero. It is
	// only a hint.
	// Nil stands for the socket of the process that works on UPDRAFT_HOME.
	Wake func(id run.ID, after time.Duration)
	// Hear calls noticed for each Wake of any process, with a zero id also when some may have
	// been missed, until stop is called. Nil stands for the same socket.
	Hear func(ctx context.Context, noticed func(id run.ID)) (stop func(), err error)
	// Close releases what all queues share, after they were closed. Nil: there is nothing.
	Close func() error
}

// close is Close, if there is one.
func (q *Queues) close() error {
	if q.Close == nil {
		return nil
	}
	return q.Close()
}

// Keeper is what a store offers that has to be looked after.
type Keeper interface {
	// Check returns what is damaged, a line each.
	Check(ctx context.Context) ([]string, error)
	// Clean removes the runs that ended before a date with all that belongs to them;
	// Cleanable counts them.
	Clean(ctx context.Context, before time.Time) (store.Cleaned, error)
	Cleanable(ctx context.Context, before time.Time) (int, error)
	// Export writes everything as JSON, one object a line.
	Export(ctx context.Context, to io.Writer) error
}

// ErrNoKeeper says that a store looks after itself.
var ErrNoKeeper = errors.New("this store is looked after by its service")

// Keeper returns what the installation's store offers to look after it. The error is
// ErrNoKeeper if it offers nothing.
func (i *Installation) Keeper() (Keeper, error) {
	if k, ok := i.Store.(Keeper); ok {
		return k, nil
	}
	return nil, fmt.Errorf("%s: %w", i.Config.Path("store"), ErrNoKeeper)
}

// driver finds what opens the URL of a setting.
func driver[V any](from map[string]V, setting, url string) (V, error) {
	scheme, _, _ := strings.Cut(url, ":")
	if v, ok := from[scheme]; ok {
		return v, nil
	}
	var none V
	hint := ""
	if scheme == "gs" {
		hint = "; updraft-gcs (go install ./cmd/updraft-gcs) has Google's"
	}
	return none, fmt.Errorf("setting %s is %q: this program knows %s: URLs only%s", setting, config.Mask(url),
		strings.Join(slices.Sorted(maps.Keys(from)), ":, "), hint)
}
