package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
)

// leaseName begins the names of the Leases by which controllers elect their leader.
const leaseName = "updraft-controller-"

// Options say how a controller works, beside the settings of its installation.
type Options struct {
	Client kubernetes.Interface
	// Namespace is this process's own: pods are made there, unless the settings name another.
	Namespace string
	// Identity is this process's name among controllers; its host and process id if empty.
	Identity string
	// Lease is after how long a leader that is dead is replaced; 0 is kubeexec's default.
	Lease time.Duration
	// Sweep is how often all pods are looked at; 0 is kubeexec's default.
	Sweep time.Duration
	// Pods, if set, changes what the settings say of pods.
	Pods func(*kubepod.Config)
}

// Controller takes attempts from the queue of the kubernetes executor, has pods made for
// them, and tells the installation how pods have ended that did not tell it themselves. Any
// number of them may run: one at a time works.
type Controller struct {
	f     *embedded.Function
	o     Options
	exec  *kubeexec.Executor
	log   *slog.Logger
	held  holds
	ready chan struct{}
	once  sync.Once

	mu     sync.Mutex
	leader string
	leads  bool
	began  time.Time
	// starts is what starts attempts: exec, or the warm mode over it.
	starts executors.Dispatcher
	// spare is until when no long-lived worker is made.
	spare time.Time
}

// Open makes a controller of an installation. It calls nobody.
func Open(f *embedded.Function, o Options) (*Controller, error) {
	pods, err := Pods(f.Config, o.Namespace)
	if err != nil {
		return nil, err
	}
	if o.Pods != nil {
		o.Pods(&pods)
	}
	b, err := kubepod.New(pods)
	if err != nil {
		return nil, err
	}
	if o.Identity == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("find a name for this controller: %w", err)
		}
		o.Identity = fmt.Sprintf("%s_%d", host, os.Getpid())
	}
	c := f.Config
	exec, err := kubeexec.Open(kubeexec.Config{
		Client: o.Client, Pods: b, Namespace: pods.Namespace, Installation: pods.Installation,
		MaxPods: c.Int("kubernetes_max_pods"), Parallel: c.Int("kubernetes_worker_pods_creation_batch_size"), Parallelism: c.Int("parallelism"),
		PendingTimeout: c.Duration("kubernetes_pending_timeout"), KeepSucceeded: c.Duration("kubernetes_keep_succeeded"),
		KeepFailed: c.Duration("kubernetes_keep_failed"), Sweep: o.Sweep, Now: f.Now, Log: f.Log,
	})
	if err != nil {
		return nil, err
	}
	return &Controller{f: f, o: o, exec: exec, log: f.Log, ready: make(chan struct{})}, nil
}

// Run works until ctx ends, as long as this is the leader; see kubeexec.Lead. What it has
// begun goes on without it: pods run and report by themselves, and the next controller finds
// them.
func (c *Controller) Run(ctx context.Context) error {
	return kubeexec.Lead(ctx, kubeexec.LeadConfig{
		Client: c.o.Client, Namespace: c.exec.Namespace(), Name: leaseName + c.f.Config.Text("kubernetes_installation"), Identity: c.o.Identity,
		Lease: c.o.Lease, OnChange: c.follow,
	}, c.lead)
}

// Ready is closed once the controller leads and knows the pods that there are.
func (c *Controller) Ready() <-chan struct{} { return c.ready }

// follow notes who leads.
func (c *Controller) follow(identity string) {
	c.log.Info("leader is elected", "leader", identity, "self", c.o.Identity)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = identity
}

// lead is the work of the leader.
func (c *Controller) lead(ctx context.Context) (err error) {
	q, err := c.f.Queue(ctx, executors.Kubernetes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	w, err := c.warm(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.leads, c.began, c.starts = true, c.f.Now(), c.exec
	if w != nil {
		c.starts = w
	}
	c.mu.Unlock()
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return c.exec.Run(ctx, c) })
	all.Go(func() error { return c.take(ctx, q) })
	all.Go(func() error { return c.retry(ctx, q) })
	all.Go(func() error { return c.tellWaits(ctx) })
	if w != nil {
		defer func() { err = errors.Join(err, w.queue.Close()) }()
		all.Go(func() error { return c.scale(ctx, w) })
	}
	err = all.Wait()
	c.mu.Lock()
	c.leads = false
	c.mu.Unlock()
	return err
}

// announce says once that the controller works.
func (c *Controller) announce() { c.once.Do(func() { close(c.ready) }) }

// invocation names this controller where it claims what cannot be started.
func (c *Controller) invocation() embedded.Invocation {
	return embedded.Invocation{Name: "controller/" + c.o.Identity, Place: executors.Kubernetes, Begun: c.began}
}
