package cloud

import (
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec/fargatesize"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/queue"
)

// The places where tasks run, beside lambdaexec.Name.
const (
	fargate = "fargate"
	queued  = "queue"
)

// lambda invokes the worker functions.
func (a *Account) lambda(ctx context.Context, o *embedded.Options) (executors.Dispatcher, error) {
	cfg, err := a.of(ctx, o)
	if err != nil {
		return nil, err
	}
	functions, err := lambdaexec.ParseFunctions(o.Config.Text("lambda"))
	if err != nil {
		return nil, fmt.Errorf("setting lambda: %w", err)
	}
	return lambdaexec.Open(lambdaexec.Config{AWS: cfg, Functions: functions, Parallelism: o.Config.Int("parallelism")})
}

// queue sends to queues: to those that tasks name, or to one for all.
func (a *Account) queue(ctx context.Context, o *embedded.Options, always string) (executors.Dispatcher, error) {
	qs, err := a.queues(ctx, o.Config.Text("queue"), o)
	if err != nil {
		return nil, err
	}
	return queueexec.Open(queueexec.Config{
		Parallelism: o.Config.Int("parallelism"),
		Queue: func(ctx context.Context, name string) (*queue.Queue, error) {
			if always != "" {
				name = always
			}
			return qs.Open(ctx, name)
		},
	})
}

// fargate sends to the queue of the function that starts Fargate tasks: starting them
// takes long, and their number is limited.
func (a *Account) fargate(ctx context.Context, o *embedded.Options) (executors.Dispatcher, error) {
	return a.queue(ctx, o, fargate)
}

// auto shares out by what tasks ask for.
func (a *Account) auto(ctx context.Context, o *embedded.Options) (executors.Dispatcher, error) {
	rule, err := Rule(o)
	if err != nil {
		return nil, err
	}
	ds := map[string]executors.Dispatcher{}
	for _, p := range rule {
		open := map[string]func(context.Context, *embedded.Options) (executors.Dispatcher, error){
			lambdaexec.Name: a.lambda, fargate: a.fargate, executors.Kubernetes: embedded.Kubernetes,
			queued: func(ctx context.Context, o *embedded.Options) (executors.Dispatcher, error) {
				return a.queue(ctx, o, "")
			},
		}[p.Name]
		if ds[p.Name], err = open(ctx, o); err != nil {
			return nil, err
		}
	}
	return routeexec.Open(routeexec.Config{Rule: rule, Dispatchers: ds, Parallelism: o.Config.Int("parallelism")})
}

// Rule is the rule by which `executor: auto` shares tasks out, as the settings say what
// there is: Lambda first, Fargate for what is too large for it, Kubernetes for tasks that
// name it, and queues for tasks that name one, which workers elsewhere serve.
func Rule(o *embedded.Options) (routeexec.Rule, error) {
	functions, err := lambdaexec.ParseFunctions(o.Config.Text("lambda"))
	if err != nil {
		return nil, fmt.Errorf("setting lambda: %w", err)
	}
	rule := routeexec.Rule{{Name: lambdaexec.Name, Limits: lambdaexec.Limits(functions)}}
	if o.Config.Text("fargate") != "" {
		rule = append(rule, routeexec.Place{Name: fargate, Limits: fargatesize.Limits()})
	}
	if o.Config.Text("kubernetes_namespace") != "" {
		rule = append(rule, routeexec.Place{Name: executors.Kubernetes, Limits: executors.Limits{Images: true}, ByName: true})
	}
	return append(rule, routeexec.Place{Name: queued, Queues: []string{routeexec.AnyQueue}, ByName: true}), nil
}

// only is the rule of an installation that sends everything to one place.
func only(name string) func(*embedded.Options) (routeexec.Rule, error) {
	return func(o *embedded.Options) (routeexec.Rule, error) {
		rule, err := Rule(o)
		if err != nil {
			return nil, err
		}
		if p := rule.Named(name); p != nil {
			return routeexec.Rule{*p}, nil
		}
		return routeexec.Rule{{Name: name}}, nil
	}
}
