//go:build unix

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/run"
)

// workplace is the folder of one worker: what its processes leave there is ended and
// removed by others when it has died.
type workplace struct {
	lock *os.File
	host *process.Host
}

// maxWorkers bounds the workers of one installation.
const maxWorkers = 1000

// workplaces are the folders that workers of the installation have, or have had.
func (i *Installation) workplaces() string { return filepath.Join(i.Config.Home, "workers") }

// workplace takes the first folder that is free, and clears it.
func (i *Installation) workplace() (*workplace, error) {
	for n := 1; n <= maxWorkers; n++ {
		p, err := i.occupy(filepath.Join(i.workplaces(), strconv.Itoa(n)))
		if p != nil || err != nil {
			return p, err
		}
	}
	return nil, fmt.Errorf("%d workers work on %s already: stop some", maxWorkers, i.Config.Home)
}

// occupy takes a folder and clears it; nil if a worker that lives has it.
func (i *Installation) occupy(dir string) (*workplace, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of a worker: %w", err)
	}
	lock, taken, err := lockFile(filepath.Join(dir, "worker.lock"))
	if err != nil {
		return nil, fmt.Errorf("lock the folder of a worker: %w", err)
	}
	if !taken {
		lock.Close()
		return nil, nil
	}
	host, err := process.Open(process.Config{Dir: dir, Shepherd: []string{i.Self, ShepherdCommand, process.Socket(dir)}})
	if err != nil {
		return nil, errors.Join(err, unlockFile(lock))
	}
	p := &workplace{lock: lock, host: host}
	none := func(context.Context) ([]run.Attempt, error) { return nil, nil }
	if err := host.Retain(context.Background(), none); err != nil { // not to be left halfway
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *workplace) close() error { return errors.Join(p.host.Close(), unlockFile(p.lock)) }

// sweep ends what workers that were killed have left running: their attempts are going to
// be executed anew.
func (i *Installation) sweep() error {
	entries, err := os.ReadDir(i.workplaces())
	if err != nil {
		return fmt.Errorf("look for workers that were killed: %w", err)
	}
	var errs []error
	for _, e := range entries {
		p, err := i.occupy(filepath.Join(i.workplaces(), e.Name()))
		if p != nil {
			err = errors.Join(err, p.close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sweepEvery sweeps now and at intervals until stop is called. Done more often than leases
// run out, it comes before somebody else executes the same attempts.
func (i *Installation) sweepEvery(ctx context.Context, interval time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		t := time.NewTicker(interval)
		defer t.Stop()
		for {
			if err := i.sweep(); err != nil {
				i.Log.WarnContext(ctx, "ending what workers have left that were killed", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}
