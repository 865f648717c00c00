package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// CheckedFile is what CheckFiles found in a DAG file.
type CheckedFile struct {
	// Path is absolute.
	Path string
	DAGs []*dag.DAG
	// Err is why the file cannot be used: dagfile.Problems, or one error about all of it.
	Err      error
	Warnings []error
	// Took is how long it took to read.
	Took time.Duration
}

// CheckFiles reads DAG files and folders of them, and stores nothing. Folders are looked
// through as the DAG folder is. With strict, warnings are errors.
func (i *Installation) CheckFiles(ctx context.Context, paths []string, strict bool) ([]CheckedFile, error) {
	var out []CheckedFile
	var faults []error
	for _, p := range paths {
		files, err := i.checkPath(ctx, p, strict)
		if err != nil {
			faults = append(faults, err)
		}
		out = append(out, files...)
	}
	slices.SortStableFunc(out, func(a, b CheckedFile) int { return cmp.Compare(a.Path, b.Path) })
	out = slices.CompactFunc(out, func(a, b CheckedFile) bool { return a.Path == b.Path })
	refuseDuplicates(out)
	return out, errors.Join(faults...)
}

func (i *Installation) checkPath(ctx context.Context, path string, strict bool) ([]CheckedFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return i.checkFolder(ctx, path, strict)
	}
	dir, rel, err := i.place(path)
	if err != nil {
		return nil, err
	}
	if filepath.IsAbs(rel) {
		rel = filepath.Base(rel)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	loaders, n := i.noted(ctx, dir, strict)
	if !slices.ContainsFunc(loaders, func(l bag.Loader) bool { return l.Accepts(rel) }) {
		return nil, fmt.Errorf("%s is no DAG file: their names end in .yaml, .yml, .py or .zip", path)
	}
	found, err := i.loadWith(loaders, rel, src)
	return []CheckedFile{i.checked(dir, rel, found.DAGs, err, n)}, nil
}

func (i *Installation) checkFolder(ctx context.Context, dir string, strict bool) ([]CheckedFile, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	loaders, n := i.noted(ctx, dir, strict)
	b, err := bag.Open(bag.Config{Dir: dir, Loaders: loaders, Now: i.Now})
	if err != nil {
		return nil, err
	}
	changes, err := b.Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the DAG files: %w", err)
	}
	var out []CheckedFile
	for _, f := range changes.Upserted {
		out = append(out, i.checked(dir, f.Path, f.DAGs, nil, n))
	}
	for _, f := range changes.Broken {
		out = append(out, i.checked(dir, f.Path, nil, f.Err, n))
	}
	return out, nil
}

// checked adds what is worth a warning beyond the file itself: schedules that never come, and
// settings for executors that none has.
func (i *Installation) checked(dir, rel string, dags []*dag.DAG, err error, n *notes) CheckedFile {
	path, warnings := filepath.Join(dir, filepath.FromSlash(rel)), n.warnings[rel]
	for _, d := range dags {
		for _, w := range unreadConfig(d) {
			warnings = append(warnings, fmt.Errorf("%s: DAG %s: %s", path, d.ID, w))
		}
		t, terr := timetable.New(d.Schedule)
		if terr != nil {
			continue // the loader has said so
		}
		for _, w := range timetable.Warnings(t, i.Now()) {
			warnings = append(warnings, fmt.Errorf("%s: DAG %s: schedule: %s", path, d.ID, w))
		}
	}
	return CheckedFile{Path: path, DAGs: dags, Err: err, Warnings: warnings, Took: n.took[rel]}
}

// unreadConfig says what of executor_config no executor reads, which is no error: the file
// may be written for others, too.
func unreadConfig(d *dag.DAG) (out []string) {
	known := executors.ConfigKeys()
	look := func(whose string, values dag.Values) {
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if slices.Contains(known, key) {
				continue
			}
			remedy := cmp.Or(dagfile.Hint(key, known), "known are "+strings.Join(known, ", "))
			out = append(out, fmt.Sprintf("executor_config of %s: no executor reads `%s`: %s", whose, key, remedy))
		}
	}
	look("the DAG", d.ExecutorConfig)
	for _, t := range d.Tasks {
		look("task "+t.ID, t.ExecutorConfig)
	}
	return out
}

// refuseDuplicates makes DAGs that two files define an error of the second. Within a
// folder the folder's scan has done so.
func refuseDuplicates(files []CheckedFile) {
	first := map[string]string{}
	for n := range files {
		for _, d := range files[n].DAGs {
			if other, ok := first[d.ID]; ok && other != files[n].Path {
				files[n].Err = &bag.DuplicateError{DAGID: d.ID, Path: files[n].Path, Other: other}
				continue
			}
			first[d.ID] = files[n].Path
		}
	}
}

// notes are what loaders said of files: how long they took, and what their authors should
// know even though something else is wrong.
type notes struct {
	now func() time.Time

	mu       sync.Mutex
	took     map[string]time.Duration
	warnings map[string][]error
}

// noting is a loader that keeps notes.
type noting struct {
	bag.Loader
	*notes
}

// Load implements bag.Loader.
func (n noting) Load(path string, src []byte) (bag.Loaded, error) {
	from := n.now()
	out, err := n.Loader.Load(path, src)
	took := n.now().Sub(from)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.took[path], n.warnings[path] = took, out.Warnings
	return out, err
}

// noted are the loaders of a folder, keeping notes.
func (i *Installation) noted(ctx context.Context, dir string, strict bool) ([]bag.Loader, *notes) {
	n := &notes{now: i.Now, took: map[string]time.Duration{}, warnings: map[string][]error{}}
	loaders := i.loaders(ctx, dir, strict)
	for k, l := range loaders {
		loaders[k] = noting{l, n}
	}
	return loaders, n
}
