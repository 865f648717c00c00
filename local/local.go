// Package local gives an installation that needs nothing but this machine its drivers:
// a SQLite file, log files, a queue in a file, a key file; and all operators.
package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs/filelogs"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
	"github.com/updraft-dev/updraft/task"
)

// Drivers are those of one machine.
func Drivers() embedded.Drivers {
	type (
		ctx  = context.Context
		opts = *embedded.Options
	)
	return embedded.Join(embedded.KeyFile(), embedded.Workers(), embedded.Drivers{
		Stores:    map[string]func(ctx, string, opts) (store.Store, error){"sqlite": openStore},
		Schemas:   map[string]func(ctx, string, int) (int, int, error){"sqlite": migrate},
		Logs:      map[string]func(ctx, string, opts) (embedded.Objects, error){"file": openLogs},
		Queues:    map[string]func(ctx, string, opts) (embedded.Queues, error){"local": openQueues},
		Operators: Operators(),
	})
}

// Operators are all operators that there are.
func Operators() *embedded.Operators {
	return &embedded.Operators{Catalog: builtin.Catalog, Lookup: builtin.Lookup}
}

func openStore(ctx context.Context, url string, _ *embedded.Options) (store.Store, error) {
	c, err := sqlitestore.ParseURL(url)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(c.Path), 0o700); err != nil {
		return nil, fmt.Errorf("make the database's folder: %w", err)
	}
	return sqlitestore.Open(ctx, c)
}

func migrate(ctx context.Context, url string, version int) (from, to int, err error) {
	c, err := sqlitestore.ParseURL(url)
	if err != nil {
		return 0, 0, err
	}
	return sqlitestore.Migrate(ctx, c, version)
}

func openLogs(_ context.Context, url string, o *embedded.Options) (embedded.Objects, error) {
	c, err := filelogs.ParseURL(url)
	if err != nil {
		return embedded.Objects{}, err
	}
	c.MaxSize = int64(o.Config.Int("log_max_bytes"))
	lg, err := filelogs.Open(c)
	if err != nil {
		return embedded.Objects{}, err
	}
	large, err := task.OpenFolderXComs(filepath.Join(o.Config.Home, "xcoms"))
	if err != nil {
		return embedded.Objects{}, err
	}
	return embedded.Objects{Logs: lg, XComs: large}, nil
}

func openQueues(_ context.Context, _ string, o *embedded.Options) (embedded.Queues, error) {
	return embedded.Queues{Open: func(ctx context.Context, name string) (*queue.Queue, error) {
		return localqueue.Open(ctx, localqueue.Config{
			Path: filepath.Join(o.Config.Home, "queue.db"), Name: name, Now: o.Now, Log: o.Log,
		})
	}}, nil
}
