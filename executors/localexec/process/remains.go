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
	"strings"

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
			errs = append(errs, h.retire(id))
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
	attemptOf := map[string]string{} // by the ids of processes
	for _, e := range entries {
		if attempt, id, ok := identified(e.Name()); ok {
			attemptOf[id] = attempt
		}
	}
	folders, err := filepath.Glob(h.scratch("*"))
	if err != nil {
		return fmt.Errorf("list the folders of processes: %w", err)
	}
	if len(attemptOf)+len(folders) == 0 {
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
	for id, attempt := range attemptOf {
		if kept[attempt] {
			continue
		}
		if err := h.abandon(ctx, id); err != nil {
			return fmt.Errorf("remove what processes have left: %w", err)
		}
	}
	for _, dir := range folders {
		if attempt, _, ok := strings.Cut(strings.TrimPrefix(dir, h.scratch("")), "."); !ok || kept[attempt] {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove what processes have left: %w", err)
		}
	}
	return nil
}

// abandon removes what a process has left. One that may still run is the shepherd's to end,
// which would write down how it ended.
func (h *Host) abandon(ctx context.Context, id string) error {
	s := h.spool(id)
	if _, ended := readExit(s); ended {
		return s.remove(all()...)
	}
	_, err := h.send(ctx, request{Do: "drop", ID: id, Spool: s})
	return err
}

// readExit reads how a process ended. Half of that is the same as nothing.
func readExit(s spool) (x task.Exit, ok bool) {
	b, err := os.ReadFile(s.file(exitFile))
	if err != nil {
		return x, false
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return x, json.Unmarshal(line, &x) == nil
}
