// Package pyscript is what operators have in common that run a Python function in a
// container: the function's source and its arguments become two variables, of which the
// image's own Python makes a script. How the container is run is the operators' matter.
package pyscript

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

const (
	// maker is the function, in Python, that writes the script.
	maker = "updraft_dags.providers.script.make"
	// maxVariable is the longest variable that Linux gives to a process, with a margin.
	maxVariable = 128<<10 - 64
)

// Format is how the script leaves what the function returns.
type Format string

// The formats of results. A function that returns None leaves an empty file.
const (
	Pickle Format = "pickle" // by the serializer of the arguments
	JSON   Format = "json"
)

// bootstrap is what the image's Python is given: it makes files of the variables, so
// that tracebacks show lines, and becomes the script.
const bootstrap = `import base64, os, sys
for name, path in (("__PYTHON_SCRIPT", "/tmp/script.py"), ("__PYTHON_INPUT", "/tmp/script.in")):
    with open(path, "wb") as file:
        file.write(base64.b64decode(os.environ.pop(name)))
os.execv(sys.executable, [sys.executable, "/tmp/script.py", "/tmp/script.in", "{result}"])`

// Args describes the arguments about the function, and what its arguments are pickled with.
func Args() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "python_callable", Type: dag.ArgCallable, Required: true, Doc: "The function; its source is run, so it has to import what it uses."},
		{Name: "op_args", Type: dag.ArgList, Templated: true, Doc: "Positional arguments of the function."},
		{Name: "op_kwargs", Type: dag.ArgDict, Templated: true, Doc: "Keyword arguments of the function."},
		{Name: "python_command", Type: dag.ArgString, Default: "python3", Doc: "The image's Python."},
		{
			Name: "serializer", Type: dag.ArgString, Default: "pickle", Enum: []string{"pickle", "cloudpickle", "dill"},
			Doc: "What arguments and result are pickled with, here and in the image.",
		},
		{Name: "use_dill", Type: dag.ArgBool, Default: false, Doc: "The serializer dill, as older files spell it."},
	}
}

// Script is a function on its way into a container.
type Script struct {
	// Serializer has written the arguments.
	Serializer string

	variables []Variable
}

// Variable is one of the container's environment.
type Variable struct{ Name, Value string }

// Of makes the script of an attempt's python_callable, op_args and op_kwargs.
func Of(ctx context.Context, a *task.Attempt, result Format) (*Script, error) {
	callable, ok := a.Args["python_callable"].(dag.Callable)
	if !ok {
		return nil, task.Misconfigured(errors.New("argument python_callable is no function: give its import path"))
	}
	if a.Python == nil {
		return nil, task.Misconfigured(fmt.Errorf("%s needs Python, which is not available here", callable))
	}
	args, errArgs := task.Get(a, "op_args", []any{})
	kwargs, errKwargs := task.Get(a, "op_kwargs", map[string]any{})
	serializer, errSerializer := task.Get(a, "serializer", "pickle")
	dill, errDill := task.Get(a, "use_dill", false)
	if err := errors.Join(errArgs, errKwargs, errSerializer, errDill); err != nil {
		return nil, err
	}
	if dill {
		serializer = "dill"
	}
	s := &Script{Serializer: serializer}
	raw, err := a.Python.Call(ctx, a, task.PythonCall{
		Callable: dag.Callable{Path: maker}, Args: []any{callable, args, kwargs, s.Serializer, string(result)}, NoContext: true, HideValue: true,
	})
	if err != nil {
		return nil, err
	}
	return s, s.fill(raw, callable)
}

// fill reads what the maker has made.
func (s *Script) fill(raw json.RawMessage, callable dag.Callable) error {
	var made map[string]string
	if err := json.Unmarshal(raw, &made); err != nil {
		return fmt.Errorf("making the script of %s: %w", callable, err)
	}
	for _, v := range []struct{ name, what string }{{"__PYTHON_SCRIPT", "source"}, {"__PYTHON_INPUT", "arguments"}} {
		if len(v.name)+1+len(made[v.what]) > maxVariable {
			return task.Misconfigured(fmt.Errorf("the %s of %s are longer than %d KiB, pickled: pass a path or an address instead", v.what, callable, maxVariable*3/4>>10))
		}
		s.variables = append(s.variables, Variable{Name: v.name, Value: made[v.what]})
	}
	return nil
}

// Variables are those that the container's environment must have.
func (s *Script) Variables() []Variable { return s.variables }

// Command is what the container runs: the image's Python, as a command of one word or more,
// and what to do. The result is left at a path of the container, which must be writable.
func (s *Script) Command(python []string, result string) []string {
	return append(append([]string(nil), python...), "-c", strings.Replace(bootstrap, "{result}", result, 1))
}
