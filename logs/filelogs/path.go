package filelogs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
)

// The names of the folder levels and of files, Airflow's.
const (
	dagLevel  = "dag_id="
	runLevel  = "run_id="
	taskLevel = "task_id="
	mapLevel  = "map_index="
	attempt   = "attempt="
	suffix    = ".log"
)

const (
	// maxName is how long an escaped id may be in a file name: file systems allow 255
	// bytes, of which the level takes up to 10.
	maxName = 240
	// keptName is how much of a longer one is kept for people, before the hash.
	keptName = 160
	// hashMark stands between the two; an escaped id cannot contain it.
	hashMark = "%~"
	// idFile holds, in a folder whose name has a hash, the whole id.
	idFile = ".id"
)

// escape makes an id a part of a file name: what would be a path, what a terminal would
// obey, and what is no UTF-8 becomes %XX.
func escape(id string) string {
	if !strings.ContainsFunc(id, unsafe) && utf8.ValidString(id) {
		return id
	}
	var b strings.Builder
	for i := 0; i < len(id); {
		r, n := utf8.DecodeRuneInString(id[i:])
		if unsafe(r) || r == utf8.RuneError && n == 1 {
			for _, c := range []byte(id[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(id[i : i+n])
		}
		i += n
	}
	return b.String()
}

func unsafe(r rune) bool {
	return r == '/' || r == '\\' || r == '%' || r < ' ' || r >= 0x7f && r < 0xa0
}

// folder is the name of the folder of an id, and whether it holds a hash.
func folder(level, id string) (name string, hashed bool) {
	s := escape(id)
	if len(s) <= maxName {
		return level + s, false
	}
	sum := sha256.Sum256([]byte(id))
	kept := s[:keptName]
	for !utf8.ValidString(kept) {
		kept = kept[:len(kept)-1]
	}
	return level + kept + hashMark + hex.EncodeToString(sum[:16]), true
}

// parseFolder returns the id of a folder in a parent; ok is false for other folders.
func parseFolder(parent, level, name string) (id string, ok bool, err error) {
	s, ok := strings.CutPrefix(name, level)
	if !ok {
		return "", false, nil
	}
	if strings.Contains(s, hashMark) {
		b, err := os.ReadFile(filepath.Join(parent, name, idFile))
		if errors.Is(err, fs.ErrNotExist) {
			return "", false, nil // just being made
		}
		return string(b), err == nil, err
	}
	if !strings.Contains(s, "%") {
		return s, true, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 > len(s) {
			return "", false, nil
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false, nil // not ours
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), true, nil
}

// levels are the folders of an instance below the root, with their ids.
func levels(k run.Key) (names []string, ids []string) {
	for _, l := range []struct{ level, id string }{{dagLevel, k.DAG}, {runLevel, k.Run}, {taskLevel, k.Task}} {
		name, hashed := folder(l.level, l.id)
		if !hashed {
			l.id = ""
		}
		names, ids = append(names, name), append(ids, l.id)
	}
	if k.Map != run.Unmapped {
		names, ids = append(names, mapLevel+strconv.Itoa(k.Map)), append(ids, "")
	}
	return names, ids
}

// dir is the folder of an instance's logs.
func (d *driver) dir(k run.Key) string {
	names, _ := levels(k)
	return filepath.Join(append([]string{d.root}, names...)...)
}

// makeDir makes the folder of an instance's logs.
func (d *driver) makeDir(k run.Key) error {
	dir := d.dir(k)
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of a log: %w", err)
	}
	names, ids := levels(k)
	at := d.root
	for i, name := range names {
		at = filepath.Join(at, name)
		if ids[i] == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(at, idFile), []byte(ids[i]), 0o600); err != nil {
			return fmt.Errorf("note the name of a log: %w", err)
		}
	}
	return nil
}

// prune removes a folder and those above it as long as they hold nothing.
func (d *driver) prune(dir string) {
	for dir != d.root && strings.HasPrefix(dir, d.root) {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != idFile {
			return
		}
		if len(entries) == 1 {
			os.Remove(filepath.Join(dir, idFile))
		}
		if os.Remove(dir) != nil {
			return // somebody writes there again
		}
		dir = filepath.Dir(dir)
	}
}

// attemptName is the file name of a try's first segment.
func attemptName(try int) string { return attempt + strconv.Itoa(try) + suffix }

// segmentPath is the path of a segment, from that of the first one.
func segmentPath(base string, offset int64) string {
	if offset == 0 {
		return base
	}
	return base + "." + strconv.FormatInt(offset, 10)
}

// parseFile reads the name of a segment's file.
func parseFile(name string) (try int, offset int64, ok bool) {
	s, ok := strings.CutPrefix(name, attempt)
	if !ok {
		return 0, 0, false
	}
	number, rest, ok := strings.Cut(s, suffix)
	if !ok {
		return 0, 0, false
	}
	try, err := strconv.Atoi(number)
	if err != nil {
		return 0, 0, false
	}
	if rest != "" {
		if offset, err = strconv.ParseInt(strings.TrimPrefix(rest, "."), 10, 64); err != nil || offset <= 0 {
			return 0, 0, false
		}
	}
	return try, offset, segmentPath(attemptName(try), offset) == name
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
		try, offset, ok := parseFile(e.Name())
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
