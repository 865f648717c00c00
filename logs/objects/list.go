package objects

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/layout"
	"github.com/updraft-dev/updraft/run"
)

// List implements logs.Driver. It reads the keys of the scope from the first to the last.
// In a run's folder, packs come before tasks, and a log's segments are beside each other.
func (d *driver) List(ctx context.Context, s logs.Scope) iter.Seq2[logs.Info, error] {
	return func(yield func(logs.Info, error) bool) {
		w := walker{d: d, ctx: ctx, scope: s, yield: yield, ids: map[string]string{}, packed: map[run.Attempt]logs.Info{}}
		if w.taskPacks() && w.objects() && w.log() {
			w.run(run.ID{})
		}
	}
}

// walker goes through the keys of a scope. Its methods say whether to go on.
type walker struct {
	d     *driver
	ctx   context.Context
	scope logs.Scope
	yield func(logs.Info, error) bool

	// ids are the ids of folders whose names have hashes.
	ids map[string]string
	// id is the run whose keys are read, and packed are the logs in its packs that were
	// not given out yet.
	id     run.ID
	packed map[run.Attempt]logs.Info
	// now is the log whose keys are read.
	now found
}

// prefix is what the keys of the scope begin with.
func (w *walker) prefix() string {
	var levels []layout.Folder
	for _, l := range []struct{ level, id string }{{layout.DAG, w.scope.DAG}, {layout.Run, w.scope.Run}, {layout.Task, w.scope.Task}} {
		if l.id == "" {
			return w.d.folder(levels)
		}
		levels = append(levels, limit.Folder(l.level, l.id))
	}
	switch {
	case w.scope.Map == nil:
		return w.d.folder(levels)
	case *w.scope.Map == run.Unmapped:
		return w.d.folder(levels) + layout.Attempts
	}
	return w.d.folder(append(levels, layout.Folder{Name: layout.MapFolder(*w.scope.Map)}))
}

// taskPacks reads the packs of a scope that names a task: they are not below its prefix.
func (w *walker) taskPacks() bool {
	if w.scope.DAG == "" || w.scope.Run == "" || w.scope.Task == "" {
		return true
	}
	w.id = run.ID{DAG: w.scope.DAG, Run: w.scope.Run}
	for o, err := range w.d.list(w.ctx, w.d.packPrefix(w.id)) {
		if err != nil {
			return w.yield(logs.Info{}, err)
		}
		if w.scope.Map != nil && !mayHold(o.Key, run.Key{ID: w.id, Task: w.scope.Task, Map: *w.scope.Map}) {
			continue
		}
		if !w.pack(o) {
			return false
		}
	}
	return true
}

// objects reads all objects of the scope.
func (w *walker) objects() bool {
	for o, err := range w.d.list(w.ctx, w.prefix()) {
		if err != nil {
			return w.yield(logs.Info{}, err)
		}
		if !w.object(o) {
			return false
		}
	}
	return true
}

// object takes the next object.
func (w *walker) object(o Object) bool {
	parts := strings.Split(strings.TrimPrefix(o.Key, w.d.root), "/")
	dirs, name := parts[:len(parts)-1], parts[len(parts)-1]
	if len(dirs) < 2 || len(dirs) > 4 {
		return true // a note, or not ours
	}
	k := run.Key{Map: run.Unmapped}
	for i, l := range []struct {
		level, known string
		id           *string
	}{{layout.DAG, w.scope.DAG, &k.DAG}, {layout.Run, w.scope.Run, &k.Run}, {layout.Task, w.scope.Task, &k.Task}}[:min(3, len(dirs))] {
		id, ok, err := w.folder(dirs[:i+1], l.level, l.known)
		if err != nil {
			return w.yield(logs.Info{}, err)
		}
		if !ok {
			return true
		}
		*l.id = id
	}
	if k.ID != w.id && (!w.log() || !w.run(k.ID)) {
		return false
	}
	if len(dirs) == 2 {
		return !strings.HasPrefix(name, packLevel) || w.pack(o)
	}
	if len(dirs) == 4 {
		var ok bool
		if k.Map, ok = layout.ParseMapFolder(dirs[3]); !ok {
			return true
		}
	}
	try, offset, ok := layout.ParseSegment(name, digits)
	if !ok {
		return true
	}
	a := run.Attempt{Key: k, Try: try}
	if a != w.now.info.Attempt {
		if !w.log() {
			return false
		}
		w.now = found{info: logs.Info{Attempt: a}}
	}
	w.now.add(o, offset)
	return true
}

// folder returns the id of the last of these folders, which is the known one if the scope
// names one; ok is false for others.
func (w *walker) folder(dirs []string, level, known string) (id string, ok bool, err error) {
	name := dirs[len(dirs)-1]
	if known != "" && limit.Folder(level, known).Name == name {
		return known, true, nil
	}
	id, hashed, ok := layout.ParseFolder(level, name)
	if !ok || !hashed {
		return id, ok, nil
	}
	key := w.d.root + strings.Join(dirs, "/") + "/" + layout.IDFile
	if id, ok := w.ids[key]; ok {
		return id, id != "", nil
	}
	if len(w.ids) >= maxNoted {
		clear(w.ids)
	}
	b := make([]byte, maxID+1)
	n, err := w.d.b.Get(w.ctx, key, b, 0)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", false, err
	}
	if id = string(b[:n]); limit.Folder(level, id).Name != name {
		id = "" // just being made, or not ours
	}
	w.ids[key] = id
	return id, id != "", nil
}

// maxID is how long an id may be, in bytes.
const maxID = 64 << 10

// pack takes the logs of the scope that are in a pack.
func (w *walker) pack(o Object) bool {
	p, err := w.d.readPack(w.ctx, o)
	if errors.Is(err, ErrNotFound) {
		return true // just removed
	}
	if err != nil {
		return w.yield(logs.Info{}, err)
	}
	for i := range p.Logs {
		a := p.Logs[i].attempt
		if a.ID == w.id && (w.scope.Task == "" || a.Task == w.scope.Task) && (w.scope.Task == "" || w.scope.Map == nil || a.Map == *w.scope.Map) {
			if _, ok := w.packed[a]; !ok { // the first one counts, as for lookup
				w.packed[a] = p.Logs[i].info()
			}
		}
	}
	return true
}

// log gives out the log whose keys were read, with what a pack holds of it.
func (w *walker) log() bool {
	f := w.now
	if len(f.keys) == 0 {
		return true
	}
	w.now = found{}
	if head, ok := w.packed[f.info.Attempt]; ok {
		delete(w.packed, f.info.Attempt)
		if segs := f.info.Segments; len(segs) == 0 || segs[0].Offset > 0 {
			f.begin(head)
		}
	}
	return w.yield(f.info, nil)
}

// run gives out what is left of the packs of a run, and begins another one.
func (w *walker) run(next run.ID) bool {
	for a, info := range w.packed {
		delete(w.packed, a)
		if !w.yield(info, nil) {
			return false
		}
	}
	w.id = next
	return true
}
