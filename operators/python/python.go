// Package python holds the operators that call Python functions. How they are called
// is the Python runner's matter (task.Python).
package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/branch"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// The modules of Airflow's classes: those of version 3, and of version 2.
const (
	operators  = "airflow.providers.standard.operators.python."
	decorators = "airflow.providers.standard.decorators."
	operators2 = "airflow.operators.python."
	operators1 = "airflow.operators.python_operator."
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	var out []task.Operator
	for _, k := range kinds() {
		out = append(out, k.operator("", plain), k.operator("Branch", branch.Chosen))
	}
	return append(out, shortCircuit(), pythonSensor())
}

// kind is a way to call a function: in which interpreter.
type kind struct {
	// name is the class name without Branch; legacy are its modules before Airflow 3.
	name   string
	legacy []string
	// task and branch are the classes of the decorators, below decorators.
	task, branch string
	where        string
	args         []dag.ArgSpec
	ext          []string
	call         func(ctx context.Context, a *task.Attempt) (json.RawMessage, error)
}

func kinds() []kind {
	return []kind{
		{
			name: "PythonOperator", legacy: []string{operators2, operators1}, where: "",
			task: "python._PythonDecoratedOperator", branch: "branch_python._BranchPythonDecoratedOperator",
			args: callArgs(), call: call,
		},
		{
			name: "PythonVirtualenvOperator", legacy: []string{operators2, operators1}, where: " in a virtual environment made for it",
			task: "python_virtualenv._PythonVirtualenvDecoratedOperator", branch: "branch_virtualenv._BranchPythonVirtualenvDecoratedOperator",
			args: slices.Concat(callArgs(), virtualenvArgs(), processArgs()), ext: []string{".txt"}, call: callInVirtualenv,
		},
		{
			name: "ExternalPythonOperator", legacy: []string{operators2}, where: " in an interpreter that is already there",
			task: "external_python._PythonExternalDecoratedOperator", branch: "branch_external_python._BranchExternalPythonDecoratedOperator",
			args: slices.Concat(callArgs(), externalArgs(), processArgs()), call: callExternal,
		},
	}
}

// operator makes the operator of a kind with a prefix in its class's name; then says
// what becomes of the value.
func (k kind) operator(prefix string, then func(*task.Attempt, json.RawMessage) (task.Result, error)) task.Operator {
	s := dag.OperatorSpec{
		Class: operators + prefix + k.name, TemplateExt: k.ext, Args: k.args,
		Doc: "Calls a Python function" + k.where + "; what it returns is the return value.",
	}
	decorated := k.task
	if prefix != "" {
		s.Kind, decorated = dag.OperatorBranch, k.branch
		s.Doc = "Calls a Python function" + k.where + " that returns the ids of the tasks and groups to follow; the others below are skipped."
	}
	for _, module := range k.legacy {
		if prefix == "" || k.name == "PythonOperator" || module == operators2 {
			s.Aliases = append(s.Aliases, module+prefix+k.name)
		}
	}
	s.Aliases = append(s.Aliases, decorators+decorated, "airflow.decorators."+decorated)
	return task.Operator{Spec: s, Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
		raw, err := k.call(ctx, a)
		if err != nil {
			return task.Result{}, err
		}
		return then(a, raw)
	}}
}

func plain(_ *task.Attempt, raw json.RawMessage) (task.Result, error) {
	if raw == nil {
		return task.Result{}, nil // a RawMessage would be a value
	}
	return task.Result{Value: raw}, nil
}

func shortCircuit() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class: operators + "ShortCircuitOperator",
			Aliases: []string{
				operators2 + "ShortCircuitOperator", operators1 + "ShortCircuitOperator",
				decorators + "short_circuit._ShortCircuitDecoratedOperator", "airflow.decorators.short_circuit._ShortCircuitDecoratedOperator",
			},
			Doc:  "Calls a Python function and skips what is below when it returns something falsy.",
			Kind: dag.OperatorBranch,
			Args: append(callArgs(), dag.ArgSpec{
				Name: "ignore_downstream_trigger_rules", Type: dag.ArgBool, Default: true,
				Doc: "Skip all tasks below, whatever their trigger rules; otherwise only the direct ones.",
			}),
		},
		Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
			everything, err := task.Get(a, "ignore_downstream_trigger_rules", true)
			if err != nil {
				return task.Result{}, err
			}
			raw, err := call(ctx, a)
			if err != nil {
				return task.Result{}, err
			}
			value, err := task.DecodeXCom(raw)
			if err != nil {
				return task.Result{}, err
			}
			if truthy(value) {
				return plain(a, raw)
			}
			a.Log.InfoContext(ctx, "the condition is false: what is below is skipped")
			return branch.Stop(a, everything, value), nil
		},
	}
}

func pythonSensor() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class: "airflow.providers.standard.sensors.python.PythonSensor",
			Aliases: []string{
				"airflow.sensors.python.PythonSensor", "airflow.contrib.sensors.python_sensor.PythonSensor",
				decorators + "sensor.DecoratedSensorOperator", "airflow.decorators.sensor.DecoratedSensorOperator",
			},
			Doc:  "Waits until a Python function returns something truthy, or a PokeReturnValue that is done.",
			Kind: dag.OperatorSensor,
			Args: slices.Concat(functionArgs(), sensor.Args()),
		},
		Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
			c, err := pythonCall(ctx, a)
			if err != nil {
				return task.Result{}, err
			}
			return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
				done, raw, err := a.Python.Check(ctx, a, c)
				if err != nil || raw == nil {
					return done, nil, err
				}
				return done, raw, nil
			})
		},
	}
}

// call calls the function in the worker's own Python.
func call(ctx context.Context, a *task.Attempt) (json.RawMessage, error) {
	c, err := pythonCall(ctx, a)
	if err != nil {
		return nil, err
	}
	return a.Python.Call(ctx, a, c)
}

// pythonCall reads what all these operators have in common.
func pythonCall(ctx context.Context, a *task.Attempt) (c task.PythonCall, err error) {
	if a.Python == nil {
		return c, task.Misconfigured(errors.New("Python is not available here"))
	}
	switch f := a.Args["python_callable"].(type) {
	case dag.Callable:
		c.Callable = f
	case dag.Object:
		return c, task.Misconfigured(fmt.Errorf("argument python_callable is an object of %s: name a function", f.Class))
	default:
		return c, task.Misconfigured(errors.New("argument python_callable is no function: give its import path"))
	}
	if c.Args, err = task.Get(a, "op_args", []any(nil)); err != nil {
		return c, err
	}
	if c.Kwargs, err = task.Get(a, "op_kwargs", map[string]any(nil)); err != nil {
		return c, err
	}
	if c.TemplatesDict, err = task.Get(a, "templates_dict", map[string]any(nil)); err != nil {
		return c, err
	}
	show, err := task.Get(a, "show_return_value_in_logs", true)
	if err != nil {
		return c, err
	}
	c.HideValue, c.Isolated = !show, a.Task.Isolated
	return c, includeFiles(ctx, a, &c)
}
