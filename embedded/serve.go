package embedded

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// metrics counts what the engine commits.
type metrics struct {
	// ready says that the scheduler works, broken that the store did not in its last turn.
	ready    atomic.Bool
	broken   atomic.Bool
	registry *prometheus.Registry
	ended    *prometheus.CounterVec
	runs     *prometheus.CounterVec
	duration prometheus.Histogram
	commits  prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "updraft_task_instances_total", Help: "Task instances that changed to a state.",
		}, []string{"state"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "updraft_dag_runs_total", Help: "DAG runs that changed to a state.",
		}, []string{"state"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "updraft_task_duration_seconds", Help: "Duration of attempts that succeeded or failed.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 12),
		}),
		commits: prometheus.NewCounter(prometheus.CounterOpts{Name: "updraft_commits_total", Help: "Commits of the scheduler."}),
	}
	m.registry.MustRegister(m.ended, m.runs, m.duration, m.commits,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// seeStore keeps whether the store works.
func (m *metrics) seeStore(err error) { m.broken.Store(err != nil) }

// see counts a commit.
func (m *metrics) see(batches []run.Batch) {
	m.commits.Inc()
	for _, b := range batches {
		if u := b.Update; u != nil && u.Want.State != u.State {
			m.runs.WithLabelValues(string(u.Want.State)).Inc()
		}
		for i := range b.Changes {
			c := &b.Changes[i]
			if c.Gone || c.Want.State == c.If.State && !c.If.Absent {
				continue
			}
			m.ended.WithLabelValues(c.Want.State.String()).Inc()
			if w := &c.Want; (w.State == run.Success || w.State == run.Failed) && !w.Start.IsZero() && !w.End.IsZero() {
				m.duration.Observe(w.End.Sub(w.Start).Seconds())
			}
		}
	}
}

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

// handler serves /health, /metrics and /status.
func (i *Installation) handler(m *metrics) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		database, scheduler := !m.broken.Load(), m.ready.Load()
		code := http.StatusOK
		if !database || !scheduler {
			code = http.StatusServiceUnavailable
		}
		answer(w, code, map[string]any{"metadatabase": health(database), "scheduler": health(scheduler)})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
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
