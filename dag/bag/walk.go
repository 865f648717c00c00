package bag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// young is the age below which a file's stamp is not trusted: coarse file systems give
// two changes within it the same time.
const young = 2 * time.Second

// stamp tells versions of a file apart without reading them.
type stamp struct {
	Size    int64 `json:"s"`
	ModTime int64 `json:"t"`
	// Young is set when a later change could have the same stamp.
	Young bool `json:"y,omitempty"`
}

func (b *Bag) stampOf(info fs.FileInfo) stamp {
	age := b.c.Now().Sub(info.ModTime())
	return stamp{Size: info.Size(), ModTime: info.ModTime().UnixNano(), Young: -young < age && age < young}
}

// same says that a stamp proves that a file did not change since.
func (s stamp) same(now stamp) bool {
	return !s.Young && s.Size == now.Size && s.ModTime == now.ModTime
}

// walker lists the DAG files of a folder.
type walker struct {
	b     *Bag
	files map[string]stamp
	// dirs are the folders to watch, without links: the system has one watch per folder,
	// whatever its names.
	dirs []string
	// real are the folders that were entered.
	real map[string]bool
	// broken are .airflowignore files with a fault and folders that cannot be listed.
	broken map[string]error
}

func (b *Bag) walk(ctx context.Context) (*walker, error) {
	w := &walker{b: b, files: make(map[string]stamp, len(b.recs)), real: make(map[string]bool), broken: make(map[string]error)}
	if info, err := os.Lstat(b.c.Dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		// The link may come to point elsewhere.
		if parent, err := filepath.EvalSymlinks(filepath.Dir(filepath.Clean(b.c.Dir))); err == nil {
			w.dirs = append(w.dirs, parent)
		}
	}
	return w, w.folder(ctx, "", nil)
}

func (w *walker) folder(ctx context.Context, rel string, rules []ignoreRule) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := w.b.abs(rel)
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		if w.real[real] {
			return nil // a link to a folder that is listed already
		}
		w.real[real] = true
		w.dirs = append(w.dirs, real)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil:
	case rel == "":
		return err
	case errors.Is(err, fs.ErrNotExist):
		return nil // gone in the meantime
	default:
		w.fault(rel, fmt.Errorf("the folder cannot be listed, its files go on as they were: %w", err))
		return nil
	}
	rules = w.ignoreRules(dir, rel, entries, rules)
	for _, e := range entries {
		if err := w.entry(ctx, path.Join(rel, e.Name()), e, rules); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(ctx context.Context, p string, e os.DirEntry, rules []ignoreRule) error {
	folder, link := e.IsDir(), e.Type()&fs.ModeSymlink != 0
	if !folder && !link && w.b.loader(p) == nil {
		return nil // most files beside DAG files need no look
	}
	var info fs.FileInfo
	var err error
	if link {
		info, err = os.Stat(w.b.abs(p))
	} else if !folder {
		info, err = e.Info()
	}
	if err != nil {
		if _, known := w.b.recs[p]; known && !errors.Is(err, fs.ErrNotExist) {
			w.fault(p, err)
		}
		return nil // deleted in the meantime, or a dangling link
	}
	folder = folder || info.IsDir()
	switch {
	case folder:
		if strings.HasPrefix(e.Name(), ".") || e.Name() == "__pycache__" || ignored(rules, p, true) {
			return nil
		}
		return w.folder(ctx, p, rules)
	case info.Mode().IsRegular() && w.b.loader(p) != nil && !ignored(rules, p, false):
		w.files[p] = w.b.stampOf(info)
		if real, err := filepath.EvalSymlinks(w.b.abs(p)); link && err == nil {
			w.dirs = append(w.dirs, filepath.Dir(real))
		}
	}
	return nil
}

// fault notes that a path cannot be looked at. What is known below it stays.
func (w *walker) fault(p string, err error) {
	w.broken[p], w.files[p] = fmt.Errorf("%s: %w", p, err), stamp{Young: true}
	for known, r := range w.b.recs {
		if strings.HasPrefix(known, p+"/") {
			w.files[known] = r.Stamp
		}
	}
}

func (w *walker) ignoreRules(dir, rel string, entries []os.DirEntry, rules []ignoreRule) []ignoreRule {
	if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == ignoreFile }) {
		return rules
	}
	raw, err := os.ReadFile(filepath.Join(dir, ignoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return rules
	}
	var own []ignoreRule
	if err == nil {
		own, err = parseIgnore(string(raw), rel, w.b.c.Ignore)
	}
	if err != nil {
		p := path.Join(rel, ignoreFile)
		w.broken[p], w.files[p] = err, stamp{Young: true}
	}
	return append(rules[:len(rules):len(rules)], own...)
}
