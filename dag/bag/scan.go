package bag

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// Scan looks at all files and reads those that changed: first by size and time, then by
// content. It fails only when the folder cannot be listed or ctx ends; then nothing is
// remembered and the next scan finds the same changes.
func (b *Bag) Scan(ctx context.Context) (Changes, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w, err := b.walk(ctx)
	if err != nil {
		return Changes{}, fmt.Errorf("scan DAG folder: %w", err)
	}
	s := &scan{
		b: b, now: b.c.Now(), found: w.files, paths: slices.Sorted(maps.Keys(w.files)),
		deps: make(map[string]dep, len(b.deps)), loaded: make(map[string]*reading),
	}
	for p, err := range w.broken {
		s.loaded[p] = &reading{stamp: w.files[p], err: err}
	}
	var todo []string
	for _, p := range s.paths {
		if s.loaded[p] == nil && s.changed(p) {
			todo = append(todo, p)
		}
	}
	if err := s.readAll(ctx, todo); err != nil {
		return Changes{}, fmt.Errorf("scan DAG folder: %w", err)
	}
	if len(s.loaded) == 0 && !s.anyGone() {
		b.dirs = w.dirs
		return Changes{}, nil
	}
	owners, err := s.settle(ctx)
	if err != nil {
		return Changes{}, fmt.Errorf("scan DAG folder: %w", err)
	}
	out, next := s.apply(owners)
	b.recs, b.deps, b.dirs = next, s.keptDeps(next), w.dirs
	return out, nil
}

// scan is the state of one Scan.
type scan struct {
	b     *Bag
	now   time.Time
	found map[string]stamp
	// paths are the keys of found, sorted.
	paths  []string
	mu     sync.Mutex
	deps   map[string]dep
	loaded map[string]*reading
}

// reading is a file that was read in a scan.
type reading struct {
	stamp stamp
	hash  string
	// unread says that the content is what it was, so that it was not loaded.
	unread bool
	// vanished says that the file was deleted after it was listed: the next scan's matter.
	vanished bool
	loaded   Loaded
	ids      []string
	// content is a hash of the DAGs of a volatile file.
	content string
	err     error
	// dup is why the file is refused although it can be read.
	dup *DuplicateError
}

// good says that the file was loaded and has DAGs to offer.
func (r *reading) good() bool { return r != nil && !r.unread && r.err == nil }

// anyGone says that a file was deleted, or is ignored now.
func (s *scan) anyGone() bool {
	for p := range s.b.recs {
		if _, there := s.found[p]; !there {
			return true
		}
	}
	return false
}

// changed says whether a file has to be read: it is new, has another stamp, or
// something it depends on may have changed.
func (s *scan) changed(p string) bool {
	r := s.b.recs[p]
	return r == nil || !r.Stamp.same(s.found[p]) || s.depsChanged(r) || s.overdue(r)
}

// overdue says that a file is read again because something else than files may be
// different now: a variable, or what its error was about.
func (s *scan) overdue(r *record) bool {
	return (r.Volatile || r.Err != "" && !r.Firm) && s.now.Sub(r.read) >= s.b.c.Reread
}

func (s *scan) depsChanged(r *record) bool {
	return slices.ContainsFunc(r.Deps, func(p string) bool {
		old, now := s.b.deps[p], s.dep(p, false)
		return old.Late || now.There != old.There || now.Hash != old.Hash
	})
}

// dep looks at a file once per scan, and reads it if it may have changed. After loading
// says that a loader was faster.
func (s *scan) dep(p string, afterLoading bool) dep {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.deps[p]
	if ok {
		return d
	}
	if info, err := os.Stat(s.b.abs(p)); err == nil && !info.IsDir() {
		d = dep{There: true, Stamp: s.b.stampOf(info)}
		d.Late = afterLoading && d.Stamp.Young
		if old := s.b.deps[p]; old.There && old.Stamp.same(d.Stamp) {
			d.Hash = old.Hash
		} else if raw, err := s.b.readFile(s.b.abs(p)); err == nil {
			d.Hash = digest(raw)
		}
	}
	s.deps[p] = d
	return d
}

// keptDeps are the files that records depend on.
func (s *scan) keptDeps(recs map[string]*record) map[string]dep {
	out := make(map[string]dep, len(s.b.deps))
	for _, r := range recs {
		for _, p := range r.Deps {
			if _, ok := out[p]; !ok {
				out[p] = s.dep(p, false)
			}
		}
	}
	return out
}

// readAll reads files on all workers.
func (s *scan) readAll(ctx context.Context, todo []string) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(s.b.c.Workers, len(todo)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(todo) {
					return
				}
				r := s.read(todo[i])
				s.mu.Lock()
				s.loaded[todo[i]] = r
				s.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

func (s *scan) read(p string) *reading {
	r := &reading{stamp: s.found[p]}
	raw, err := s.b.readFile(s.b.abs(p))
	if errors.Is(err, fs.ErrNotExist) {
		r.vanished, r.unread = true, true
		return r
	}
	if err != nil {
		// What is in the way may go away without changing the file's time.
		r.err, r.stamp.Young = err, true
		return r
	}
	r.hash = digest(raw)
	old := s.b.recs[p]
	if old != nil && old.Hash == r.hash && old.Rival == nil && !s.depsChanged(old) && !s.overdue(old) {
		r.unread = true
		return r
	}
	r.loaded, r.err = load(s.b.loader(p), p, raw)
	for i, f := range r.loaded.Files {
		r.loaded.Files[i] = strings.TrimPrefix(filepath.ToSlash(f), s.b.prefix)
	}
	slices.Sort(r.loaded.Files)
	r.loaded.Files = slices.Compact(r.loaded.Files)
	for _, f := range r.loaded.Files {
		s.dep(f, true)
	}
	for _, d := range r.loaded.DAGs {
		if slices.Contains(r.ids, d.ID) && r.err == nil {
			r.err = fmt.Errorf("%s: DAG %q is defined twice: rename one of them", p, d.ID)
		}
		r.ids = append(r.ids, d.ID)
	}
	if r.err == nil && r.loaded.Volatile {
		r.content = content(r.loaded.DAGs)
		r.unread = old != nil && old.Err == "" && old.Volatile && r.content != "" && r.content == old.Content
	}
	return r
}

// load calls a loader; a panic in it breaks the file and nothing else.
func load(l Loader, p string, raw []byte) (out Loaded, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s: loading panicked: %v", p, v)
		}
	}()
	return l.Load(p, raw)
}

// digest is short, because there is one per file in State.
func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return base64.RawStdEncoding.EncodeToString(sum[:18])
}

// content is a hash of DAGs, or empty if they cannot be encoded: that is for whoever
// stores them to report.
func content(dags []*dag.DAG) string {
	var versions []byte
	for _, d := range dags {
		_, version, err := dag.Encode(d)
		if err != nil {
			return ""
		}
		versions = append(versions, d.ID+"\x00"+version+"\x00"...)
	}
	return digest(versions)
}
