package http

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// runSensor executes an HttpSensor.
func runSensor(ctx context.Context, a *task.Attempt) (task.Result, error) {
	var errs [4]error
	method, err := task.Get(a, "method", "GET")
	errs[0] = err
	r := request{data: a.Args["request_params"]}
	r.endpoint, errs[1] = task.Get(a, "endpoint", "")
	r.headers, errs[2] = task.Get(a, "headers", map[string]any(nil))
	r.options, errs[3] = task.Get(a, "extra_options", map[string]any(nil))
	if err := errors.Join(errs[:]...); err != nil {
		return task.Result{}, err
	}
	check, err := callable(a, "response_check")
	if err != nil {
		return task.Result{}, err
	}
	allowed, err := allowedCodes(a)
	if err != nil {
		return task.Result{}, err
	}
	return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
		c, err := newCaller(ctx, a, method)
		if err != nil {
			return false, nil, err
		}
		defer c.close()
		a.Log.InfoContext(ctx, "poking "+r.endpoint)
		answer, err := c.send(ctx, r)
		var status *statusError
		if errors.As(err, &status) && slices.ContainsFunc(allowed, func(p string) bool {
			// Airflow compares the beginning of the message: "5" allows all of 5xx.
			return strings.HasPrefix(strconv.Itoa(status.code)+":"+status.reason, p)
		}) {
			return false, nil, nil
		}
		if err != nil || check == nil {
			return err == nil, nil, err
		}
		done, value, err := a.Python.Check(ctx, a, task.PythonCall{Callable: *check, Responses: []task.PythonResponse{answer}})
		if value == nil {
			return done, nil, err
		}
		return done, value, err
	})
}

func allowedCodes(a *task.Attempt) ([]string, error) {
	l, err := task.Get(a, "response_error_codes_allowlist", []any{"404"})
	if err != nil {
		return nil, err
	}
	out := make([]string, len(l))
	for i, e := range l {
		switch e.(type) {
		case string, int, int64:
			out[i] = task.PythonText(e)
		default:
			return nil, task.Misconfigured(fmt.Errorf("argument response_error_codes_allowlist: element %d is %s, not a status code", i, task.PythonText(e)))
		}
	}
	return out, nil
}
