package filelogs

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/layout"
	"github.com/updraft-dev/updraft/run"
)

// limit is how long names may be: file systems allow 255 bytes, of which the level takes
// up to 10.
var limit = layout.Limit{Max: 240, Kept: 160}

// digits is how many the offset in the name of a segment has at least.
const digits = 1

// parseFolder returns the id of a folder in a parent; ok is false for other folders.
func parseFolder(parent, level, name string) (id string, ok bool, err error) {
	id, hashed, ok := layout.ParseFolder(level, name)
	if !hashed {
		return id, ok, nil
	}
	b, err := os.ReadFile(filepath.Join(parent, name, layout.IDFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil // just being made
	}
	return string(b), err == nil, err
}

// dir is the folder of an instance's logs.
func (d *driver) dir(k run.Key) string {
	dir := d.root
	for _, f := range limit.Folders(k) {
		dir = filepath.Join(dir, f.Name)
	}
	return dir
}

// makeDir makes the folder of an instance's logs; made is whether it was not there.
func (d *driver) makeDir(k run.Key) (made bool, err error) {
	dir := d.dir(k)
	err = os.Mkdir(dir, 0o700) // most often its parent is there
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return false, fmt.Errorf("make the folder of a log: %w", err)
	}
	at := d.root
	for _, f := range limit.Folders(k) {
		at = filepath.Join(at, f.Name)
		if f.ID == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(at, layout.IDFile), []byte(f.ID), 0o600); err != nil {
			return true, fmt.Errorf("note the name of a log: %w", err)
		}
	}
	return true, nil
}

// prune removes a folder and those above it as long as they hold nothing.
func (d *driver) prune(dir string) {
	for dir != d.root && strings.HasPrefix(dir, d.root) {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != layout.IDFile {
			return
		}
		if len(entries) == 1 {
			os.Remove(filepath.Join(dir, layout.IDFile))
		}
		if os.Remove(dir) != nil {
			return // somebody writes there again
		}
		dir = filepath.Dir(dir)
	}
}

// find finds the log of a try in a folder; it has no segments if there is none.
func find(dir string, try int) (logs.Info, error) {
	all, err := tries(dir)
	if i := slices.IndexFunc(all, func(t logs.Info) bool { return t.Attempt.Try == try }); i >= 0 {
		return all[i], err
	}
	return logs.Info{}, err
}

// tries finds all logs in the folder of an instance, with only their tries for names.
func tries(dir string) ([]logs.Info, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	byTry := map[int]*logs.Info{}
	for _, e := range entries {
		try, offset, ok := layout.ParseSegment(e.Name(), digits)
		if !ok {
			continue
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // just removed
		}
		if err != nil {
			return nil, err
		}
		if !st.Mode().IsRegular() {
			continue
		}
		t := byTry[try]
		if t == nil {
			t = &logs.Info{Attempt: run.Attempt{Try: try}}
			byTry[try] = t
		}
		t.Segments = append(t.Segments, logs.Segment{Offset: offset, Size: st.Size()})
		if st.ModTime().After(t.Modified) {
			t.Modified = st.ModTime()
		}
	}
	var out []logs.Info
	for _, t := range byTry {
		slices.SortFunc(t.Segments, func(a, b logs.Segment) int { return int(min(max(a.Offset-b.Offset, math.MinInt32), math.MaxInt32)) })
		out = append(out, *t)
	}
	return out, nil
}
