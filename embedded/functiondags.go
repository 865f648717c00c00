package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// Source is where DAG files come from, if it is not a folder of this machine.
type Source interface {
	// Sync makes a folder what the source is, reading only what has changed, and returns
	// its version, which is another one after every change.
	Sync(ctx context.Context, dir string) (version string, err error)
}

// bucketState is the id under which the version of the source is kept that was read last.
const bucketState = "source"

// Process reads the DAG files that have changed at their source, and stores what is in
// them. Another process that does so looks again in this one's place.
func (f *Function) Process(ctx context.Context, inv Invocation) error {
	if f.source == nil {
		return errors.New("setting dag_source is empty: say where DAG files come from")
	}
	g := &tick.Guard{Store: f.Store, Now: f.Now, Of: processors, Name: inv.guardName(), Lease: processing}
	inside, err := g.Enter(ctx)
	if err != nil || !inside {
		return err
	}
	stop := f.renew(ctx, g)
	defer stop()
	for left := false; err == nil && !left; {
		if _, err = f.processOnce(ctx); err != nil {
			// The call is tried again, and then sees what others have left word of.
			return errors.Join(err, g.Quit(context.WithoutCancel(ctx)))
		}
		left, _, err = g.Leave(context.WithoutCancel(ctx), time.Time{})
	}
	return err
}

// processing is for how long a reader of DAG files that has died keeps others out, who are
// called by the change that it died of: Lambda calls again after a minute.
const processing = 30 * time.Second

// renew keeps a right until it is stopped.
func (f *Function) renew(ctx context.Context, g *tick.Guard) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			if sleep(ctx, g.Lease/3) != nil {
				return
			}
			if _, err := g.Renew(ctx); err != nil && ctx.Err() == nil {
				f.Log.WarnContext(ctx, "renewing the right to read DAG files", "error", err)
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

func (f *Function) processOnce(ctx context.Context) (Synced, error) {
	version, err := f.source.Sync(ctx, f.Config.Text("dags"))
	if err != nil {
		return Synced{}, err
	}
	files, err := f.Folder(ctx)
	if err != nil {
		return Synced{}, err
	}
	synced, err := f.SyncDAGs(ctx, files)
	if err != nil {
		return synced, err
	}
	f.tell(synced)
	if err := f.publish(ctx, version); err != nil {
		return synced, err
	}
	if len(synced.IDs()) > 0 {
		f.Wake()
	}
	return synced, nil
}

// publish has other machines find the DAG files as this one has read them.
func (f *Function) publish(ctx context.Context, version string) error {
	before, err := f.Store.Setting(ctx, store.KindFolder, bucketState)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("read the version of the DAG files: %w", err)
	}
	_, old, _ := strings.Cut(string(before.Value), " ")
	id, err := f.sources().Pack(ctx, f.Config.Text("dags"), old)
	if err != nil && !errors.Is(err, source.ErrAlone) {
		f.Log.WarnContext(ctx, "packing the DAG files; workers read each from the source", "error", err)
	}
	now := processed(version, id)
	err = f.Store.PutSetting(ctx, store.KindFolder, store.Setting{ID: bucketState, Value: []byte(now), At: f.Now()})
	if err != nil {
		return fmt.Errorf("store the version of the DAG files: %w", err)
	}
	f.folder = now
	if old != "" && old != id { // a worker that is about to ask for it reads file by file
		if err := f.sources().Remove(ctx, old); err != nil {
			f.Log.WarnContext(ctx, "removing the DAG files that were packed before; they stay", "error", err)
		}
	}
	return nil
}

// Serve is Worker for a process that has its DAG files from a source: it has them as they
// are when a task begins.
func (f *Function) Serve(ctx context.Context, o WorkerOptions) error {
	if err := f.follow(ctx); err != nil {
		return err
	}
	var one sync.Mutex
	o.before = func(ctx context.Context) {
		one.Lock()
		defer one.Unlock()
		if err := f.follow(ctx); err != nil {
			f.Log.WarnContext(ctx, "reading the DAG files; the task has those of before", "error", err)
		}
	}
	return f.Worker(ctx, o)
}

// follow has this process have the DAG files that were processed last: tasks in Python,
// scripts and templates are files.
func (f *Function) follow(ctx context.Context) error {
	if f.source == nil {
		return nil
	}
	row, err := f.Store.Setting(ctx, store.KindFolder, bucketState)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil // what the store has came from elsewhere
	case err != nil:
		return fmt.Errorf("read the version of the DAG files: %w", err)
	case string(row.Value) == f.folder:
		return nil
	}
	now := string(row.Value)
	if f.unpack(ctx, now) {
		f.folder = now
		return nil
	}
	version, err := f.source.Sync(ctx, f.Config.Text("dags"))
	switch was, _, _ := strings.Cut(now, " "); {
	case err != nil:
		return err
	case version == was:
		f.folder = now
	default:
		f.folder = version // it has changed since, and is not processed yet
	}
	return nil
}

// processed is how the store has the DAG files that were read last: the version of their
// source, and, if they were packed, the id of that.
func processed(version, pack string) string { return strings.TrimSpace(version + " " + pack) }

// unpack makes the folder what was packed.
func (f *Function) unpack(ctx context.Context, now string) bool {
	_, id, packed := strings.Cut(now, " ")
	if !packed {
		return false
	}
	have, err := f.sources().Unpack(ctx, id, f.Config.Text("dags"), f.unpacked)
	if err != nil {
		f.Log.WarnContext(ctx, "reading the packed DAG files; each is read from the source", "error", err)
		return false
	}
	f.unpacked = have
	return true
}
