package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// runSensor executes an SqlSensor.
func runSensor(ctx context.Context, a *task.Attempt) (task.Result, error) {
	statement, err := task.Get(a, "sql", "")
	if err != nil {
		return task.Result{}, err
	}
	params, err := parameters(a)
	if err != nil {
		return task.Result{}, err
	}
	failOnEmpty, err := task.Get(a, "fail_on_empty", false)
	if err != nil {
		return task.Result{}, err
	}
	return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
		a.Log.InfoContext(ctx, "poking: "+statement)
		s, _, err := open(ctx, a, "conn_id", "", false)
		if err != nil {
			return false, nil, err
		}
		defer s.close(ctx)
		row, err := first(ctx, s, statement, params)
		if err == nil {
			err = s.commit(ctx)
		}
		switch {
		case err != nil:
			return false, nil, err
		case row == nil && failOnEmpty:
			return false, nil, errors.New("the query gave no rows, and fail_on_empty is set")
		case row == nil:
			return false, nil, nil
		}
		return judge(ctx, a, row)
	})
}

// judge says whether a row is what the sensor waits for.
func judge(ctx context.Context, a *task.Attempt, row task.Tuple) (bool, any, error) {
	var value any
	if len(row) > 0 {
		value = row[0]
	}
	selector, err := task.Get(a, "selector", dag.Callable{})
	if err != nil {
		return false, nil, err
	}
	if selector != (dag.Callable{}) {
		raw, err := a.Python.Call(ctx, a, task.PythonCall{Callable: selector, Args: []any{row}, NoContext: true})
		if err != nil {
			return false, nil, err
		}
		if value, err = task.DecodeXCom(raw); err != nil {
			return false, nil, fmt.Errorf("selector: %w", err)
		}
	}
	for _, name := range []string{"failure", "success"} {
		c, err := task.Get(a, name, dag.Callable{})
		if err != nil {
			return false, nil, err
		}
		if c == (dag.Callable{}) {
			continue
		}
		yes, carried, err := a.Python.Check(ctx, a, task.PythonCall{Callable: c, Args: []any{value}, NoContext: true})
		switch {
		case err != nil:
			return false, nil, err
		case name == "failure" && yes:
			return false, nil, fmt.Errorf("the failure criterion is met: failure(%s) is true", show(value))
		case name == "success" && carried != nil:
			return yes, carried, nil
		case name == "success":
			return yes, nil, nil
		}
	}
	return truth(value), nil, nil
}

// runBranch executes a BranchSQLOperator.
func runBranch(ctx context.Context, a *task.Attempt) (task.Result, error) {
	var errs [4]error
	statement, err := task.Get(a, "sql", "")
	errs[0] = err
	params, err := parameters(a)
	errs[1] = err
	var follow [2][]string
	follow[1], errs[2] = task.Get(a, "follow_task_ids_if_true", []string(nil))
	follow[0], errs[3] = task.Get(a, "follow_task_ids_if_false", []string(nil))
	if err := errors.Join(errs[:]...); err != nil {
		return task.Result{}, err
	}
	row, err := one(ctx, a, statement, params, "default_conn_id")
	if err != nil {
		return task.Result{}, err
	}
	if len(row) == 0 {
		return task.Result{}, errors.New("the query gave no rows: it has to give true or false")
	}
	var yes bool
	switch v := row[0].(type) {
	case bool, int64:
		yes = truth(v)
	case string:
		if yes, err = parseTruth(v); err != nil {
			return task.Result{}, err
		}
	default:
		return task.Result{}, fmt.Errorf("the query gave %s: it has to give true or false, a whole number or a text such as yes and no", show(v))
	}
	chosen := follow[0]
	if yes {
		chosen = follow[1]
	}
	a.Log.InfoContext(ctx, fmt.Sprintf("the query gave %s; following %s", show(row[0]), strings.Join(chosen, ", ")))
	return task.Result{Branch: &run.Branch{Kind: run.BranchFollow, Follow: chosen}}, nil
}

// parseTruth reads the texts that Airflow takes for true and false.
func parseTruth(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "y", "yes", "t", "true", "on", "1":
		return true, nil
	case "n", "no", "f", "false", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("the query gave %s, which is neither true nor false: use one of y, yes, t, true, on, 1, n, no, f, false, off, 0", show(s))
}

// one executes one statement in a session of its own, and gives its first row.
func one(ctx context.Context, a *task.Attempt, statement string, params any, defaultConn string) (task.Tuple, error) {
	s, _, err := open(ctx, a, "conn_id", defaultConn, false)
	if err != nil {
		return nil, err
	}
	defer s.close(ctx)
	a.Log.InfoContext(ctx, "executing: "+statement)
	row, err := first(ctx, s, statement, params)
	if err != nil {
		return nil, err
	}
	a.Log.InfoContext(ctx, "first row: "+show(row))
	return row, s.commit(ctx)
}
