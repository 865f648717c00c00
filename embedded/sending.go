package embedded

import (
	"context"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/executors/routeexec"
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
func (i *Installation) sending(ctx context.Context, qs *queues, parallelism int) (executors.Dispatcher, func(*dag.Task) bool, error) {
	toWorkers, err := queueexec.Open(queueexec.Config{Queue: qs.open, Parallelism: parallelism})
	if err != nil {
		return nil, nil, err
	}
	rule, err := WorkersRule(&i.Options)
	if err != nil || len(rule) == 1 {
		return toWorkers, nil, err
	}
	toPods, err := Kubernetes(ctx, &i.Options)
	if err != nil {
		return nil, nil, err
	}
	x, err := routeexec.Open(routeexec.Config{
		Name: queueexec.Name, Rule: rule, Parallelism: parallelism,
		Dispatchers: map[string]executors.Dispatcher{workers: toWorkers, executors.Kubernetes: toPods},
	})
	mine := func(t *dag.Task) bool {
		name, _, err := rule.Explain(t)
		return err == nil && name == workers
	}
	return x, mine, err
}
