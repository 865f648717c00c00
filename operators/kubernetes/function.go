package kubernetes

import (
	"context"
	"os"
	"strings"

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
