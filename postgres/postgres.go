// Package postgres gives an installation its drivers for a store and queues in PostgreSQL:
// those of schedulers, workers and commands on any machines, and of runners in pods.
package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/pgqueue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/pgstore"
)

// Drivers are those of PostgreSQL.
func Drivers() embedded.Drivers {
	d := embedded.Drivers{
		Stores:  map[string]func(context.Context, string, *embedded.Options) (store.Store, error){},
		Schemas: map[string]func(context.Context, string, int) (int, int, error){},
		Queues:  map[string]func(context.Context, string, *embedded.Options) (embedded.Queues, error){},
	}
	for _, scheme := range []string{"postgres", "postgresql"} { // libpq takes both
		d.Stores[scheme], d.Schemas[scheme], d.Queues[scheme] = openStore, migrate, openQueues
	}
	return d
}

func openStore(ctx context.Context, url string, _ *embedded.Options) (store.Store, error) {
	return pgstore.Open(ctx, pgstore.Config{URL: url})
}

func migrate(ctx context.Context, url string, version int) (from, to int, err error) {
	return pgstore.Migrate(ctx, pgstore.Config{URL: url}, version)
}

func openQueues(_ context.Context, url string, o *embedded.Options) (embedded.Queues, error) {
	q := &queues{url: url, o: o}
	return embedded.Queues{Open: q.open, Wake: q.wake, Hear: q.hear, Close: q.close}, nil
}

// queues are the queues of an installation. Most commands need none: nothing is opened
// before the first is.
type queues struct {
	url string
	o   *embedded.Options

	mu     sync.Mutex
	server *pgqueue.Server
	closed bool
}

func (q *queues) get(ctx context.Context) (*pgqueue.Server, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, queue.ErrClosed
	}
	if q.server == nil {
		s, err := pgqueue.Connect(ctx, q.url, q.o.Log)
		if err != nil {
			return nil, err
		}
		q.server = s
	}
	return q.server, nil
}

func (q *queues) open(ctx context.Context, name string) (*queue.Queue, error) {
	s, err := q.get(ctx)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, pgqueue.Config{Name: name, Log: q.o.Log})
}

func (q *queues) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.server == nil {
		return nil
	}
	return q.server.Close()
}

const (
	// channel is where schedulers are woken.
	channel = "wake"
	// wakeTime bounds waking them: what is lost by it, the next poll finds.
	wakeTime = 2 * time.Second
	// maxWake is the size of the largest message; the server takes 8,000 bytes.
	maxWake = 7000
)

// wake tells schedulers of a run. What is due later they know by themselves: they live on.
func (q *queues) wake(id run.ID, after time.Duration) {
	if after > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), wakeTime)
	defer cancel()
	text := ""
	if id != (run.ID{}) {
		if b, err := json.Marshal(id); err == nil && len(b) <= maxWake {
			text = string(b)
		}
	}
	s, err := q.get(ctx)
	if err == nil {
		err = s.Notify(ctx, channel, text)
	}
	if err != nil && !errors.Is(err, queue.ErrClosed) {
		q.o.Log.DebugContext(ctx, "waking the scheduler; it looks by itself", "error", err)
	}
}

// hear hears of what wake tells.
func (q *queues) hear(ctx context.Context, noticed func(run.ID)) (stop func(), err error) {
	s, err := q.get(ctx)
	if err != nil {
		return nil, err
	}
	l := s.Listen(channel, func(text string) {
		var id run.ID
		if json.Unmarshal([]byte(text), &id) != nil {
			id = run.ID{} // about everything
		}
		noticed(id)
	})
	return l.Close, nil
}
