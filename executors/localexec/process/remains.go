//go:build unix

package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// again says that this host has seen an attempt's process end, and notes that one of that
// id is there from now on.
func (h *Host) again(a run.Attempt, id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left[a] == nil {
		h.left[a] = map[string]bool{}
	}
	seen := h.left[a][id]
	h.left[a][id] = false
	return seen
}

// Forget removes what the processes of attempts have left. It is called when their
// reports are durable; until then Exec finds how they ended. For attempts that had no
// process here it costs nothing.
func (h *Host) Forget(attempts ...run.Attempt) error {
	var errs []error
	for _, a := range attempts {
		h.mu.Lock()
		ids := h.left[a]
		delete(h.left, a)
		h.mu.Unlock()
		for id := range ids {
			errs = append(errs, removeSpool(filepath.Join(h.cfg.Dir, id)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove what processes have left: %w", err)
	}
	return nil
}

// removeSpool removes the folder of a process that has ended. It usually has these two
// files; to list it first would cost more than to remove them.
func removeSpool(spool string) error {
	for _, name := range []string{outFile, exitFile} {
		if err := syscall.Unlink(filepath.Join(spool, name)); err != nil {
			break // RemoveAll tells
		}
	}
	if syscall.Rmdir(spool) == nil {
		return nil
	}
	return os.RemoveAll(spool)
}

// Retain is called once at the start, before any attempt is: it forgets what a killed
// worker left of all attempts but those that keep answers, and ends processes that
// still run for others, which were cleared or marked meanwhile. Keep is only asked when
// something was left.
func (h *Host) Retain(ctx context.Context, keep func(context.Context) ([]run.Attempt, error)) error {
	entries, err := os.ReadDir(h.cfg.Dir)
	if err != nil {
		return fmt.Errorf("list what processes have left: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() })
	if len(entries) == 0 {
		return nil
	}
	attempts, err := keep(ctx)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, a := range attempts {
		kept[short(a.String())] = true
	}
	for _, e := range entries {
		if kept[attemptOf(e.Name())] {
			continue
		}
		if err := h.abandon(ctx, e.Name()); err != nil {
			return fmt.Errorf("remove what processes have left: %w", err)
		}
	}
	return nil
}

// abandon ends a process that may still run, and removes its folder.
func (h *Host) abandon(ctx context.Context, id string) error {
	path := filepath.Join(h.cfg.Dir, id)
	if _, ended := readExit(path); !ended {
		h.signal(ctx, "kill", id)
	}
	// The shepherd may write down how it ended right now: once.
	if err := os.RemoveAll(path); !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return os.RemoveAll(path)
}

// readExit reads how a process ended. Half of that is the same as nothing.
func readExit(spool string) (x task.Exit, ok bool) {
	b, err := os.ReadFile(filepath.Join(spool, exitFile))
	if err != nil {
		return x, false
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return x, json.Unmarshal(line, &x) == nil
}
