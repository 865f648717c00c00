package kubeexec

import (
	"context"
	"time"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubecause"
	"github.com/updraft-dev/updraft/run"
)

// Owner has the attempts that pods are for.
type Owner interface {
	// Ended is told of a pod that has ended without its runner having reported, or that never
	// will start. It is told again after an error, and after a restart.
	Ended(ctx context.Context, e *Ended) error
	// Needed says of each of these pods whether its attempt waits for it or is executed by it.
	Needed(ctx context.Context, pods []Pod) ([]bool, error)
}

// Pod is a pod as its owner has to know it.
type Pod struct {
	// Attempt is the one that it was made for; zero for a long-lived worker.
	Attempt run.Attempt
	// Name is the pod's, Worker the name in the claims that it makes.
	Name, Worker string
}

// Ended is a pod that has ended, or never will start.
type Ended struct {
	Pod
	kubecause.End
	// LongLived says that it was a worker for many attempts.
	LongLived bool
	// Record reads what the attempt's log lacks: the last output of the container, and the
	// pod's events. It is text in lines, and empty if there is none.
	Record func(ctx context.Context) []byte
}

// Waiting is a pod that has not started, and why.
type Waiting struct {
	Attempt run.Attempt
	Reason  string
	Since   time.Time
}
