//go:build unix

package process

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/updraft-dev/updraft/task"
)

// maxFree bounds what a shelf holds, of each kind.
const maxFree = 64

// shelf holds files and folders of processes that are over, for those that come: to make
// them, and to remove them again, takes longer than to start a program. They have the names
// that they had, so that Retain finds those of a host that was killed.
type shelf struct {
	mu   sync.Mutex
	free map[string][]string // by kind
}

// scratchKind are folders of processes; the other kinds are those of spools.
const scratchKind = "scratch"

// take gives something to a new owner, if there is any.
func (s *shelf) take(kind, path string) bool {
	for {
		s.mu.Lock()
		n := len(s.free[kind])
		if n == 0 {
			s.mu.Unlock()
			return false
		}
		old := s.free[kind][n-1]
		s.free[kind] = s.free[kind][:n-1]
		s.mu.Unlock()
		if os.Rename(old, path) == nil { // or somebody has cleaned up
			return true
		}
	}
}

// put takes what is as good as new; false if there is enough.
func (s *shelf) put(kind, path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free[kind]) >= maxFree {
		return false
	}
	s.free[kind] = append(s.free[kind], path)
	return true
}

// close removes all there is.
func (s *shelf) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, paths := range s.free {
		for _, p := range paths {
			if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	s.free = map[string][]string{}
	return errors.Join(errs...)
}

// retire removes what a process has left, or makes it ready for another.
func (h *Host) retire(id string) error {
	s := h.spool(id)
	gone := []string{offsetFile, lostFile}
	for _, kind := range []string{exitFile, outFile} { // an empty exitFile is the same as none
		if !emptied(s.file(kind)) || !h.shelf.put(kind, s.file(kind)) {
			gone = append(gone, kind)
		}
	}
	return s.remove(gone...)
}

// reuse gives a process files of another, unless it has some: it runs, or has run.
func (h *Host) reuse(s spool) {
	if _, err := os.Lstat(s.file(outFile)); errors.Is(err, os.ErrNotExist) {
		h.shelf.take(outFile, s.file(outFile))
		h.shelf.take(exitFile, s.file(exitFile))
	}
}

// scratch is the folder that a process has to itself. It is where temporary files are: the
// user may have said so because there is room.
func (h *Host) scratch(id string) string {
	return filepath.Join(os.TempDir(), "updraft-"+short(h.cfg.Dir)+"."+id)
}

// makeScratch makes that folder, or takes the one that is there from before the worker was
// restarted.
func (h *Host) makeScratch(id string) (dir string, err error) {
	dir = h.scratch(id)
	if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) && h.shelf.take(scratchKind, dir) {
		return dir, nil
	}
	return dir, task.OwnFolder(dir)
}

// removeScratch removes the folder of a process that has ended, and what is in it.
func (h *Host) removeScratch(id string) error {
	dir := h.scratch(id)
	if untouched(dir) && h.shelf.put(scratchKind, dir) {
		return nil
	}
	return os.RemoveAll(dir)
}

// untouched says that a folder is as it was made.
func untouched(dir string) bool {
	st, err := os.Lstat(dir)
	if err != nil || st.Mode() != os.ModeDir|0o700 {
		return false
	}
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.Readdirnames(1)
	return errors.Is(err, io.EOF)
}
