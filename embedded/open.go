package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/filelogs"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store/sqlitestore"
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
	Store    *sqlitestore.Store
	Settings *settings.Registry
	Loader   *tick.Loader
	Catalog  *dag.Catalog
	Logs     *logs.Logs
	// XComs keeps the XComs that are too large for the store.
	XComs *task.FolderXComs
	// Parser reads DAG files in Python; it starts nothing before the first one.
	Parser *python.Parser
}

// Open opens the installation in UPDRAFT_HOME, making it if it is not there: folder
// (0700), database, key.
func Open(ctx context.Context, o Options) (*Installation, error) {
	c := o.Config
	if err := os.MkdirAll(c.Home, 0o700); err != nil {
		return nil, fmt.Errorf("make UPDRAFT_HOME: %w", err)
	}
	sc, err := sqlitestore.ParseURL(c.Text("store"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(sc.Path), 0o700); err != nil {
		return nil, fmt.Errorf("make the database's folder: %w", err)
	}
	lc, err := filelogs.ParseURL(c.Text("logs"))
	if err != nil {
		return nil, err
	}
	lc.MaxSize = int64(c.Int("log_max_bytes"))
	lg, err := filelogs.Open(lc)
	if err != nil {
		return nil, err
	}
	keys, err := settings.OpenKeys(filepath.Join(c.Home, "key"))
	if err != nil {
		return nil, err
	}
	secrets, err := settings.ReadSecrets(c.Text("secrets_connections"), c.Text("secrets_variables"))
	if err != nil {
		return nil, err
	}
	large, err := task.OpenFolderXComs(filepath.Join(c.Home, "xcoms"))
	if err != nil {
		return nil, err
	}
	st, err := sqlitestore.Open(ctx, sc)
	if err != nil {
		return nil, errors.Join(err, large.Close())
	}
	return &Installation{
		Parser: python.NewParser(python.ParserConfig{
			Python: c.Text("python"), Dir: filepath.Join(c.Home, "python"), Environ: o.Environ, Keep: splitNames(c.Text("dag_file_env")),
		}),
		Options: o, Store: st, XComs: large, Logs: lg, Loader: tick.NewLoader(st), Catalog: builtin.Catalog(),
		Settings: settings.NewRegistry(settings.Config{Store: st, Keys: keys, Lookup: o.Lookup, Secrets: secrets, Now: o.Now}),
	}, nil
}

// Close releases the installation.
func (i *Installation) Close() error {
	return errors.Join(i.Parser.Close(), i.Store.Close(), i.XComs.Close())
}
