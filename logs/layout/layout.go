// Package layout names logs as paths, one level per part of an attempt's name as Airflow
// has them, for drivers that keep logs in files or in objects:
//
//	dag_id=D/run_id=R/task_id=T/attempt=1.log
//	dag_id=D/run_id=R/task_id=T/map_index=0/attempt=1.log
//
// It reads and writes nothing.
package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/run"
)

// The levels of a path, Airflow's.
const (
	DAG  = "dag_id="
	Run  = "run_id="
	Task = "task_id="
	Map  = "map_index="
	// Attempts begins the names of logs, below the folder of their instance.
	Attempts = "attempt="
)

const (
	suffix = ".log"
	// hashMark stands between what is kept of a long id and its hash; an escaped id cannot
	// contain it.
	hashMark = "%~"
)

// IDFile is the name of what holds the whole id, in a folder whose name has a hash.
const IDFile = ".id"

// Limit is how long the names of folders may be.
type Limit struct {
	// Max is how many bytes an escaped id may have, without its level.
	Max int
	// Kept is how much of a longer one is kept for people, before its hash; the whole name
	// has 34 bytes more.
	Kept int
}

// Folder is one level of a path.
type Folder struct {
	// Name is the name of the folder.
	Name string
	// ID is the whole id, if only its hash is in Name, and empty otherwise.
	ID string
}

// Folders are the levels of an instance, outermost first.
func (l Limit) Folders(k run.Key) []Folder {
	out := []Folder{l.Folder(DAG, k.DAG), l.Folder(Run, k.Run), l.Folder(Task, k.Task)}
	if k.Map != run.Unmapped {
		out = append(out, Folder{Name: MapFolder(k.Map)})
	}
	return out
}

// Folder is the folder of an id.
func (l Limit) Folder(level, id string) Folder {
	s := escape(id)
	if len(s) <= l.Max {
		return Folder{Name: level + s}
	}
	sum := sha256.Sum256([]byte(id))
	kept := s[:l.Kept]
	for !utf8.ValidString(kept) {
		kept = kept[:len(kept)-1]
	}
	return Folder{Name: level + kept + hashMark + hex.EncodeToString(sum[:16]), ID: id}
}

// ParseFolder returns the id of a folder's name. If it is hashed, then the id is what the
// IDFile in it holds. ok is false for names that are not of this level.
func ParseFolder(level, name string) (id string, hashed, ok bool) {
	s, ok := strings.CutPrefix(name, level)
	if !ok {
		return "", false, false
	}
	if strings.Contains(s, hashMark) {
		return "", true, true
	}
	id, ok = unescape(s)
	return id, false, ok
}

// MapFolder is the folder of a map index.
func MapFolder(index int) string { return Map + strconv.Itoa(index) }

// ParseMapFolder returns the map index of a folder's name; ok is false for other names.
func ParseMapFolder(name string) (index int, ok bool) {
	s, ok := strings.CutPrefix(name, Map)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == s
}

// Log is the name of a try's first segment.
func Log(try int) string { return Attempts + strconv.Itoa(try) + suffix }

// Segment is the name of the segment of a try that begins at an offset of its log: that of
// the log, and for later ones a dot and the offset with at least so many digits.
func Segment(try int, offset int64, digits int) string {
	if offset == 0 {
		return Log(try)
	}
	return fmt.Sprintf("%s.%0*d", Log(try), digits, offset)
}

// ParseSegment reads what Segment has written; ok is false for other names.
func ParseSegment(name string, digits int) (try int, offset int64, ok bool) {
	s, ok := strings.CutPrefix(name, Attempts)
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
	return try, offset, Segment(try, offset, digits) == name
}

// Path is the whole path of a log, however long its ids are.
func Path(a run.Attempt) string {
	var b strings.Builder
	for _, f := range (Limit{Max: math.MaxInt}).Folders(a.Key) {
		b.WriteString(f.Name)
		b.WriteByte('/')
	}
	return b.String() + Log(a.Try)
}

// ParsePath reads what Path has written; ok is false for other paths.
func ParsePath(path string) (a run.Attempt, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) < 4 || len(parts) > 5 {
		return run.Attempt{}, false
	}
	a.Map = run.Unmapped
	for i, l := range []struct {
		level string
		id    *string
	}{{DAG, &a.DAG}, {Run, &a.Run}, {Task, &a.Task}} {
		id, hashed, ok := ParseFolder(l.level, parts[i])
		if !ok || hashed {
			return run.Attempt{}, false
		}
		*l.id = id
	}
	if len(parts) == 5 {
		if a.Map, ok = ParseMapFolder(parts[3]); !ok {
			return run.Attempt{}, false
		}
	}
	try, offset, ok := ParseSegment(parts[len(parts)-1], 1)
	a.Try = try
	return a, ok && offset == 0
}

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

// unescape is the inverse of escape; ok is false for what escape does not write.
func unescape(s string) (id string, ok bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 > len(s) {
			return "", false
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), true
}
