package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Metrics count what a scheduler commits, and serve the counts: those of package metrics.
type Metrics interface {
	// See is told each commit. It must not block.
	See(batches []run.Batch)
	http.Handler
}

// condition is how a scheduler is.
type condition struct {
	// ready says that the scheduler works, broken that the store did not in its last turn.
	ready  atomic.Bool
	broken atomic.Bool
	// waiting says that another one works, and this one waits for its turn.
	waiting atomic.Bool
}

// seeStore keeps whether the store works.
func (c *condition) seeStore(err error) { c.broken.Store(err != nil) }

// Status is what /status answers.
type Status struct {
	Release string    `json:"version"`
	At      time.Time `json:"at"`
	DAGs    int       `json:"dags"`
	Paused  int       `json:"paused"`
	// Broken are the files with import errors.
	Broken  []ImportError  `json:"import_errors"`
	Running []run.Run      `json:"unfinished_runs"`
	States  map[string]int `json:"unfinished_task_instances"`
}

// front serves what can be asked of a scheduler.
type front struct {
	server http.Server
	ln     net.Listener // nil until it is started
	ended  chan error
}

func (i *Installation) front(c *condition, m Metrics) *front {
	return &front{
		server: http.Server{Handler: i.handler(c, m), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute},
		ended:  make(chan error, 1),
	}
}

// start listens and serves, if it does not do so already.
func (f *front) start(address string) (err error) {
	if f.ln != nil {
		return nil
	}
	if f.ln, err = net.Listen("tcp", address); err != nil {
		return fmt.Errorf("listen for /health and /metrics: %w (set UPDRAFT_LISTEN to another address)", err)
	}
	go func() { f.ended <- f.server.Serve(f.ln) }()
	return nil
}

func (f *front) address() string { return f.ln.Addr().String() }

// wait returns an error if serving ends before ctx does.
func (f *front) wait(ctx context.Context) error {
	select {
	case err := <-f.ended:
		return fmt.Errorf("serve %s: %w", f.address(), err)
	case <-ctx.Done():
		return nil
	}
}

func (f *front) close() {
	_ = f.server.Close() // who asks just now hears nothing
	if f.ln != nil {
		_ = f.ln.Close() // if it was not served yet
	}
}

// handler serves /health and /status, and /metrics if there are some.
func (i *Installation) handler(c *condition, m Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		if c.waiting.Load() {
			answer(w, http.StatusOK, map[string]any{"metadatabase": health(true), "scheduler": map[string]string{"status": "waiting"}})
			return
		}
		database, scheduler := !c.broken.Load(), c.ready.Load()
		code := http.StatusOK
		if !database || !scheduler {
			code = http.StatusServiceUnavailable
		}
		answer(w, code, map[string]any{"metadatabase": health(database), "scheduler": health(scheduler)})
	})
	if m != nil {
		mux.Handle("GET /metrics", m)
	}
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		s, err := i.status(r)
		if err != nil {
			i.Log.ErrorContext(r.Context(), "answering /status", "error", err)
			answer(w, http.StatusInternalServerError, map[string]string{"detail": "the store did not answer: see the log"})
			return
		}
		answer(w, http.StatusOK, s)
	})
	return mux
}

// health is how Airflow says whether a part is well.
func health(well bool) map[string]string {
	if well {
		return map[string]string{"status": "healthy"}
	}
	return map[string]string{"status": "unhealthy"}
}

// maxStatusRuns bounds the runs that /status shows.
const maxStatusRuns = 100

func (i *Installation) status(r *http.Request) (Status, error) {
	ctx := r.Context()
	s := Status{Release: i.Release, At: i.Now().UTC(), States: map[string]int{}, Running: []run.Run{}}
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListDAGs(ctx, store.DAGFilter{Bare: true}, page)
		if err != nil {
			return s, err
		}
		for _, d := range list.Items {
			s.DAGs++
			if d.State.Paused {
				s.Paused++
			}
		}
		if page.Token = list.Next; page.Token == "" {
			break
		}
	}
	var err error
	if s.Broken, err = i.ImportErrors(ctx); err != nil {
		return s, err
	}
	open := store.RunFilter{States: []run.RunState{run.RunQueued, run.RunRunning}}
	list, err := i.Store.ListRuns(ctx, open, store.Page{Limit: maxStatusRuns})
	if err != nil {
		return s, err
	}
	for _, r := range list.Items {
		data, err := i.Store.Run(ctx, r.ID)
		if err != nil {
			return s, err
		}
		s.Running = append(s.Running, r)
		for n := range data.Instances {
			if st := data.Instances[n].State; !st.Finished() {
				s.States[st.String()]++
			}
		}
	}
	return s, nil
}

// answer writes JSON. An answer that cannot be written has nobody to be told.
func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.Encode(v) //nolint:errcheck // the reader is gone
}
