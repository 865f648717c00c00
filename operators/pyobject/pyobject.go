// Package pyobject holds the operator that executes operators and sensors which authors
// write themselves, as classes in Python. Their objects are made by the DAG's file, in
// the Python runner; what they are given, when sensors look again and what becomes of
// the value is decided here.
package pyobject

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/branch"
	"github.com/updraft-dev/updraft/operators/python"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// Class is the operator's import path.
const Class = "updraft.operators.object.ObjectOperator"

// Kinds of objects.
const (
	kindOperator = "operator"
	kindSensor   = "sensor"
	kindBranch   = "branch"
)

// kwargPrefix begins the names of mapped arguments of the class, so that they are none
// of the arguments below.
const kwargPrefix = "kwargs."

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{{
		Spec: dag.OperatorSpec{
			Class: Class,
			Doc:   "Executes an operator or sensor that is a Python class of the author's own.",
			Args: slices.Concat([]dag.ArgSpec{
				{Name: "class", Type: dag.ArgString, Required: true, Doc: "The class, for messages."},
				{Name: "object", Type: dag.ArgCallable, Required: true, Doc: "The method to call: execute, poke or choose_branch of the task's object."},
				{
					Name: "kind", Type: dag.ArgString, Default: kindOperator, Enum: []string{kindOperator, kindSensor, kindBranch},
					Doc: "What the object is: a sensor looks again until it is done, a branch returns the tasks to follow.",
				},
				{Name: "fields", Type: dag.ArgDict, Templated: true, Doc: "The template fields of the object with their values."},
				{Name: "template_fields", Type: dag.ArgStrings, Doc: "The names of all template fields, for arguments that are mapped over."},
				{Name: "template_ext", Type: dag.ArgStrings, Doc: "Endings, such as .sql, of texts in fields that name template files."},
			}, sensor.Args(), []dag.ArgSpec{sensor.Deferrable()}),
		},
		Run: execute,
	}}
}

func execute(ctx context.Context, a *task.Attempt) (task.Result, error) {
	kind, err := task.Get(a, "kind", kindOperator)
	if err != nil {
		return task.Result{}, err
	}
	c, err := call(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	switch kind {
	case kindOperator:
		raw, err := a.Python.Call(ctx, a, c)
		if err != nil || raw == nil {
			return task.Result{}, err
		}
		return task.Result{Value: raw}, nil
	case kindSensor:
		return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
			done, raw, err := a.Python.Check(ctx, a, c)
			if err != nil || raw == nil {
				return done, nil, err
			}
			return done, raw, nil
		})
	case kindBranch:
		raw, err := a.Python.Call(ctx, a, c)
		if err != nil {
			return task.Result{}, err
		}
		return branch.Chosen(a, raw)
	}
	return task.Result{}, task.Misconfigured(fmt.Errorf("argument kind is %q: use operator, sensor or branch", kind))
}

// call is the call of the object's method, with its template fields as attributes and,
// if it is mapped, the mapped arguments of its class.
func call(ctx context.Context, a *task.Attempt) (task.PythonCall, error) {
	method, err := task.Get(a, "object", dag.Callable{})
	if err != nil {
		return task.PythonCall{}, err
	}
	if method.File == "" || method.Task == "" {
		return task.PythonCall{}, task.Misconfigured(errors.New("argument object names no method of a task: it can only be written by a DAG file in Python"))
	}
	c := task.PythonCall{Callable: method, Attributes: map[string]any{}, HideValue: true}
	fields, err := task.Get(a, "fields", map[string]any(nil))
	if err != nil {
		return c, err
	}
	exts, err := task.Get(a, "template_ext", []string(nil))
	if err != nil {
		return c, err
	}
	authoredFields, _ := a.Task.Args["fields"].(map[string]any)
	for name, v := range fields {
		if c.Attributes[name], err = python.Include(ctx, a, exts, v, authoredFields[name]); err != nil {
			return c, fmt.Errorf("argument %s: %w", name, err)
		}
	}
	templated, err := task.Get(a, "template_fields", []string(nil))
	if err != nil {
		return c, err
	}
	for _, name := range mapped(a) {
		v, own := a.Args[name], strings.TrimPrefix(name, kwargPrefix)
		if slices.Contains(templated, own) && authored(a, name) {
			if v, err = a.Templates.Render(ctx, v); err != nil {
				return c, fmt.Errorf("argument %s: %w", own, err)
			}
		}
		if c.Kwargs == nil {
			c.Kwargs = map[string]any{}
		}
		c.Kwargs[own] = v
	}
	return c, nil
}

// mapped are the names of the arguments that the class is made with, sorted: all but
// those of the operator.
func mapped(a *task.Attempt) []string {
	spec := Operators()[0].Spec
	var out []string
	for name := range a.Args {
		if spec.Arg(name) == nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// authored says that a mapped argument was written in the DAG file. What other tasks
// return is never rendered.
func authored(a *task.Attempt, name string) bool {
	if a.Task.Expand == nil {
		return true
	}
	for _, m := range a.Task.Expand.Sources() {
		if m.Name == name || m.Name == "" {
			return m.XCom == nil
		}
	}
	return true
}
