package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/pyscript"
	"github.com/updraft-dev/updraft/task"
)

// runFunction runs one attempt of @task.kubernetes.
func runFunction(ctx context.Context, a *task.Attempt) (task.Result, error) {
	r := &reader{a: a}
	python := strings.Fields(get(r, "python_command", "python3"))
	if len(python) == 0 {
		r.fault("argument python_command is empty: name the image's Python")
	}
	left := os.DevNull
	if get(r, "do_xcom_push", false) {
		left = ResultFile
	}
	if err := r.err(); err != nil {
		return task.Result{}, err
	}
	script, err := pyscript.Of(ctx, a, pyscript.JSON)
	if err != nil {
		return task.Result{}, err
	}
	c := container{command: script.Command(python, left)}
	for _, v := range script.Variables() {
		c.env = append(c.env, map[string]any{"name": v.Name, "value": v.Value})
	}
	q := r.request(ctx, c)
	if err := r.err(); err != nil {
		return task.Result{}, err
	}
	return execute(ctx, a, q)
}

// runCommand runs one attempt of @task.kubernetes_cmd.
func runCommand(ctx context.Context, a *task.Attempt) (task.Result, error) {
	words, err := commandOf(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	r := &reader{a: a}
	c := container{command: words}
	if get(r, "args_only", false) {
		c = container{args: words}
	}
	q := r.request(ctx, c)
	if err := r.err(); err != nil {
		return task.Result{}, err
	}
	return execute(ctx, a, q)
}

// commandOf calls the function, here, and renders the words that it returns.
func commandOf(ctx context.Context, a *task.Attempt) ([]string, error) {
	callable, ok := a.Args["python_callable"].(dag.Callable)
	if !ok {
		return nil, task.Misconfigured(errors.New("argument python_callable is no function: give its import path"))
	}
	if a.Python == nil {
		return nil, task.Misconfigured(fmt.Errorf("%s needs Python, which is not available here", callable))
	}
	args, errArgs := task.Get(a, "op_args", []any(nil))
	kwargs, errKwargs := task.Get(a, "op_kwargs", map[string]any(nil))
	if err := errors.Join(errArgs, errKwargs); err != nil {
		return nil, err
	}
	raw, err := a.Python.Call(ctx, a, task.PythonCall{Callable: callable, Args: args, Kwargs: kwargs, HideValue: true})
	if err != nil {
		return nil, err
	}
	value, err := task.DecodeXCom(raw)
	if err != nil {
		return nil, err
	}
	if value, err = a.Templates.Render(ctx, value); err != nil {
		return nil, err
	}
	list, ok := value.([]any)
	out := make([]string, 0, len(list))
	for _, v := range list {
		word, isText := v.(string)
		ok = ok && isText
		out = append(out, word)
	}
	if !ok || len(out) == 0 {
		return nil, fmt.Errorf("%s returned %s: it must return a list of texts, the command", callable, task.PythonText(value))
	}
	return out, nil
}
