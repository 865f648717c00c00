package bag

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// young is the age below which a file's stamp is not trusted: coarse file systems give
// two changes within it the same time.
const young = 2 * time.Second

// Scan looks at all files and reads those that changed: first by size and time, then by
// content. It fails only when the folder cannot be listed or ctx ends; then nothing is
// remembered and the next scan finds the same changes.
func (b *Bag) Scan(ctx context.Context) (Changes, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := walker{b: b, files: make(map[string]stamp), real: make(map[string]bool)}
	if err := w.folder(ctx, "", nil); err != nil {
		return Changes{}, fmt.Errorf("scan DAG folder: %w", err)
	}
	s := &scan{b: b, found: w.files, stamps: make(map[string]dep), loaded: make(map[string]*reading), next: make(map[string]*record, len(w.files))}
	for p, err := range w.broken {
		s.loaded[p] = &reading{stamp: w.files[p], err: err}
	}
	var todo []string
	for _, p := range slices.Sorted(maps.Keys(w.files)) {
		if s.loaded[p] == nil && s.changed(p) {
			todo = append(todo, p)
		}
	}
	if err := s.readAll(ctx, todo); err != nil {
		return Changes{}, err
	}
	for p, r := range b.recs {
		if _, there := w.files[p]; there {
			copied := *r
			s.next[p] = &copied
		}
	}
	out, err := s.settle(ctx)
	if err != nil {
		return Changes{}, err
	}
	b.recs, b.dirs = s.next, w.dirs
	return out, nil
}

// walker lists the DAG files of a folder.
type walker struct {
	b     *Bag
	files map[string]stamp
	dirs  []string
	// real are the folders on the way that were entered through links.
	real map[string]bool
	// broken are .airflowignore files with a fault; they ignore nothing.
	broken map[string]error
}

func (w *walker) folder(ctx context.Context, rel string, rules []ignoreRule) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := w.b.abs(rel)
	real, err := filepath.EvalSymlinks(dir)
	if err == nil && w.real[real] {
		return nil // a link to a folder that is listed already
	}
	w.real[real] = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		if rel == "" {
			return err
		}
		return nil // gone in the meantime, or not readable for us
	}
	w.dirs = append(w.dirs, dir)
	rules = w.ignoreRules(dir, rel, entries, rules)
	for _, e := range entries {
		p := path.Join(rel, e.Name())
		info, err := e.Info()
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			info, err = os.Stat(w.b.abs(p))
		}
		if err != nil {
			continue // deleted in the meantime, or a dangling link
		}
		switch {
		case info.IsDir():
			if strings.HasPrefix(e.Name(), ".") || e.Name() == "__pycache__" || ignored(rules, p, true, w.b.c.Ignore) {
				continue
			}
			if err := w.folder(ctx, p, rules); err != nil {
				return err
			}
		case info.Mode().IsRegular() && w.b.loader(p) != nil && !ignored(rules, p, false, w.b.c.Ignore):
			w.files[p] = w.b.stampOf(info)
		}
	}
	return nil
}

func (w *walker) ignoreRules(dir, rel string, entries []os.DirEntry, rules []ignoreRule) []ignoreRule {
	if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == ignoreFile }) {
		return rules
	}
	file := filepath.Join(dir, ignoreFile)
	info, err := os.Stat(file)
	if err != nil {
		return rules
	}
	raw, err := os.ReadFile(file)
	if err == nil {
		var own []ignoreRule
		own, err = parseIgnore(string(raw), rel, w.b.c.Ignore)
		rules = append(rules[:len(rules):len(rules)], own...)
	}
	if err != nil {
		if w.broken == nil {
			w.broken = make(map[string]error)
		}
		p := path.Join(rel, ignoreFile)
		w.broken[p], w.files[p] = err, w.b.stampOf(info)
	}
	return rules
}

func (b *Bag) stampOf(info fs.FileInfo) stamp {
	return stamp{Size: info.Size(), ModTime: info.ModTime().UnixNano(), Young: b.c.Now().Sub(info.ModTime()) < young}
}

// same says that a stamp proves that a file did not change since.
func (s stamp) same(now stamp) bool {
	return !s.Young && s.Size == now.Size && s.ModTime == now.ModTime
}

// reading is a file that was read in a scan.
type reading struct {
	stamp stamp
	hash  string
	// unread says that the content is what it was, so that it was not loaded.
	unread bool
	loaded Loaded
	deps   []dep
	err    error
}

// scan is the state of one Scan.
type scan struct {
	b      *Bag
	found  map[string]stamp
	stamps map[string]dep
	mu     sync.Mutex
	loaded map[string]*reading
	next   map[string]*record
}

// changed says whether a file has to be read: it is new, has another stamp, or
// something it depends on has.
func (s *scan) changed(p string) bool {
	r := s.b.recs[p]
	return r == nil || !r.Stamp.same(s.found[p]) || s.depsChanged(r)
}

func (s *scan) depsChanged(r *record) bool {
	return slices.ContainsFunc(r.Deps, func(d dep) bool {
		now := s.dep(d.Path)
		return now.There != d.There || d.There && (now.Stamp.Size != d.Stamp.Size || now.Stamp.ModTime != d.Stamp.ModTime || d.Stamp.Young)
	})
}

// dep looks at a file once per scan.
func (s *scan) dep(p string) dep {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.stamps[p]
	if !ok {
		d = dep{Path: p}
		if info, err := os.Stat(s.b.abs(p)); err == nil && !info.IsDir() {
			d.There, d.Stamp = true, s.b.stampOf(info)
		}
		s.stamps[p] = d
	}
	return d
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
	raw, err := os.ReadFile(s.b.abs(p))
	if err != nil {
		r.err = err
		return r
	}
	sum := sha256.Sum256(raw)
	r.hash = hex.EncodeToString(sum[:])
	old := s.b.recs[p]
	if old != nil && old.Hash == r.hash && !s.depsDiffer(old) && old.Rival == nil {
		r.unread, r.deps = true, s.depsOf(depPaths(old))
		return r
	}
	r.loaded, r.err = load(s.b.loader(p), p, raw)
	r.deps = s.depsOf(r.loaded.Files)
	return r
}

// depsDiffer is depsChanged without the mistrust in young files: those are young only
// because the file was read right after them.
func (s *scan) depsDiffer(r *record) bool { return s.depsChanged(r) }

func depPaths(r *record) []string {
	out := make([]string, len(r.Deps))
	for i, d := range r.Deps {
		out[i] = d.Path
	}
	return out
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

func (s *scan) depsOf(files []string) []dep {
	files = slices.Clone(files)
	slices.Sort(files)
	var out []dep
	for _, f := range slices.Compact(files) {
		out = append(out, s.dep(f))
	}
	return out
}

// settle decides which file has which DAG, and what changed.
func (s *scan) settle(ctx context.Context) (Changes, error) {
	owners := s.owners()
	// A file that was refused for a DAG that nobody has any more gets its chance.
	for {
		var again []string
		for p, r := range s.next {
			if r.Rival != nil && s.loaded[p] == nil && !slices.Contains(s.claims(r.Rival.Path), r.Rival.DAGID) {
				again = append(again, p)
			}
		}
		if len(again) == 0 {
			break
		}
		slices.Sort(again)
		if err := s.readAll(ctx, again); err != nil {
			return Changes{}, err
		}
		owners = s.owners()
	}
	return s.apply(owners), nil
}

// claims are the DAG ids a file has after this scan, if it may.
func (s *scan) claims(p string) []string {
	if r := s.loaded[p]; r != nil && !r.unread && r.err == nil {
		return dagIDs(r.loaded.DAGs)
	}
	if r := s.next[p]; r != nil {
		return r.DAGIDs
	}
	return nil
}

func dagIDs(dags []*dag.DAG) []string {
	out := make([]string, len(dags))
	for i, d := range dags {
		out[i] = d.ID
	}
	return out
}

// owners gives every DAG id to one file: the one that had it, or else the first by path.
// A file that claims somebody else's DAG is broken and keeps what it had.
func (s *scan) owners() map[string]string {
	out := make(map[string]string)
	paths := slices.Sorted(maps.Keys(s.found))
	for _, p := range paths {
		old := s.b.recs[p]
		if old == nil {
			continue
		}
		claims := s.claims(p)
		for _, id := range old.DAGIDs {
			if slices.Contains(claims, id) {
				out[id] = p
			}
		}
	}
	for _, p := range paths {
		r := s.loaded[p]
		if r == nil || r.unread || r.err != nil {
			continue
		}
		for _, id := range dagIDs(r.loaded.DAGs) {
			if other, taken := out[id]; taken && other != p {
				r.err = &DuplicateError{DAGID: id, Path: p, Other: other}
			}
		}
		if r.err == nil {
			for _, id := range dagIDs(r.loaded.DAGs) {
				out[id] = p
			}
		} else if old := s.b.recs[p]; old != nil {
			for _, id := range old.DAGIDs {
				if out[id] == "" {
					out[id] = p
				}
			}
		}
	}
	return out
}

func (s *scan) apply(owners map[string]string) Changes {
	var out Changes
	elsewhere := func(p string, ids []string) []string {
		var left []string
		for _, id := range ids {
			if o := owners[id]; o == "" || o == p {
				left = append(left, id)
			}
		}
		return left
	}
	for _, p := range slices.Sorted(maps.Keys(s.loaded)) {
		r, old := s.loaded[p], s.next[p]
		if old == nil {
			old = &record{}
			s.next[p] = old
		}
		old.Stamp, old.Hash, old.Deps = r.stamp, r.hash, r.deps
		if r.unread {
			continue
		}
		if r.err != nil {
			s.fail(p, old, r.err, &out)
			continue
		}
		ids := dagIDs(r.loaded.DAGs)
		var stale []string
		for _, id := range old.DAGIDs {
			if !slices.Contains(ids, id) {
				stale = append(stale, id)
			}
		}
		old.DAGIDs, old.Err, old.err, old.Rival, old.Since = ids, "", nil, nil, time.Time{}
		out.Upserted = append(out.Upserted, File{Path: p, DAGs: r.loaded.DAGs, Stale: elsewhere("", stale), Warnings: r.loaded.Warnings})
	}
	for _, p := range slices.Sorted(maps.Keys(s.b.recs)) {
		if _, there := s.found[p]; !there {
			out.Gone = append(out.Gone, Gone{Path: p, DAGIDs: elsewhere(p, s.b.recs[p].DAGIDs)})
		}
	}
	return out
}

// fail notes an import error, and reports it unless it is the one known already.
func (s *scan) fail(p string, r *record, err error, out *Changes) {
	known := r.Err == err.Error()
	r.Err, r.err, r.Rival = err.Error(), err, nil
	if d, ok := err.(*DuplicateError); ok {
		r.Rival = &rival{Path: d.Other, DAGID: d.DAGID}
	}
	if known {
		return
	}
	r.Since = s.b.c.Now()
	out.Broken = append(out.Broken, r.broken(p))
}
