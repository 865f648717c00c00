package docker

import (
	"context"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/pyscript"
	"github.com/updraft-dev/updraft/task"
)

const (
	decorated = "airflow.providers.docker.decorators.docker._DockerDecoratedOperator"
	// readResult is a function in Python: it reads what the container has left.
	readResult = "updraft_dags.providers.script.result"
	// resultPath is where a function's container leaves what it returns.
	resultPath = "/tmp/script.out"
)

func functionArgs() []dag.ArgSpec {
	return append(pyscript.Args(), dag.ArgSpec{
		Name: "expect_airflow", Type: dag.ArgBool, Default: true, Doc: "Without effect: the function gets no macros.",
	})
}

// runFunction runs one attempt of @task.docker.
func runFunction(ctx context.Context, a *task.Attempt) (task.Result, error) {
	r := reader{a: a}
	s := readSpec(&r)
	python, err := split(get(&r, "python_command", "python3"))
	if err != nil || len(python) == 0 {
		r.fault("argument python_command is no command: %w", err)
	}
	if err := r.err(); err != nil {
		return task.Result{}, err
	}
	script, err := pyscript.Of(ctx, a, pyscript.Pickle)
	if err != nil {
		return task.Result{}, err
	}
	for _, v := range script.Variables() {
		s.config.Env = append(s.config.Env, v.Name+"="+v.Value)
	}
	s.config.Cmd = script.Command(python, resultPath)
	s.file, s.serializer = resultPath, script.Serializer
	return s.run(ctx, a)
}
