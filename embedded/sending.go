package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/queue"
)

// workers is the place of those who take attempts from the queues of Scheduler, as settings
// and tasks name it.
const workers = "local"

// WorkersRule is the rule by which Scheduler and Worker share tasks out: to workers, by
// queue, and to Kubernetes, where the setting kubernetes_namespace says that there is one. The
// setting executor says which of them has the tasks that name neither.
func WorkersRule(o *Options) (routeexec.Rule, error) {
	all := executors.Limits{Images: true} // a worker takes what there is
	queues := routeexec.Place{Name: workers, Limits: all, Queues: []string{routeexec.AnyQueue}}
	pods := routeexec.Place{Name: executors.Kubernetes, Limits: all}
	switch {
	case o.Config.Text("executor") == executors.Kubernetes:
		queues.ByName = true
		return routeexec.Rule{pods, queues}, nil
	case o.Config.Text("kubernetes_namespace") != "":
		pods.ByName = true
		return routeexec.Rule{queues, pods}, nil
	}
	return routeexec.Rule{queues}, nil
}

// sending sends the attempts of a scheduler or worker that lives on, and says which tasks a
// worker may go on with by itself, beside those of its queues; nil is all.
func (i *Installation) sending(ctx context.Context, qs *queues, parallelism int) (executors.Dispatcher, func(*dag.DAG, *dag.Task) bool, error) {
	return share(ctx, &i.Options, qs.open, parallelism)
}

// share opens what sends attempts by WorkersRule, to queues that stay the caller's.
func share(ctx context.Context, o *Options, open func(context.Context, string) (*queue.Queue, error), parallelism int) (executors.Dispatcher, func(*dag.DAG, *dag.Task) bool, error) {
	toWorkers, err := queueexec.Open(queueexec.Config{Queue: open, Parallelism: parallelism})
	if err != nil {
		return nil, nil, err
	}
	rule, err := WorkersRule(o)
	if err != nil || len(rule) == 1 {
		return toWorkers, nil, err
	}
	toPods, err := Kubernetes(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	x, err := routeexec.Open(routeexec.Config{
		Name: queueexec.Name, Rule: rule, Parallelism: parallelism,
		Dispatchers: map[string]executors.Dispatcher{workers: toWorkers, executors.Kubernetes: toPods},
	})
	mine := func(d *dag.DAG, t *dag.Task) bool {
		name, _, err := rule.Explain(d, t)
		return err == nil && name == workers
	}
	return x, mine, err
}

// Workers are the executors that Scheduler and Worker have, for processes that plan what
// follows and are neither: the runner in a pod, a controller.
func Workers() Drivers {
	return Drivers{
		Executors: map[string]func(context.Context, *Options) (executors.Dispatcher, error){workers: sharing, executors.Kubernetes: sharing},
		Rules:     map[string]func(*Options) (routeexec.Rule, error){workers: WorkersRule, executors.Kubernetes: WorkersRule},
	}
}

// sharing sends by WorkersRule. Where there are only workers, nobody but those and their
// scheduler has a part in it.
func sharing(ctx context.Context, o *Options) (executors.Dispatcher, error) {
	if rule, err := WorkersRule(o); err != nil || len(rule) == 1 {
		return nil, errors.Join(err, errNoFunction(workers))
	}
	qs, err := opened(ctx, o.Drivers.Queues, "queue", o)
	if err != nil {
		return nil, err
	}
	s := &divider{shared: qs}
	s.Dispatcher, _, err = share(ctx, o, s.open, o.Config.Int("parallelism"))
	return s, err
}

// divider owns the queues of workers that it sends to.
type divider struct {
	executors.Dispatcher
	opened []*queue.Queue
	shared Queues
}

// open opens the queue with a name; the executor asks once for each, one at a time.
func (d *divider) open(ctx context.Context, name string) (*queue.Queue, error) {
	q, err := d.shared.Open(context.WithoutCancel(ctx), name)
	if err == nil {
		d.opened = append(d.opened, q)
	}
	return q, err
}

// Close implements executors.Executor.
func (d *divider) Close(ctx context.Context) error {
	errs := []error{d.Dispatcher.Close(ctx)}
	for _, q := range d.opened {
		errs = append(errs, q.Close())
	}
	return errors.Join(append(errs, d.shared.close())...)
}

// errNoFunction says that processes that work by calls cannot send to an executor.
func errNoFunction(executor string) error {
	return fmt.Errorf("setting executor is %q: a function cannot execute tasks that way: use kubernetes, lambda, fargate or auto", executor)
}
