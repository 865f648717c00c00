package filelogs

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"

	"github.com/updraft-dev/updraft/logs/layout"
	"github.com/updraft-dev/updraft/run"
)

// Watch implements logs.Watcher. It watches the folder, as segments come and go.
func (d *driver) Watch(_ context.Context, a run.Attempt) (<-chan struct{}, func(), error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, err
	}
	if err := w.Add(d.dir(a.Key)); err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	changed := make(chan struct{}, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case e, ok := <-w.Events:
				if !ok {
					return
				}
				if !strings.HasPrefix(filepath.Base(e.Name), layout.Log(a.Try)) {
					continue
				}
			case _, ok := <-w.Errors:
				// Events may have been lost: look.
				if !ok {
					return
				}
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, func() {
		_ = w.Close() // it was for reading
		<-done
	}, nil
}
