package kube

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/queue"
)

// health is what /health and /ready answer.
type health struct {
	// Leader is the controller that works, Leads says that it is this one, Synced that it
	// knows the pods that there are.
	Leader string `json:"leader"`
	Leads  bool   `json:"leads"`
	Synced bool   `json:"synced"`
}

func (c *Controller) health() health {
	c.mu.Lock()
	defer c.mu.Unlock()
	return health{Leader: c.leader, Leads: c.leads, Synced: c.exec.Synced()}
}

// Handler serves /health, which says that the process lives, /ready, which says that it
// works or that another controller does, and /metrics for Prometheus.
func (c *Controller) Handler() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newCollector(c))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.health()) })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		h, code := c.health(), http.StatusOK
		if h.Leader == "" || h.Leads && !h.Synced {
			code = http.StatusServiceUnavailable
		}
		answer(w, code, h)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	return mux
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

// collector reads everything when it is asked for.
type collector struct {
	c      *Controller
	depths depths

	pods, created, creating, refused, deleted, orphans, ended, lists, watches, waiting, held, leads, depth *prometheus.Desc
}

func newCollector(c *Controller) *collector {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("updraft_"+name, help, labels, nil)
	}
	return &collector{
		c: c, depths: depths{c: c, open: map[string]*queue.Queue{}},
		pods:     d("kubernetes_pods", "Pods of this installation, by phase.", "phase"),
		created:  d("kubernetes_pods_created_total", "Pods that this controller has made."),
		creating: d("kubernetes_pod_creation_seconds_total", "Time that their creations have taken together."),
		refused:  d("kubernetes_pods_refused_total", "Pods that the API server has not taken."),
		deleted:  d("kubernetes_pods_deleted_total", "Pods that were deleted after their end."),
		orphans:  d("kubernetes_pods_orphaned_total", "Pods that were ended because their attempts did not need them any more."),
		ended:    d("kubernetes_pods_ended_total", "Pods that have ended, by cause; that is none if the runner has reported.", "cause"),
		lists:    d("kubernetes_lists_total", "How often the pods were listed."),
		watches:  d("kubernetes_watches_total", "How often a watch of the pods was begun: one that ends is one more."),
		waiting:  d("kubernetes_pods_waiting", "Pods that have not started for some seconds."),
		held:     d("kubernetes_attempts_held", "Attempts for which there can be no pod at present."),
		leads:    d("kubernetes_leader", "1 if this controller is the one that works."),
		depth:    d("queue_depth", "Messages in a queue that are ready to be received.", "queue"),
	}
}

// Describe implements prometheus.Collector.
func (x *collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(x, to) }

// Collect implements prometheus.Collector.
func (x *collector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	s := x.c.exec.Stats()
	for phase, n := range s.Pods {
		gauge(x.pods, float64(n), phase)
	}
	count(x.created, float64(s.Created))
	count(x.creating, s.Creating.Seconds())
	count(x.refused, float64(s.Refused))
	count(x.deleted, float64(s.Deleted))
	count(x.orphans, float64(s.Orphans))
	count(x.ended, float64(s.Succeeded), "")
	for cause, n := range s.Failed {
		count(x.ended, float64(n), cause)
	}
	count(x.lists, float64(s.Lists))
	count(x.watches, float64(s.Watches))
	gauge(x.waiting, float64(s.Waiting))
	gauge(x.held, float64(x.c.held.len()))
	leads := 0.0
	if x.c.health().Leads {
		leads = 1
	}
	gauge(x.leads, leads)
	for name, n := range x.depths.read() {
		gauge(x.depth, float64(n), name)
	}
}

const (
	// depthTime bounds how long the queues are asked.
	depthTime = 5 * time.Second
	// depthFresh is for how long an answer counts: several scrapers ask, and services charge.
	depthFresh = 5 * time.Second
	// namesFresh is for how long the names of queues count, for which all DAGs are read.
	namesFresh = 5 * time.Minute
)

// depths are how much is ready in the queues of the installation: that of the controller and
// those that workers serve, for what scales these.
type depths struct {
	c *Controller

	mu    sync.Mutex
	open  map[string]*queue.Queue
	names []string
	named time.Time
	at    time.Time
	last  map[string]int
}

func (d *depths) read() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.c.f.Now()
	if now.Sub(d.at) < depthFresh {
		return d.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), depthTime)
	defer cancel()
	if d.names == nil || now.Sub(d.named) > namesFresh {
		names, err := d.c.f.QueueNames(ctx)
		if err != nil {
			d.c.log.WarnContext(ctx, "reading the names of queues", "error", err)
		}
		d.names, d.named = append(names, executors.Kubernetes), now
		slices.Sort(d.names)
		d.names = slices.Compact(d.names)
	}
	out := map[string]int{}
	for _, name := range d.names {
		n, err := d.ready(ctx, name)
		if err != nil {
			d.c.log.DebugContext(ctx, "reading the depth of a queue", "queue", name, "error", err)
			continue // there need not be one of each name
		}
		out[name] = n
	}
	d.at, d.last = now, out
	return out
}

func (d *depths) ready(ctx context.Context, name string) (int, error) {
	q := d.open[name]
	if q == nil {
		var err error
		if q, err = d.c.f.Queue(context.WithoutCancel(ctx), name); err != nil {
			return 0, err
		}
		d.open[name] = q
	}
	s, err := q.Stats(ctx)
	return s.Ready, err
}
