// Package metrics counts what a scheduler commits, for Prometheus. It is a package of its own
// because Prometheus's client is large, and a function has nobody to scrape it.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/updraft-dev/updraft/run"
)

// Metrics count commits, and serve the counts with those of the process. They may be used
// concurrently.
type Metrics struct {
	http.Handler

	instances *prometheus.CounterVec
	runs      *prometheus.CounterVec
	duration  prometheus.Histogram
	commits   prometheus.Counter
}

// New returns metrics that have counted nothing.
func New() *Metrics {
	m := &Metrics{
		instances: prometheus.NewCounterVec(prometheus.CounterOpts{
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
	r := prometheus.NewRegistry()
	r.MustRegister(m.instances, m.runs, m.duration, m.commits,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Handler = promhttp.HandlerFor(r, promhttp.HandlerOpts{})
	return m
}

// See counts a commit.
func (m *Metrics) See(batches []run.Batch) {
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
			m.instances.WithLabelValues(c.Want.State.String()).Inc()
			if w := &c.Want; (w.State == run.Success || w.State == run.Failed) && !w.Start.IsZero() && !w.End.IsZero() {
				m.duration.Observe(w.End.Sub(w.Start).Seconds())
			}
		}
	}
}
