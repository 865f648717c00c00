// Package bag finds the DAG files of a folder and says what changed in them: what to
// store, what is broken and what is gone. It stores nothing itself, and it does not
// know what is in a file: loaders do.
package bag

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/updraft-dev/updraft/dag"
)

// Loader reads one kind of DAG files. It must be safe for concurrent use.
type Loader interface {
	// Accepts says whether a file is of this kind; the path is relative to the folder
	// and has slashes.
	Accepts(path string) bool
	// Load reads a file. With an error, the file is broken; Loaded's Files and Warnings
	// count nevertheless.
	Load(path string, src []byte) (Loaded, error)
}

// Loaded is what a Loader finds in a file.
type Loaded struct {
	DAGs []*dag.DAG
	// Warnings are shown to the author.
	Warnings []error
	// Files are the other files it depends on, there or not: paths that are absolute or
	// relative to the folder.
	Files []string
	// Volatile says that it depends on more than files, such as variables or the
	// environment: it is loaded again every Config.Reread.
	Volatile bool
	// Firm says of an error that only a change of the file or of Files can mend it: it is
	// not looked for every Config.Reread.
	Firm bool
}

// IgnoreSyntax is the language of .airflowignore files.
type IgnoreSyntax string

// The languages of .airflowignore.
const (
	// IgnoreGlob is .gitignore's language, Airflow 3's default.
	IgnoreGlob IgnoreSyntax = "glob"
	// IgnoreRegexp has a regular expression per line, Airflow 2's default.
	IgnoreRegexp IgnoreSyntax = "regexp"
)

// Config says where the files are and how to read them.
type Config struct {
	// Dir is the folder; it has to be there.
	Dir string
	// Loaders are asked in order; the first that accepts a file reads it.
	Loaders []Loader
	// Ignore is the language of .airflowignore; empty means IgnoreGlob.
	Ignore IgnoreSyntax
	// State is what State returned earlier, so that unchanged files are not read again;
	// nil, or one of another Fingerprint, reads all files.
	State []byte
	// Fingerprint names all that decides how a file is read: release, catalog, options.
	Fingerprint string
	// Now is the clock; needed.
	Now func() time.Time
	// Workers is how many files are read at once; 0 is one per core.
	Workers int
	// Debounce is how long Watch waits for more changes; 0 is 100 ms.
	Debounce time.Duration
	// Poll is how often Watch looks where the system does not report changes; 0 is 500 ms.
	Poll time.Duration
	// Reread is how often files that are broken or volatile are loaded again, by the scan
	// that comes next; 0 is 30 s.
	Reread time.Duration
	// Resync is how often Watch looks anyway; 0 is 10 s.
	Resync time.Duration
	// OnWatchError is told why Watch has to poll; nil ignores it.
	OnWatchError func(error)
}

// Changes is what happened since the last scan, each list sorted by path.
type Changes struct {
	// Upserted are new and changed files that could be read.
	Upserted []File
	// Broken are files that cannot be read (any more), or whose fault is another one now.
	// What they had before goes on.
	Broken []Broken
	// Gone are files that are not there any more.
	Gone []Gone
}

// Empty says that nothing happened.
func (c Changes) Empty() bool { return len(c.Upserted)+len(c.Broken)+len(c.Gone) == 0 }

// File is a file that could be read.
type File struct {
	Path string
	DAGs []*dag.DAG
	// Stale are the ids of the DAGs that the file had and has no more, unless another
	// file has them now.
	Stale    []string
	Warnings []error
}

// Broken is a file with an import error.
type Broken struct {
	Path string
	Err  error
	// DAGIDs are the DAGs of its last good version, which stay.
	DAGIDs []string
	// Since is when the file broke; it stays when the fault becomes another one.
	Since time.Time
}

// Gone is a file that was deleted, or is ignored now.
type Gone struct {
	Path string
	// DAGIDs are its DAGs, unless another file has them now.
	DAGIDs []string
}

// DuplicateError says that two files define the same DAG.
type DuplicateError struct {
	DAGID string
	// Path is the file that is refused, Other the one that defines the DAG.
	Path, Other string
}

// Error names both files.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s: DAG %q is already defined in %s: rename one of them", e.Path, e.DAGID, e.Other)
}

// Bag is a folder of DAG files. It is safe for concurrent use.
type Bag struct {
	c    Config
	mu   sync.Mutex
	recs map[string]*record
	// deps are the files that others depend on, as of the last scan.
	deps map[string]dep
	// prefix is what absolute paths in the folder begin with.
	prefix string
	// dirs are the folders to watch, as of the last scan.
	dirs       []string
	readFile   func(string) ([]byte, error)
	newWatcher func() (*fsnotify.Watcher, error)
}

// record is what is known of a file between scans. It is not changed.
type record struct {
	Stamp stamp  `json:"stamp"`
	Hash  string `json:"hash"`
	// DAGIDs are those of the last good version.
	DAGIDs []string `json:"dag_ids,omitempty"`
	// Err is the import error's text, if the present version is broken.
	Err string `json:"error,omitempty"`
	// Since is when the file broke.
	Since time.Time `json:"since,omitzero"`
	// Rival is the file that has one of its DAG ids, when that is what is wrong.
	Rival    *rival   `json:"rival,omitempty"`
	Deps     []string `json:"deps,omitempty"`
	Volatile bool     `json:"volatile,omitempty"`
	Firm     bool     `json:"firm,omitempty"`
	Content  string   `json:"content,omitempty"`
	err      error
	// read is when this process read the file.
	read time.Time
}

// rival is a file that has a DAG which another file defines, too.
type rival struct {
	Path  string `json:"path"`
	DAGID string `json:"dag_id"`
}

// dep is a file that DAG files depend on.
type dep struct {
	There bool   `json:"there,omitempty"`
	Stamp stamp  `json:"stamp,omitzero"`
	Hash  string `json:"hash,omitempty"`
	// Late is set when it was first looked at after a loader had read it, and could have
	// changed in between.
	Late bool `json:"late,omitempty"`
}

// savedState is the JSON of State.
type savedState struct {
	Version     int                `json:"version"`
	Fingerprint string             `json:"fingerprint"`
	Files       map[string]*record `json:"files"`
	Deps        map[string]dep     `json:"deps,omitempty"`
}

// stateVersion is the format of State.
const stateVersion = 2

// Open checks the configuration; it reads no DAG file. A state that cannot be used is
// ignored, because all it saves is time.
func Open(c Config) (*Bag, error) {
	if c.Now == nil {
		return nil, errors.New("open DAG folder: Config.Now is missing")
	}
	if info, err := os.Stat(c.Dir); err != nil {
		return nil, fmt.Errorf("open DAG folder: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("open DAG folder: %s is not a folder", c.Dir)
	}
	switch c.Ignore {
	case "":
		c.Ignore = IgnoreGlob
	case IgnoreGlob, IgnoreRegexp:
	default:
		return nil, fmt.Errorf("open DAG folder: unknown syntax %q of .airflowignore: use glob or regexp", c.Ignore)
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	for _, d := range []struct {
		at       *time.Duration
		default_ time.Duration
	}{{&c.Debounce, 100 * time.Millisecond}, {&c.Poll, 500 * time.Millisecond}, {&c.Resync, 10 * time.Second}, {&c.Reread, 30 * time.Second}} {
		if *d.at <= 0 {
			*d.at = d.default_
		}
	}
	b := &Bag{c: c, recs: make(map[string]*record), readFile: os.ReadFile, newWatcher: fsnotify.NewWatcher, prefix: filepath.ToSlash(filepath.Clean(c.Dir)) + "/"}
	b.restore(c.State)
	b.c.State = nil
	return b, nil
}

// restore takes over what an earlier process knew, if it can be used.
func (b *Bag) restore(state []byte) {
	var saved savedState
	if json.Unmarshal(state, &saved) != nil || saved.Version != stateVersion || saved.Fingerprint != b.c.Fingerprint {
		return
	}
	for path, r := range saved.Files {
		if r == nil {
			continue
		}
		if r.Err != "" {
			r.err = errors.New(r.Err)
		}
		b.recs[path] = r
	}
	b.deps = saved.Deps
}

// State is what the bag knows, for the next process's Config.
func (b *Bag) State() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return json.Marshal(savedState{Version: stateVersion, Fingerprint: b.c.Fingerprint, Files: b.recs, Deps: b.deps})
}

// Errors are the files that are broken as of the last scan, sorted by path. Before the
// first scan, those of Config.State are known by their text only.
func (b *Bag) Errors() []Broken {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Broken
	for _, path := range sortedKeys(b.recs) {
		if r := b.recs[path]; r.err != nil {
			out = append(out, r.broken(path))
		}
	}
	return out
}

// Paths are the DAG files as of the last scan, sorted.
func (b *Bag) Paths() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return sortedKeys(b.recs)
}

func sortedKeys(recs map[string]*record) []string { return slices.Sorted(maps.Keys(recs)) }

func (r *record) broken(path string) Broken {
	return Broken{Path: path, Err: r.err, DAGIDs: slices.Clone(r.DAGIDs), Since: r.Since}
}

func (b *Bag) loader(path string) Loader {
	for _, l := range b.c.Loaders {
		if l.Accepts(path) {
			return l
		}
	}
	return nil
}

// abs is where a path relative to the folder, or an absolute one, is.
func (b *Bag) abs(path string) string {
	if filepath.IsAbs(path) || strings.HasPrefix(path, "/") {
		return path
	}
	return filepath.Join(b.c.Dir, filepath.FromSlash(path))
}
