package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

const (
	decorated = "airflow.providers.docker.decorators.docker._DockerDecoratedOperator"
	// makeScript and readResult are functions in Python: what the container runs, and what
	// it has left.
	makeScript = "updraft_dags.providers.docker.script"
	readResult = "updraft_dags.providers.docker.result"
	// resultPath is where a function's container leaves what it returns.
	resultPath = "/tmp/script.out"
	// maxVariable is the longest variable that Linux gives to a process, with a margin.
	maxVariable = 128<<10 - 64
)

// bootstrap is what the image's Python is given: it makes files of the variables, so
// that tracebacks show lines, and becomes the script.
const bootstrap = `import base64, os, sys
for name, path in (("__PYTHON_SCRIPT", "/tmp/script.py"), ("__PYTHON_INPUT", "/tmp/script.in")):
    with open(path, "wb") as file:
        file.write(base64.b64decode(os.environ.pop(name)))
os.execv(sys.executable, [sys.executable, "/tmp/script.py", "/tmp/script.in", "` + resultPath + `"])`

func functionArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "python_callable", Type: dag.ArgCallable, Required: true, Doc: "The function; its source is run, so it has to import what it uses."},
		{Name: "op_args", Type: dag.ArgList, Templated: true, Doc: "Positional arguments of the function."},
		{Name: "op_kwargs", Type: dag.ArgDict, Templated: true, Doc: "Keyword arguments of the function."},
		{Name: "python_command", Type: dag.ArgString, Default: "python3", Doc: "The image's Python."},
		{Name: "expect_airflow", Type: dag.ArgBool, Default: true, Doc: "Without effect: the function gets no macros."},
		{
			Name: "serializer", Type: dag.ArgString, Default: "pickle", Enum: []string{"pickle", "cloudpickle", "dill"},
			Doc: "What arguments and result are pickled with, here and in the image.",
		},
		{Name: "use_dill", Type: dag.ArgBool, Default: false, Doc: "The serializer dill, as older files spell it."},
	}
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
	vars, serializer, err := scriptOf(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	s.config.Env = append(s.config.Env, vars...)
	s.config.Cmd = append(slices.Clone(python), "-c", bootstrap)
	s.file, s.serializer = resultPath, serializer
	return s.run(ctx, a)
}

// scriptOf are the variables with the function's source and its arguments, which the
// serializer has written.
func scriptOf(ctx context.Context, a *task.Attempt) (vars []string, serializer string, err error) {
	callable, ok := a.Args["python_callable"].(dag.Callable)
	if !ok {
		return nil, "", task.Misconfigured(errors.New("argument python_callable is no function: give its import path"))
	}
	if a.Python == nil {
		return nil, "", task.Misconfigured(fmt.Errorf("%s needs Python, which is not available here", callable))
	}
	r := reader{a: a}
	args, kwargs := get(&r, "op_args", []any{}), get(&r, "op_kwargs", map[string]any{})
	serializer = get(&r, "serializer", "pickle")
	if get(&r, "use_dill", false) {
		serializer = "dill"
	}
	if err := r.err(); err != nil {
		return nil, "", err
	}
	raw, err := a.Python.Call(ctx, a, task.PythonCall{
		Callable: dag.Callable{Path: makeScript}, Args: []any{callable, args, kwargs, serializer}, NoContext: true, HideValue: true,
	})
	if err != nil {
		return nil, "", err
	}
	var made map[string]string
	if err := json.Unmarshal(raw, &made); err != nil {
		return nil, "", fmt.Errorf("making the script of %s: %w", callable, err)
	}
	for _, v := range []struct{ name, what string }{{"__PYTHON_SCRIPT", "source"}, {"__PYTHON_INPUT", "arguments"}} {
		text := v.name + "=" + made[v.what]
		if len(text) > maxVariable {
			return nil, "", task.Misconfigured(fmt.Errorf("the %s of %s are longer than %d KiB, pickled: pass a path or an address instead", v.what, callable, maxVariable*3/4>>10))
		}
		vars = append(vars, text)
	}
	return vars, serializer, nil
}
