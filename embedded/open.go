package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
	_ "time/tzdata" // time zones where there are none: images from scratch, Lambda's own

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Options are what a main gives to Open.
type Options struct {
	Config *config.Config
	// Lookup and Environ read the environment.
	Lookup  func(string) (string, bool)
	Environ []string
	Now     func() time.Time
	Log     *slog.Logger
	// Drivers open what the settings name.
	Drivers Drivers
	// Self is the path of this program, which is started as the shepherd of local
	// processes: `SELF shepherd SOCKET`.
	Self string
	// Release is the version of this program.
	Release string
}

// ShepherdCommand is the hidden command that a main must offer: it calls
// process.Shepherd with its one argument.
const ShepherdCommand = "shepherd"

// Installation is an opened installation.
type Installation struct {
	Options
	Store    store.Store
	Settings *settings.Registry
	Loader   *tick.Loader
	Catalog  *dag.Catalog
	Logs     *logs.Logs
	// XComs keeps the XComs that are too large for the store.
	XComs XComs
	// Parser reads DAG files in Python; it starts nothing before the first one.
	Parser *python.Parser

	messaging Queues
}

// Open opens the installation in UPDRAFT_HOME, making it if it is not there: folder
// (0700), database, key, as far as these are on this machine.
func Open(ctx context.Context, o Options) (*Installation, error) {
	c := o.Config
	if err := os.MkdirAll(c.Home, 0o700); err != nil {
		return nil, fmt.Errorf("make UPDRAFT_HOME: %w", err)
	}
	if o.Drivers.Operators == nil {
		o.Drivers.Operators = &Operators{
			Catalog: func() *dag.Catalog { return dag.NewCatalog() }, Lookup: func(string) *task.Operator { return nil },
		}
	}
	i := &Installation{Options: o, Catalog: o.Drivers.Operators.Catalog()}
	secrets, err := settings.ReadSecrets(c.Text("secrets_connections"), c.Text("secrets_variables"))
	if err != nil {
		return nil, err
	}
	keys, err := opened(ctx, o.Drivers.Keys, "key", &i.Options)
	if err != nil {
		return nil, err
	}
	var backend settings.Backend
	if c.Text("secrets_backend") != "" {
		if backend, err = opened(ctx, o.Drivers.Secrets, "secrets_backend", &i.Options); err != nil {
			return nil, err
		}
	}
	objects, err := opened(ctx, o.Drivers.Logs, "logs", &i.Options)
	if err != nil {
		return nil, err
	}
	i.Logs, i.XComs = objects.Logs, objects.XComs
	if i.messaging, err = opened(ctx, o.Drivers.Queues, "queue", &i.Options); err != nil {
		return nil, errors.Join(err, i.XComs.Close())
	}
	if i.Store, err = opened(ctx, o.Drivers.Stores, "store", &i.Options); err != nil {
		return nil, errors.Join(err, i.messaging.close(), i.XComs.Close())
	}
	i.Loader = tick.NewLoader(i.Store)
	i.Parser = python.NewParser(python.ParserConfig{
		Python: c.Text("python"), Dir: filepath.Join(c.Home, "python"), Environ: o.Environ, Keep: splitNames(c.Text("dag_file_env")),
	})
	i.Settings = settings.NewRegistry(settings.Config{Store: i.Store, Keys: keys, Lookup: o.Lookup, Secrets: secrets, Backend: backend, Now: o.Now})
	return i, nil
}

// opened opens what a setting names.
func opened[V any](ctx context.Context, from map[string]func(context.Context, string, *Options) (V, error), setting string, o *Options) (V, error) {
	url := o.Config.Text(setting)
	open, err := driver(from, setting, url)
	if err != nil {
		var none V
		return none, err
	}
	return open(ctx, url, o)
}

// Close releases the installation.
func (i *Installation) Close() error {
	return errors.Join(i.Parser.Close(), i.messaging.close(), i.Store.Close(), i.XComs.Close())
}
