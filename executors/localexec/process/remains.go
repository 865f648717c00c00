//go:build unix

package process

import (
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

// again says that this host has seen the process of a command end, and notes that one
// of that name is there from now on.
func (h *Host) again(c task.Command) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	dir, name := folder(c.Attempt), short(c.Name)
	if h.left[dir] == nil {
		h.left[dir] = map[string]bool{}
	}
	seen := h.left[dir][name]
	h.left[dir][name] = false
	return seen
}

// Forget removes what the processes of attempts have left. It is called when their
// reports are durable; until then Exec finds how they ended. For attempts that had no
// process here it costs nothing.
func (h *Host) Forget(attempts ...run.Attempt) error {
	var errs []error
	for _, a := range attempts {
		dir := folder(a)
		h.mu.Lock()
		_, ok := h.left[dir]
		delete(h.left, dir)
		h.mu.Unlock()
		if ok {
			errs = append(errs, os.RemoveAll(filepath.Join(h.cfg.Dir, dir)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove what processes have left: %w", err)
	}
	return nil
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
		kept[folder(a)] = true
	}
	for _, e := range entries {
		if kept[e.Name()] {
			continue
		}
		if err := h.abandon(ctx, e.Name()); err != nil {
			return fmt.Errorf("remove what processes have left: %w", err)
		}
	}
	return nil
}

// abandon ends what may still run for an attempt's folder, and removes it.
func (h *Host) abandon(ctx context.Context, dir string) error {
	names, err := os.ReadDir(filepath.Join(h.cfg.Dir, dir))
	if err != nil {
		return err
	}
	for _, n := range names {
		if _, ended := readExit(filepath.Join(h.cfg.Dir, dir, n.Name())); !ended {
			h.signal(ctx, "kill", filepath.Join(dir, n.Name()))
		}
	}
	// The shepherd may write down the end of one that was killed right now: once each.
	path := filepath.Join(h.cfg.Dir, dir)
	for range len(names) {
		if err = os.RemoveAll(path); !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return os.RemoveAll(path)
}

func readExit(spool string) (x task.Exit, ok bool) {
	b, err := os.ReadFile(filepath.Join(spool, exitFile))
	return x, err == nil && json.Unmarshal(b, &x) == nil
}
