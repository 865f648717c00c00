package kubeexec

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Stats are what an executor has counted since it was opened, and what it sees now.
type Stats struct {
	// Created, Refused, Deleted and Orphans count pods: made, not taken by the API server,
	// deleted after their end, and ended because nobody needed them.
	Created, Refused, Deleted, Orphans int64
	// Creating is the time that all creations have taken together.
	Creating time.Duration
	// Succeeded counts pods whose runner has ended by itself, Failed the others by cause.
	Succeeded int64
	Failed    map[string]int64
	// Lists and Watches count how often pods were listed and watched anew: a watch that ends
	// is one more.
	Lists, Watches int64
	// Pods are those there are, by phase.
	Pods map[string]int
	// Waiting is how many of them have not started for some seconds.
	Waiting int
}

type counters struct {
	made, refused, deleted, orphans, succeeded, lists, watches, nanos atomic.Int64

	mu     sync.Mutex
	causes map[string]int64
}

func (c *counters) init() { c.causes = map[string]int64{} }

func (c *counters) created(took time.Duration) {
	c.made.Add(1)
	c.nanos.Add(int64(took))
}

func (c *counters) failed(cause string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.causes[cause]++
}

// Stats counts.
func (e *Executor) Stats() Stats {
	c := &e.counts
	s := Stats{
		Created: c.made.Load(), Refused: c.refused.Load(), Deleted: c.deleted.Load(), Orphans: c.orphans.Load(),
		Creating: time.Duration(c.nanos.Load()), Succeeded: c.succeeded.Load(), Lists: c.lists.Load(), Watches: c.watches.Load(),
		Pods: map[string]int{},
	}
	c.mu.Lock()
	s.Failed = maps.Clone(c.causes)
	c.mu.Unlock()
	e.mu.Lock()
	s.Waiting = len(e.waits)
	e.mu.Unlock()
	for _, p := range []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodSucceeded, corev1.PodFailed} {
		s.Pods[string(p)] = 0
	}
	for _, pod := range e.list() {
		s.Pods[string(pod.Status.Phase)]++
	}
	return s
}
