package embedded

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/dag/pyfile"
	"github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/scheduler/timetable"
	"github.com/updraft-dev/updraft/task/callable"
)

// pythonFiles reads the DAG files in Python of a folder for as long as ctx lasts.
func (i *Installation) pythonFiles(ctx context.Context, dir string, strict bool) bag.Loader {
	c := i.pyfileConfig(dir, strict)
	c.Sources = i.sources()
	return pyfile.Loader(ctx, c)
}

// sharer is what the storage of large XComs is, too, if other machines reach it.
type sharer interface {
	// Sources is a storage beside that of XComs, for the files that DAGs were read from.
	Sources() source.Blobs
}

// sources keeps what DAG files in Python were when they were read.
func (i *Installation) sources() *source.Store {
	var shared source.Blobs
	if s, ok := i.XComs.(sharer); ok {
		shared = s.Sources()
	}
	return source.Open(filepath.Join(i.Config.Home, "sources"), shared)
}

func (i *Installation) pyfileConfig(dir string, strict bool) pyfile.Config {
	c := i.Config
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return pyfile.Config{
		Parser: i.Parser, Folder: dir, Path: i.modulePath(), Catalog: i.Catalog, Compat: c.Int("airflow_compat"), // auto is 0
		Timeout: c.Duration("dagbag_import_timeout"), Memory: int64(c.Int("dagbag_import_memory")),
		Settings: parseSettings{i}, Strict: strict,
		OnParsed: func(p string, said *python.Parsed) {
			if said.Output != "" {
				i.Log.Debug("a DAG file printed something while it was read", "file", p, "output", said.Output)
			}
		},
		CheckSchedule: func(s dag.Schedule) error { _, err := timetable.New(s); return err },
	}
}

// modulePath are the folders of Python modules beside that of the DAG files.
func (i *Installation) modulePath() []string {
	dir := i.Config.Text("plugins")
	if info, err := os.Stat(dir); dir == "" || err != nil || !info.IsDir() {
		return nil
	}
	return []string{dir}
}

func splitNames(text string) (out []string) {
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// parseSettings gives variables and connections to DAG files while they are read: those that
// everybody may use.
type parseSettings struct{ i *Installation }

// Variable implements pyfile.Settings.
func (s parseSettings) Variable(ctx context.Context, key string) (string, error) {
	v, err := s.i.Settings.For("").Variable(ctx, key)
	return v.Value, callable.Known(err)
}

// Connection implements pyfile.Settings.
func (s parseSettings) Connection(ctx context.Context, id string) (python.Connection, error) {
	c, err := s.i.Settings.For("").Connection(ctx, id)
	if err != nil {
		return python.Connection{}, callable.Known(err)
	}
	return callable.Connection(id, &c), nil
}
