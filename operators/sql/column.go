package sql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/task"
)

// columnChecks are the checks of SQLColumnCheckOperator, with the column in place of %s.
func columnChecks() map[string]string {
	return map[string]string{
		"null_check":     "SUM(CASE WHEN %[1]s IS NULL THEN 1 ELSE 0 END)",
		"distinct_check": "COUNT(DISTINCT(%[1]s))",
		"unique_check":   "COUNT(%[1]s) - COUNT(DISTINCT(%[1]s))",
		"min":            "MIN(%[1]s)",
		"max":            "MAX(%[1]s)",
	}
}

func runColumnCheck(ctx context.Context, a *task.Attempt) (task.Result, error) {
	t, err := readTable(a)
	if err != nil {
		return task.Result{}, err
	}
	mapping, err := task.Get(a, "column_mapping", map[string]any(nil))
	if err != nil {
		return task.Result{}, err
	}
	acceptNone, err := task.Get(a, "accept_none", true)
	if err != nil {
		return task.Result{}, err
	}
	var selects []string
	var bounds []columnBounds
	for _, column := range slices.Sorted(maps.Keys(mapping)) {
		checks, ok := mapping[column].(map[string]any)
		if !ok {
			return task.Result{}, task.Misconfigured(fmt.Errorf("argument column_mapping: %s is %s, not a dict of checks", column, show(mapping[column])))
		}
		for _, check := range slices.Sorted(maps.Keys(checks)) {
			b, err := readBounds(column, check, checks[check])
			if err != nil {
				return task.Result{}, task.Misconfigured(fmt.Errorf("argument column_mapping: %s.%s: %w", column, check, err))
			}
			where, err := t.where(ctx, a, b.clause)
			if err != nil {
				return task.Result{}, err
			}
			selects = append(selects, "SELECT "+fmt.Sprintf(columnChecks()[check], column)+" FROM "+t.name+where)
			bounds = append(bounds, b)
		}
	}
	if len(selects) == 0 {
		return task.Result{}, task.Misconfigured(errors.New("argument column_mapping has no check"))
	}
	values, err := each(ctx, a, selects)
	if err != nil {
		return task.Result{}, err
	}
	var bad []string
	for i, b := range bounds {
		v := values[i]
		if v == nil && acceptNone {
			v = int64(0)
		}
		n, ok := number(v)
		if !ok || !b.hold(n) {
			bad = append(bad, fmt.Sprintf("%s.%s is %s, which is not %s", b.column, b.check, show(v), b.String()))
		}
	}
	return task.Result{}, verdict(a, bad, len(bounds))
}

// verdict fails if anything is bad.
func verdict(a *task.Attempt, bad []string, all int) error {
	if len(bad) == 0 {
		return nil
	}
	return failed(a, "%d of %d checks do not hold: %s", len(bad), all, strings.Join(bad, "; "))
}

// each executes queries of one value in one session.
func each(ctx context.Context, a *task.Attempt, statements []string) ([]any, error) {
	s, _, err := open(ctx, a, "conn_id", "", false)
	if err != nil {
		return nil, err
	}
	defer s.close(ctx)
	out := make([]any, len(statements))
	for i, statement := range statements {
		a.Log.InfoContext(ctx, "executing: "+statement)
		row, err := first(ctx, s, statement, nil)
		if err != nil {
			return nil, err
		}
		if len(row) > 0 {
			out[i] = row[0]
		}
		a.Log.InfoContext(ctx, "result: "+show(out[i]))
	}
	return out, s.commit(ctx)
}

// table is what a check looks at.
type table struct{ name, clause string }

func readTable(a *task.Attempt) (table, error) {
	var t table
	var err error
	if t.name, err = task.Get(a, "table", ""); err != nil {
		return t, err
	}
	if t.clause, err = task.Get(a, "partition_clause", ""); err != nil {
		return t, err
	}
	if strings.Contains(t.clause, ";") {
		return t, task.Misconfigured(errors.New("argument partition_clause has a semicolon: it is one condition"))
	}
	return t, nil
}

// where is the condition of a query: the table's and the check's own, which is
// rendered here because it is deep in an argument that is no template.
func (t table) where(ctx context.Context, a *task.Attempt, own string) (string, error) {
	if own != "" {
		v, err := a.Templates.Render(ctx, own)
		if err != nil {
			return "", err
		}
		own = fmt.Sprint(v)
	}
	switch {
	case t.clause != "" && own != "":
		return " WHERE " + t.clause + " AND " + own, nil
	case t.clause != "" || own != "":
		return " WHERE " + t.clause + own, nil
	default:
		return "", nil
	}
}

// columnBounds is what one check of a column expects.
type columnBounds struct {
	column, check, clause string
	limits                map[string]float64
	tolerance             float64
}

// comparisons are the bounds, in the order in which they are shown.
var comparisons = [...]string{"equal_to", "greater_than", "geq_to", "less_than", "leq_to"}

func readBounds(column, check string, v any) (columnBounds, error) {
	b := columnBounds{column: column, check: check, limits: map[string]float64{}}
	if columnChecks()[check] == "" {
		return b, fmt.Errorf("there is no such check: use one of %s", strings.Join(slices.Sorted(maps.Keys(columnChecks())), ", "))
	}
	m, ok := v.(map[string]any)
	if !ok {
		return b, fmt.Errorf("%s is no dict with bounds", show(v))
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		switch {
		case slices.Contains(comparisons[:], name):
			if b.limits[name], ok = number(m[name]); !ok {
				return b, fmt.Errorf("%s is %s, not a number", name, show(m[name]))
			}
		case name == "tolerance":
			if b.tolerance, ok = number(m[name]); !ok && m[name] != nil {
				return b, fmt.Errorf("tolerance is %s, not a number", show(m[name]))
			}
		case name == "partition_clause":
			if b.clause, ok = m[name].(string); !ok {
				return b, fmt.Errorf("partition_clause is %s, not a text", show(m[name]))
			}
		default:
			return b, fmt.Errorf("unknown %s: use %s, tolerance or partition_clause", name, strings.Join(comparisons[:], ", "))
		}
	}
	return b, b.validate()
}

func (b columnBounds) has(name string) bool {
	_, ok := b.limits[name]
	return ok
}

// validate refuses bounds that contradict each other.
func (b columnBounds) validate() error {
	switch {
	case len(b.limits) == 0:
		return fmt.Errorf("no bound: give one of %s", strings.Join(comparisons[:], ", "))
	case b.has("equal_to") && len(b.limits) > 1:
		return errors.New("equal_to goes with no other bound")
	case b.has("greater_than") && b.has("geq_to"):
		return errors.New("greater_than and geq_to exclude each other")
	case b.has("less_than") && b.has("leq_to"):
		return errors.New("less_than and leq_to exclude each other")
	}
	for _, low := range []string{"greater_than", "geq_to"} {
		for _, high := range []string{"less_than", "leq_to"} {
			if !b.has(low) || !b.has(high) {
				continue
			}
			if l, h := b.limits[low], b.limits[high]; l > h || l == h && (low != "geq_to" || high != "leq_to") {
				return fmt.Errorf("%s %v leaves nothing below %s %v", low, l, high, h)
			}
		}
	}
	return nil
}

// hold says whether a value is within the bounds, widened by the tolerance.
func (b columnBounds) hold(n float64) bool {
	down, up := 1-b.tolerance, 1+b.tolerance
	for name, limit := range b.limits {
		var ok bool
		switch name {
		case "equal_to":
			ok = limit*down <= n && n <= limit*up
		case "greater_than":
			ok = n > limit*down
		case "geq_to":
			ok = n >= limit*down
		case "less_than":
			ok = n < limit*up
		case "leq_to":
			ok = n <= limit*up
		}
		if !ok {
			return false
		}
	}
	return true
}

// String says in words what is expected.
func (b columnBounds) String() string {
	var parts []string
	for _, name := range comparisons {
		if limit, ok := b.limits[name]; ok {
			parts = append(parts, fmt.Sprintf("%s %v", name, limit))
		}
	}
	out := strings.Join(parts, " and ")
	if b.tolerance != 0 {
		out += fmt.Sprintf(" with tolerance %v", b.tolerance)
	}
	return out
}

func runTableCheck(ctx context.Context, a *task.Attempt) (task.Result, error) {
	t, err := readTable(a)
	if err != nil {
		return task.Result{}, err
	}
	checks, err := task.Get(a, "checks", map[string]any(nil))
	if err != nil {
		return task.Result{}, err
	}
	if len(checks) == 0 {
		return task.Result{}, task.Misconfigured(errors.New("argument checks has no check"))
	}
	names := slices.Sorted(maps.Keys(checks))
	selects := make([]string, len(names))
	for i, name := range names {
		m, _ := checks[name].(map[string]any)
		condition, ok := m["check_statement"].(string)
		if !ok {
			return task.Result{}, task.Misconfigured(fmt.Errorf("argument checks: %s has no check_statement", name))
		}
		clause, ok := m["partition_clause"].(string)
		if !ok && m["partition_clause"] != nil {
			return task.Result{}, task.Misconfigured(fmt.Errorf("argument checks: %s: partition_clause is %s, not a text", name, show(m["partition_clause"])))
		}
		where, err := t.where(ctx, a, clause)
		if err != nil {
			return task.Result{}, err
		}
		v, err := a.Templates.Render(ctx, condition)
		if err != nil {
			return task.Result{}, err
		}
		// The inner query gives one row for a sum and one for each row otherwise.
		selects[i] = fmt.Sprintf("SELECT MIN(held) FROM (SELECT CASE WHEN %v THEN 1 ELSE 0 END AS held FROM %s%s) AS sq", v, t.name, where)
	}
	values, err := each(ctx, a, selects)
	if err != nil {
		return task.Result{}, err
	}
	var bad []string
	for i, name := range names {
		if values[i] == nil {
			bad = append(bad, name+" (no rows)")
		} else if !truth(values[i]) {
			bad = append(bad, name)
		}
	}
	return task.Result{}, verdict(a, bad, len(names))
}
