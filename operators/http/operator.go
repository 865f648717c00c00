package http

import (
	"context"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// runOperator executes an HttpOperator.
func runOperator(ctx context.Context, a *task.Attempt) (task.Result, error) {
	method, err := task.Get(a, "method", "POST")
	if err != nil {
		return task.Result{}, err
	}
	var errs [6]error
	var first request
	first.endpoint, errs[0] = task.Get(a, "endpoint", "")
	first.headers, errs[1] = task.Get(a, "headers", map[string]any(nil))
	first.options, errs[2] = task.Get(a, "extra_options", map[string]any(nil))
	first.data = a.Args["data"]
	logText, err := task.Get(a, "log_response", false)
	errs[3] = err
	paginate, err := callable(a, "pagination_function")
	errs[4] = err
	_, errs[5] = task.Get(a, "deferrable", false)
	if err := errors.Join(errs[:]...); err != nil {
		return task.Result{}, err
	}
	c, err := newCaller(ctx, a, method)
	if err != nil {
		return task.Result{}, err
	}
	defer c.close()
	answer, err := c.send(ctx, first)
	if err != nil {
		return task.Result{}, err
	}
	all := []task.PythonResponse{answer}
	if paginate != nil {
		if all, err = c.pages(ctx, paginate, first, answer); err != nil {
			return task.Result{}, err
		}
	}
	value := textOf(all, paginate != nil)
	if logText {
		a.Log.InfoContext(ctx, fmt.Sprint(value))
	}
	return process(ctx, a, all, paginate != nil, value)
}

// textOf is the value of a task without a response_filter.
func textOf(all []task.PythonResponse, paged bool) any {
	if !paged {
		return text(all[0])
	}
	texts := make([]any, len(all))
	for i := range all {
		texts[i] = text(all[i])
	}
	return texts
}

// process checks and filters the answers.
func process(ctx context.Context, a *task.Attempt, all []task.PythonResponse, paged bool, value any) (task.Result, error) {
	check, err := callable(a, "response_check")
	if err != nil {
		return task.Result{}, err
	}
	filter, err := callable(a, "response_filter")
	if err != nil {
		return task.Result{}, err
	}
	if check != nil {
		ok, _, err := a.Python.Check(ctx, a, task.PythonCall{Callable: *check, Responses: all, Paged: paged})
		if err != nil {
			return task.Result{}, err
		}
		if !ok {
			return task.Result{}, fmt.Errorf("response_check returned false for %s", withoutQuery(all[len(all)-1].URL))
		}
	}
	if filter == nil {
		return task.Result{Value: value}, nil
	}
	raw, err := a.Python.Call(ctx, a, task.PythonCall{Callable: *filter, Responses: all, Paged: paged})
	if err != nil || raw == nil {
		return task.Result{}, err
	}
	return task.Result{Value: raw}, nil
}

// maxPages bounds a pagination_function that never ends, and maxPaged what its pages
// hold together, in bytes: they are all in memory.
const (
	maxPages = 10_000
	maxPaged = 4 * MaxBody
)

// pages asks for more until the function has no more parameters.
func (c *caller) pages(ctx context.Context, f *dag.Callable, first request, answer task.PythonResponse) ([]task.PythonResponse, error) {
	all, size := []task.PythonResponse{answer}, len(answer.Body)
	for {
		raw, err := c.a.Python.Call(ctx, c.a, task.PythonCall{
			Callable: *f, Responses: []task.PythonResponse{answer}, NoContext: true, HideValue: true,
		})
		if err != nil {
			return nil, err
		}
		v, err := plain(raw)
		if err != nil {
			return nil, fmt.Errorf("pagination_function: %w", err)
		}
		if empty(v) || v == false || v == int64(0) {
			return all, nil
		}
		next, err := first.next(v)
		if err != nil {
			return nil, err
		}
		if len(all) == maxPages || size > maxPaged {
			return nil, task.Fatal(fmt.Errorf("pagination_function asks for more after %d pages and %d MiB: page in a Python task that stores them", len(all), size>>20))
		}
		if answer, err = c.send(ctx, next); err != nil {
			return nil, fmt.Errorf("page %d: %w", len(all)+1, err)
		}
		all, size = append(all, answer), size+len(answer.Body)
	}
}

// next is the request for the next page: dicts are merged into those of the first
// request, anything else replaces it.
func (r request) next(v any) (request, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return r, fmt.Errorf("pagination_function returned %s, not a dict with endpoint, data, headers or extra_options, or None", task.PythonText(v))
	}
	if e, ok := m["endpoint"].(string); ok && e != "" {
		r.endpoint = e
	}
	if more := m["data"]; !empty(more) {
		base, isMap := r.data.(map[string]any)
		over, isMap2 := more.(map[string]any)
		if r.data = more; isMap && isMap2 {
			r.data = merge(base, over)
		}
	}
	headers, _ := m["headers"].(map[string]any)
	options, _ := m["extra_options"].(map[string]any)
	r.headers, r.options = merge(r.headers, headers), merge(r.options, options)
	return r, nil
}
