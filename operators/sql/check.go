package sql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// checks are the operators that fail if the data is not as it should be.
func checks() []task.Operator {
	ext := []string{".hql", ".sql"}
	make := func(class, doc string, ext []string, run func(context.Context, *task.Attempt) (task.Result, error), conn string, own ...dag.ArgSpec) task.Operator {
		var before, after []dag.ArgSpec // the connection is between what is rendered and what is not
		for _, a := range own {
			if a.Templated {
				before = append(before, a)
			} else {
				after = append(after, a)
			}
		}
		args := slices.Concat(before, connectionArgs("conn_id", conn), after, []dag.ArgSpec{retryArg()})
		aliases := []string{"airflow.operators.sql." + class}
		if old := strings.TrimPrefix(class, "SQL"); slices.Contains([]string{"CheckOperator", "ValueCheckOperator", "IntervalCheckOperator", "ThresholdCheckOperator"}, old) {
			aliases = append(aliases, "airflow.operators.check_operator."+old)
		}
		return task.Operator{
			Spec: dag.OperatorSpec{Class: operatorsPath + class, Aliases: aliases, Doc: doc, Args: args, TemplateExt: ext},
			Run:  run,
		}
	}
	tableArgs := []dag.ArgSpec{
		{Name: "table", Type: dag.ArgString, Required: true, Templated: true, Doc: "Table to check."},
		{Name: "partition_clause", Type: dag.ArgString, Templated: true, Doc: "Condition on the rows that are looked at."},
	}
	return []task.Operator{
		make("SQLCheckOperator", "Fails if any value of the query's first row is false, 0, empty or NULL.", ext, runCheck, "", sqlArg(), parametersArg(false)),
		make("SQLValueCheckOperator", "Fails if any value of the query's first row is not the one expected.", ext, runValueCheck, "", sqlArg(),
			dag.ArgSpec{Name: "pass_value", Type: dag.ArgAny, Required: true, Templated: true, Doc: "The value expected."},
			dag.ArgSpec{Name: "tolerance", Type: dag.ArgAny, Doc: "Share by which a number may be off: 0.1 is ten percent."},
			parametersArg(false)),
		make("SQLThresholdCheckOperator", "Fails if the first value of a query is not between two thresholds.", ext, runThresholdCheck, "", sqlArg(),
			dag.ArgSpec{Name: "min_threshold", Type: dag.ArgAny, Required: true, Templated: true, Doc: "Least value allowed, a number or a query."},
			dag.ArgSpec{Name: "max_threshold", Type: dag.ArgAny, Required: true, Templated: true, Doc: "Largest value allowed, a number or a query."}),
		make("SQLIntervalCheckOperator", "Fails if metrics of a day differ too much from those of some days before.", ext, runIntervalCheck, "",
			dag.ArgSpec{Name: "table", Type: dag.ArgString, Required: true, Doc: "Table with the metrics."},
			dag.ArgSpec{Name: "metrics_thresholds", Type: dag.ArgDict, Required: true, Doc: "Ratio that each metric, an SQL expression, has to stay below."},
			dag.ArgSpec{Name: "date_filter_column", Type: dag.ArgString, Default: "ds", Doc: "Column with the day."},
			dag.ArgSpec{Name: "days_back", Type: dag.ArgInt, Default: int64(-7), Doc: "Days between the two; its sign does not matter."},
			dag.ArgSpec{Name: "ratio_formula", Type: dag.ArgString, Default: ratioMaxOverMin, Enum: []string{ratioMaxOverMin, ratioRelativeDiff}, Doc: "How the ratio is computed."},
			dag.ArgSpec{Name: "ignore_zero", Type: dag.ArgBool, Default: true, Doc: "A metric that is 0 passes."}),
		make("SQLColumnCheckOperator", "Fails if the values of columns are not within bounds.", nil, runColumnCheck, "", append(tableArgs,
			dag.ArgSpec{Name: "column_mapping", Type: dag.ArgDict, Required: true, Doc: "Checks by column: null_check, distinct_check, unique_check, min and max, each with equal_to, greater_than, geq_to, less_than, leq_to, tolerance and partition_clause."},
			dag.ArgSpec{Name: "accept_none", Type: dag.ArgBool, Default: true, Doc: "Take NULL for 0."})...),
		make("SQLTableCheckOperator", "Fails if conditions do not hold for all rows, or for their sums.", nil, runTableCheck, "", append(tableArgs,
			dag.ArgSpec{Name: "checks", Type: dag.ArgDict, Required: true, Doc: "Dicts with check_statement and partition_clause, by name."})...),
	}
}

// failed is the end of a check that does not hold.
func failed(a *task.Attempt, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	retry, argErr := task.Get(a, "retry_on_failure", true)
	if argErr != nil {
		return errors.Join(err, argErr)
	}
	if !retry {
		return task.Fatal(err)
	}
	return err
}

// noRows is the end of a check whose query gave nothing.
func noRows(a *task.Attempt, statement string) error {
	return failed(a, "the query gave no rows: %s", statement)
}

// single reads sql and parameters and gives the first row.
func single(ctx context.Context, a *task.Attempt) (statement string, row task.Tuple, err error) {
	if statement, err = task.Get(a, "sql", ""); err != nil {
		return "", nil, err
	}
	params, err := parameters(a)
	if err != nil {
		return "", nil, err
	}
	if row, err = one(ctx, a, statement, params, ""); err == nil && row == nil {
		err = noRows(a, statement)
	}
	return statement, row, err
}

func runCheck(ctx context.Context, a *task.Attempt) (task.Result, error) {
	statement, row, err := single(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	for _, v := range row {
		if m, ok := v.(map[string]any); ok { // JSON: all of its values have to hold
			if class, _ := tagged(v); class == "" {
				for _, name := range slices.Sorted(maps.Keys(m)) {
					if !truth(m[name]) {
						return task.Result{}, failed(a, "the check does not hold: %s is %s; query: %s", name, show(m[name]), statement)
					}
				}
			}
		}
		if !truth(v) {
			return task.Result{}, failed(a, "the check does not hold: the first row is %s; query: %s", show(row), statement)
		}
	}
	return task.Result{}, nil
}

func runValueCheck(ctx context.Context, a *task.Attempt) (task.Result, error) {
	statement, row, err := single(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	want := text(a.Args["pass_value"])
	tolerance, tolerant := toFloat(a.Args["tolerance"])
	bad := func() error {
		off := ""
		if tolerant {
			off = " within " + strconv.FormatFloat(tolerance*100, 'f', 1, 64) + "%"
		}
		return failed(a, "the check does not hold: the first row is %s, expected %s%s; query: %s", show(row), want, off, statement)
	}
	expected, isNumber := parseFloat(want)
	for _, v := range row {
		if !isNumber {
			if text(v) != want {
				return task.Result{}, bad()
			}
			continue
		}
		n, ok := toFloat(v)
		switch {
		case !ok: // Airflow retries this one whatever retry_on_failure says
			return task.Result{}, fmt.Errorf("%s is no number, but %s is expected; query: %s", show(v), want, statement)
		case tolerant && (n < expected*(1-tolerance) || n > expected*(1+tolerance)), !tolerant && n != expected:
			return task.Result{}, bad()
		}
	}
	return task.Result{}, nil
}

func runThresholdCheck(ctx context.Context, a *task.Attempt) (task.Result, error) {
	statement, row, err := single(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	bounds := [2]float64{}
	for i, name := range []string{"min_threshold", "max_threshold"} {
		if bounds[i], err = threshold(ctx, a, name); err != nil {
			return task.Result{}, err
		}
	}
	n, ok := number(row[0])
	if !ok {
		return task.Result{}, failed(a, "the check does not hold: %s is no number; query: %s", show(row[0]), statement)
	}
	a.Log.InfoContext(ctx, "threshold check", "result", n, "min_threshold", bounds[0], "max_threshold", bounds[1])
	if n < bounds[0] || n > bounds[1] {
		return task.Result{}, failed(a, "the check does not hold: %s is not between %v and %v; query: %s", show(row[0]), bounds[0], bounds[1], statement)
	}
	return task.Result{}, nil
}

// threshold is a number, or the first value of a query.
func threshold(ctx context.Context, a *task.Attempt, name string) (float64, error) {
	v := a.Args[name]
	if n, ok := toFloat(v); ok {
		return n, nil
	}
	statement, ok := v.(string)
	if !ok {
		return 0, task.Misconfigured(fmt.Errorf("argument %s is %s, not a number or a query", name, show(v)))
	}
	row, err := one(ctx, a, statement, nil, "")
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if len(row) > 0 {
		if n, ok := number(row[0]); ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s: the query gave %s, not a number", name, show(row))
}

// Formulas of SQLIntervalCheckOperator.
const (
	ratioMaxOverMin   = "max_over_min"
	ratioRelativeDiff = "relative_diff"
)

func runIntervalCheck(ctx context.Context, a *task.Attempt) (task.Result, error) {
	var errs [6]error
	table, err := task.Get(a, "table", "")
	errs[0] = err
	column, err := task.Get(a, "date_filter_column", "ds")
	errs[1] = err
	back, err := task.Get(a, "days_back", -7)
	errs[2] = err
	formula, err := task.Get(a, "ratio_formula", ratioMaxOverMin)
	errs[3] = err
	ignoreZero, err := task.Get(a, "ignore_zero", true)
	errs[4] = err
	thresholds, err := task.Get(a, "metrics_thresholds", map[string]any(nil))
	errs[5] = err
	if err := errors.Join(errs[:]...); err != nil {
		return task.Result{}, err
	}
	if formula != ratioMaxOverMin && formula != ratioRelativeDiff {
		return task.Result{}, task.Misconfigured(fmt.Errorf("argument ratio_formula is %q: use %s or %s", formula, ratioMaxOverMin, ratioRelativeDiff))
	}
	metrics := slices.Sorted(maps.Keys(thresholds))
	if len(metrics) == 0 {
		return task.Result{}, task.Misconfigured(errors.New("argument metrics_thresholds is empty: name a metric"))
	}
	statement := "SELECT " + strings.Join(metrics, ", ") + " FROM " + table + " WHERE " + column + "="
	reference, err := metricsOf(ctx, a, fmt.Sprintf("%s'{{ macros.ds_add(ds, %d) }}'", statement, -int(math.Abs(float64(back)))))
	if err != nil {
		return task.Result{}, err
	}
	current, err := metricsOf(ctx, a, statement+"'{{ ds }}'")
	if err != nil {
		return task.Result{}, err
	}
	var bad []string
	for i, name := range metrics {
		limit, ok := number(thresholds[name])
		if !ok {
			return task.Result{}, task.Misconfigured(fmt.Errorf("argument metrics_thresholds: %s is %s, not a number", name, show(thresholds[name])))
		}
		why, err := compareMetric(current[i], reference[i], formula, limit, ignoreZero)
		if err != nil {
			return task.Result{}, fmt.Errorf("metric %s: %w", name, err)
		}
		a.Log.InfoContext(ctx, "metric "+name, "current", show(current[i]), "past", show(reference[i]), "threshold", limit, "passed", why == "")
		if why != "" {
			bad = append(bad, name+": "+why)
		}
	}
	if len(bad) > 0 {
		return task.Result{}, failed(a, "%d of %d metrics do not hold: %s", len(bad), len(metrics), strings.Join(bad, "; "))
	}
	return task.Result{}, nil
}

// metricsOf renders a query and gives its first row.
func metricsOf(ctx context.Context, a *task.Attempt, template string) (task.Tuple, error) {
	v, err := a.Templates.Render(ctx, template)
	if err != nil {
		return nil, err
	}
	statement := fmt.Sprint(v)
	row, err := one(ctx, a, statement, nil, "")
	if err == nil && row == nil {
		err = noRows(a, statement)
	}
	return row, err
}

// compareMetric says why a metric fails, or nothing.
func compareMetric(current, reference any, formula string, limit float64, ignoreZero bool) (string, error) {
	cur, ok1 := number(current)
	ref, ok2 := number(reference)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("%s and %s are not both numbers", show(current), show(reference))
	}
	if cur == 0 || ref == 0 {
		if ignoreZero {
			return "", nil
		}
		return "it is 0", nil
	}
	ratio := max(cur, ref) / min(cur, ref)
	if formula == ratioRelativeDiff {
		ratio = math.Abs(cur-ref) / ref
	}
	if ratio < limit {
		return "", nil
	}
	return fmt.Sprintf("%s is not below %v", strconv.FormatFloat(ratio, 'g', 6, 64), limit), nil
}
