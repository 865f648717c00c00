package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// executor executes statements through the connection that one of its arguments names.
type executor struct{ connArg, defaultConn string }

// query is the arguments of an execution.
type query struct {
	statements []string
	// single says that sql is one text, not a list.
	single           bool
	params           any
	autocommit, last bool
	// split is nil if the author did not say.
	split *bool
	want  fetch
	show  bool
}

func (e executor) run(ctx context.Context, a *task.Attempt) (task.Result, error) {
	q, err := readQuery(a)
	if err != nil {
		return task.Result{}, err
	}
	s, d, err := open(ctx, a, e.connArg, e.defaultConn, q.autocommit)
	if err != nil {
		return task.Result{}, err
	}
	defer s.close(ctx)
	if q.single && q.split != nil && *q.split {
		q.statements = d.split(q.statements[0])
	}
	results, err := runAll(ctx, a, s, q)
	if err != nil {
		return task.Result{}, err
	}
	if !a.Task.DoXComPush || q.want == fetchNone {
		return task.Result{}, nil
	}
	values := make([]any, len(results))
	for i, r := range results {
		values[i] = q.value(r)
	}
	if q.show {
		a.Log.InfoContext(ctx, "the value is: "+show(values))
	}
	// A text gives one value, unless all are asked for; a list gives a list.
	if q.single && (q.last || q.split != nil && !*q.split) {
		return task.Result{Value: values[len(values)-1]}, nil
	}
	return task.Result{Value: values}, nil
}

// value is what a handler makes of a result.
func (q *query) value(r result) any {
	switch {
	case !r.described:
		return nil
	case q.want == fetchFirst && len(r.rows) == 0:
		return nil
	case q.want == fetchFirst:
		return r.rows[0]
	case r.rows == nil:
		return []any{}
	default:
		return r.rows
	}
}

func readQuery(a *task.Attempt) (query, error) {
	var q query
	var errs [8]error
	q.statements, errs[0] = task.Get(a, "sql", []string(nil))
	_, q.single = a.Args["sql"].(string)
	q.params, errs[1] = parameters(a)
	q.autocommit, errs[2] = task.Get(a, "autocommit", false)
	q.last, errs[3] = task.Get(a, "return_last", true)
	q.show, errs[4] = task.Get(a, "show_return_value_in_logs", false)
	if a.Args["split_statements"] != nil {
		var split bool
		split, errs[5] = task.Get(a, "split_statements", false)
		q.split = &split
	}
	always, err := task.Get(a, "requires_result_fetch", false)
	errs[6] = err
	if a.Task.DoXComPush || always {
		q.want, errs[7] = handler(a)
	}
	return q, errors.Join(errs[:]...)
}

// handler says what is fetched. Airflow's handlers get a cursor of Python's, which does
// not exist here: the two that everybody uses are known by name.
func handler(a *task.Attempt) (fetch, error) {
	v, given := a.Args["handler"]
	if !given {
		return fetchAll, nil
	}
	if v == nil {
		return fetchNone, nil
	}
	h, err := task.Get(a, "handler", dag.Callable{})
	if err != nil {
		return fetchNone, err
	}
	switch h.Path[strings.LastIndexByte(h.Path, '.')+1:] {
	case "fetch_all_handler":
		return fetchAll, nil
	case "fetch_one_handler":
		return fetchFirst, nil
	}
	return fetchNone, task.Misconfigured(fmt.Errorf("argument handler is %s: only airflow.providers.common.sql.hooks.handlers.fetch_all_handler and fetch_one_handler are known; process the rows in a Python task", h))
}

// runAll executes the statements and commits.
func runAll(ctx context.Context, a *task.Attempt, s session, q query) ([]result, error) {
	var out []result
	for _, statement := range q.statements {
		if strings.Trim(statement, blanks) == "" {
			continue
		}
		a.Log.InfoContext(ctx, "executing: "+statement)
		r, err := s.run(ctx, statement, q.params, q.want)
		if err != nil {
			return nil, err
		}
		if r.affected >= 0 {
			a.Log.InfoContext(ctx, "rows affected", "rows", r.affected)
		}
		if q.single && q.last { // the others' rows need not be kept
			out = out[:0]
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, task.Misconfigured(errors.New("argument sql has no statement"))
	}
	return out, s.commit(ctx)
}

// first executes one statement and gives its first row; nil if there is none.
func first(ctx context.Context, s session, statement string, params any) (task.Tuple, error) {
	r, err := s.run(ctx, statement, params, fetchFirst)
	if err != nil || len(r.rows) == 0 {
		return nil, err
	}
	row, _ := r.rows[0].(task.Tuple)
	return row, nil
}
