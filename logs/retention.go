package logs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Retention says which logs are kept. Zero fields keep everything.
type Retention struct {
	// Before removes logs that were last written to before then.
	Before time.Time
	// Size removes the oldest logs until the rest is at most this many bytes.
	Size int64
}

// Removed says what was removed.
type Removed struct {
	Logs  int
	Bytes int64
}

// abandoned is how long a log that nobody has closed must be silent to count as one
// whose writer has died.
const abandoned = 7 * 24 * time.Hour

// Clean removes logs by age and by size, oldest first. A log that is being written to
// stays. Errors with single logs do not keep it from removing others.
func (l *Logs) Clean(ctx context.Context, keep Retention) (Removed, error) {
	all, err := l.List(ctx, Scope{})
	slices.SortStableFunc(all, func(a, b Info) int { return a.Modified.Compare(b.Modified) })
	var size int64
	for i := range all {
		size += all[i].Size()
	}
	var done Removed
	errs := []error{err}
	for i := range all {
		info := &all[i]
		old := info.Modified.Before(keep.Before)
		if !old && (keep.Size <= 0 || size <= keep.Size) {
			break
		}
		if ctx.Err() != nil {
			return done, context.Cause(ctx)
		}
		removed, err := l.removeIdle(ctx, info, keep.Before)
		if err != nil {
			errs = append(errs, err)
		}
		if removed {
			size -= info.Size()
			done.Logs++
			done.Bytes += info.Size()
		}
	}
	return done, errors.Join(errs...)
}

// removeIdle removes a log unless it is written to.
func (l *Logs) removeIdle(ctx context.Context, info *Info, before time.Time) (bool, error) {
	now, err := l.d.Stat(ctx, info.Attempt)
	if errors.Is(err, ErrNotFound) {
		if info.Size() == 0 && info.Modified.Before(before) {
			err = l.d.Remove(ctx, info.Attempt) // what a writer left that died before it could write
		} else {
			err = nil
		}
		return false, err
	}
	if err != nil {
		return false, fmt.Errorf("look for the log of %s: %w", info.Attempt, err)
	}
	if !now.Closed && !now.Modified.Before(before.Add(-abandoned)) {
		return false, nil
	}
	if err := l.d.Remove(ctx, info.Attempt); err != nil {
		return false, fmt.Errorf("remove the log of %s: %w", info.Attempt, err)
	}
	return true, nil
}

// Delete removes the logs of a scope, also those that are written to, and says how
// many there were. The scope must name a DAG: to remove all logs, use Clean.
func (l *Logs) Delete(ctx context.Context, s Scope) (Removed, error) {
	if s.DAG == "" {
		return Removed{}, errors.New("delete logs: name a DAG")
	}
	all, err := l.List(ctx, s)
	var done Removed
	errs := []error{err}
	for i := range all {
		if ctx.Err() != nil {
			return done, context.Cause(ctx)
		}
		if err := l.d.Remove(ctx, all[i].Attempt); err != nil {
			errs = append(errs, fmt.Errorf("remove the log of %s: %w", all[i].Attempt, err))
			continue
		}
		done.Logs++
		done.Bytes += all[i].Size()
	}
	return done, errors.Join(errs...)
}
