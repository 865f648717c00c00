package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/scheduler/timetable"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// ImportError is a DAG file that cannot be read, or not any more.
type ImportError struct {
	File  string    `json:"file"`
	Error string    `json:"error"`
	Since time.Time `json:"since"`
	// DAGs are those of its last good version, which go on.
	DAGs []string `json:"dags,omitempty"`
}

// Synced says what SyncDAGs has changed in the store.
type Synced struct {
	// Stored are the ids of DAGs with a new version, Stale those whose file is gone.
	Stored, Stale []string
	Errors        []ImportError
	// Warnings are what the authors of the files read should know.
	Warnings []error
}

// Empty says that nothing happened.
func (s *Synced) Empty() bool { return len(s.Stored)+len(s.Stale)+len(s.Errors) == 0 }

// IDs are the DAGs concerned.
func (s *Synced) IDs() []string { return slices.Concat(s.Stored, s.Stale) }

// bagState is the id under which the folder's state is kept.
const bagState = "dags"

// Folder opens the folder of DAG files, from what is known of it in the store.
func (i *Installation) Folder(ctx context.Context) (*bag.Bag, error) {
	dir := i.Config.Text("dags")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && dir == filepath.Join(i.Config.Home, "dags") {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of DAG files: %w", err)
		}
	}
	state, err := i.Store.Setting(ctx, store.KindFolder, bagState)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read what is known of the DAG files: %w", err)
	}
	return bag.Open(bag.Config{
		Dir: dir, Loaders: i.loaders(ctx, dir, i.Config.Bool("strict")), Now: i.Now, State: state.Value, Fingerprint: i.fingerprint(dir),
		OnWatchError: func(err error) {
			i.Log.Info("looking for changed DAG files by polling", "reason", err)
		},
	})
}

// fingerprint names what decides how files are read.
func (i *Installation) fingerprint(dir string) string {
	c := i.Config
	return strings.Join([]string{
		i.Release, dir, c.Text("strict"), c.Text("airflow_compat"), c.Text("python"), c.Text("plugins"), c.Text("dag_file_env"), strconv.Itoa(len(i.Catalog.Paths())),
	}, "\x00")
}

// loaders read the DAG files of a folder; strict makes warnings errors.
func (i *Installation) loaders(ctx context.Context, dir string, strict bool) []bag.Loader {
	return []bag.Loader{yamlFiles{i, i.variables(ctx), dir, strict}, i.pythonFiles(ctx, dir, strict)}
}

// yamlFiles reads DAG files in YAML.
type yamlFiles struct {
	i         *Installation
	variables func(string) (string, bool, error)
	dir       string
	strict    bool
}

// variables looks up variables for DAG files for as long as ctx lasts: those that everybody
// may use.
func (i *Installation) variables(ctx context.Context) func(string) (string, bool, error) {
	return func(name string) (string, bool, error) {
		v, err := i.Settings.For("").Variable(ctx, name)
		var denied *settings.DeniedError
		if errors.As(err, &denied) {
			return "", false, err
		}
		return v.Value, err == nil, nil
	}
}

// Accepts implements bag.Loader.
func (y yamlFiles) Accepts(p string) bool {
	ext := path.Ext(p)
	return (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(path.Base(p), "defaults.")
}

// Load implements bag.Loader.
func (y yamlFiles) Load(p string, src []byte) (bag.Loaded, error) {
	o := y.i.fileOptions(y.dir, p)
	o.Variables, o.Strict = y.variables, y.strict
	res, err := dagfile.Load(src, o)
	out := bag.Loaded{DAGs: res.DAGs, Files: res.Files}
	for _, w := range res.Warnings {
		out.Warnings = append(out.Warnings, w)
	}
	return out, err
}

// fileOptions are how a DAG file is read; p is absolute or relative to dir.
func (i *Installation) fileOptions(dir, p string) dagfile.Options {
	file := filepath.FromSlash(p)
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	return dagfile.Options{
		File: file, Catalog: i.Catalog, Strict: i.Config.Bool("strict"), Env: i.Lookup,
		ReadFile:   os.ReadFile,
		Exists:     func(p string) bool { _, err := os.Stat(p); return err == nil },
		PythonPath: []string{dir}, DefaultsDir: dir, Compat: i.Config.Int("airflow_compat"), Now: i.Now,
		CheckSchedule: func(s dag.Schedule) error { _, err := timetable.New(s); return err },
	}
}

// Refresh stores what has changed in the DAG folder, unless a process works on the
// installation: that one does so by itself. Where others have the store, too, only its
// scheduler does, after the very first time: another machine's folder may be an old one, or
// empty.
func (i *Installation) Refresh(ctx context.Context) (Synced, error) {
	if i.shared() {
		_, err := i.Store.Setting(ctx, store.KindFolder, bagState)
		if !errors.Is(err, store.ErrNotFound) {
			return Synced{}, err
		}
	} else if i.Busy(ctx) {
		return Synced{}, nil
	}
	files, err := i.Folder(ctx)
	if err != nil {
		return Synced{}, err
	}
	return i.SyncDAGs(ctx, files)
}

// SyncDAGs stores what has changed in a folder since it was last looked at.
func (i *Installation) SyncDAGs(ctx context.Context, b *bag.Bag) (Synced, error) {
	changes, err := b.Scan(ctx)
	if err != nil {
		return Synced{}, fmt.Errorf("read the DAG files: %w", err)
	}
	return i.store(ctx, b, changes)
}

// store writes changes, and then what is known of the folder: dying in between costs
// a second reading of the same files.
func (i *Installation) store(ctx context.Context, b *bag.Bag, changes bag.Changes) (Synced, error) {
	var out Synced
	if changes.Empty() {
		return out, nil
	}
	for _, f := range changes.Upserted {
		out.Warnings = append(out.Warnings, f.Warnings...)
		for _, d := range f.DAGs {
			stored, err := i.putDAG(ctx, d, f.Path)
			if err != nil {
				return out, err
			}
			if stored {
				out.Stored = append(out.Stored, d.ID)
			}
		}
		if err := i.setStale(ctx, &out, f.Stale); err != nil {
			return out, err
		}
		if err := i.clearImportError(ctx, f.Path); err != nil {
			return out, err
		}
	}
	for _, f := range changes.Broken {
		e := ImportError{File: f.Path, Error: f.Err.Error(), Since: f.Since, DAGs: f.DAGIDs}
		body, err := json.Marshal(e)
		if err != nil {
			return out, err
		}
		if err := i.Store.PutSetting(ctx, store.KindImportError, store.Setting{ID: f.Path, Value: body, At: i.Now()}); err != nil {
			return out, fmt.Errorf("store the import error of %s: %w", f.Path, err)
		}
		out.Errors = append(out.Errors, e)
	}
	for _, f := range changes.Gone {
		if err := i.setStale(ctx, &out, f.DAGIDs); err != nil {
			return out, err
		}
		if err := i.clearImportError(ctx, f.Path); err != nil {
			return out, err
		}
	}
	state, err := b.State()
	if err != nil {
		return out, err
	}
	if err := i.Store.PutSetting(ctx, store.KindFolder, store.Setting{ID: bagState, Value: state, At: i.Now()}); err != nil {
		return out, fmt.Errorf("store what is known of the DAG files: %w", err)
	}
	return out, nil
}

// putDAG stores a version of a DAG, and says whether anything about the DAG changed.
func (i *Installation) putDAG(ctx context.Context, d *dag.DAG, file string) (bool, error) {
	body, version, err := dag.Encode(d)
	if err != nil {
		return false, fmt.Errorf("encode DAG %s: %w", d.ID, err)
	}
	old, err := i.Store.DAG(ctx, d.ID)
	fresh := errors.Is(err, store.ErrNotFound)
	if err != nil && !fresh {
		return false, err
	}
	if !fresh && old.Version == version && old.File == file && !old.State.Stale {
		return false, nil
	}
	def := store.Definition{ID: d.ID, Version: version, Body: body, File: file, At: i.Now()}
	if fresh {
		def.State.Paused, def.State.AssetsAfter = i.Config.Bool("paused_at_creation"), def.At
		if d.PausedUponCreation != nil {
			def.State.Paused = *d.PausedUponCreation
		}
	}
	if err := i.Store.PutDAG(ctx, def); err != nil {
		return false, fmt.Errorf("store DAG %s: %w", d.ID, err)
	}
	if !fresh && old.State.Stale {
		return true, i.changeState(ctx, d.ID, func(s *store.DAGState) { s.Stale = false })
	}
	return true, nil
}

func (i *Installation) setStale(ctx context.Context, out *Synced, ids []string) error {
	for _, id := range ids {
		if err := i.changeState(ctx, id, func(s *store.DAGState) { s.Stale = true }); err != nil {
			return err
		}
		out.Stale = append(out.Stale, id)
	}
	return nil
}

// changeState changes a DAG's state; a DAG that is not there has none.
func (i *Installation) changeState(ctx context.Context, id string, change func(*store.DAGState)) error {
	for {
		def, err := i.Store.DAG(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		change(&def.State)
		if _, err = i.Store.SetDAG(ctx, id, def.State); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (i *Installation) clearImportError(ctx context.Context, file string) error {
	err := i.Store.DeleteSetting(ctx, store.KindImportError, file)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// ImportErrors are the files that are broken as of the last SyncDAGs, by path.
func (i *Installation) ImportErrors(ctx context.Context) ([]ImportError, error) {
	rows, err := i.Store.Settings(ctx, store.KindImportError)
	if err != nil {
		return nil, err
	}
	out := make([]ImportError, len(rows))
	for n, r := range rows {
		if err := json.Unmarshal(r.Value, &out[n]); err != nil {
			return nil, fmt.Errorf("import error of %s: %w", r.ID, store.ErrCorrupt)
		}
		out[n].File = cmp.Or(out[n].File, r.ID)
	}
	return out, nil
}
