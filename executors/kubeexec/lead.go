package kubeexec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// LeadConfig says among whom a leader is elected.
type LeadConfig struct {
	Client kubernetes.Interface
	// Namespace and Name are those of the Lease, Identity is this process's, and nobody
	// else's.
	Namespace, Name, Identity string
	// Lease is after how long a leader that is dead is replaced; 0 means DefaultLease.
	Lease time.Duration
	// OnChange, if set, is told who leads.
	OnChange func(identity string)
}

// DefaultLease is Kubernetes' own for its components.
const DefaultLease = 15 * time.Second

// ErrNotLeader says that this process is not the leader any more: another one is, or the API
// server could not be reached for too long. It is to end, and to be started again.
var ErrNotLeader = errors.New("this controller is not the leader any more")

// Lead waits until this process is the leader, and calls lead. It returns what lead does,
// ErrNotLeader if lead returned because another process may be the leader by now, and nil
// when ctx ends.
//
// Two leaders for a moment do no harm: the pod of an attempt is one pod whoever makes it, and
// an end that is told twice is told once.
func Lead(ctx context.Context, c LeadConfig, lead func(context.Context) error) error {
	if c.Lease == 0 {
		c.Lease = DefaultLease
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, c.Namespace, c.Name, c.Client.CoreV1(), c.Client.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: c.Identity})
	if err != nil {
		return fmt.Errorf("elect a leader: %w", err)
	}
	led := make(chan context.Context, 1)
	e, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: c.Lease, RenewDeadline: c.Lease * 2 / 3, RetryPeriod: c.Lease * 2 / 15,
		ReleaseOnCancel: true, Name: c.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { led <- ctx },
			OnStoppedLeading: func() {},
			OnNewLeader: func(identity string) {
				if c.OnChange != nil {
					c.OnChange(identity)
				}
			},
		},
	})
	if err != nil {
		return fmt.Errorf("elect a leader: %w", err)
	}
	electing, give := context.WithCancel(ctx)
	defer give()
	over := make(chan struct{})
	go func() {
		defer close(over)
		e.Run(electing)
	}()
	select {
	case leading := <-led:
		err = lead(leading)
		give()
		<-over
	case <-over: // it never led, or not for long enough to begin anything
	}
	if err == nil && ctx.Err() == nil {
		return ErrNotLeader
	}
	return err
}
