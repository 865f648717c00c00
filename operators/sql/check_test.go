package sql_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/operators/operatortest"
)

// render knows the two expressions of the interval check.
type render struct{}

func (render) Render(_ context.Context, v any) (any, error) {
	return strings.NewReplacer("{{ ds }}", "2024-05-08", "{{ macros.ds_add(ds, -7) }}", "2024-05-01").Replace(fmt.Sprint(v)), nil
}

func TestChecks(t *testing.T) {
	t.Parallel()
	const (
		check     = "SQLCheckOperator"
		value     = "SQLValueCheckOperator"
		threshold = "SQLThresholdCheckOperator"
		interval  = "SQLIntervalCheckOperator"
		column    = "SQLColumnCheckOperator"
		whole     = "SQLTableCheckOperator"
	)
	type m = map[string]any
	tests := []struct {
		class string
		args  m
		want  string
	}{
		{check, m{"sql": "SELECT 1, 'x', 0.5"}, "success"},
		{check, m{"sql": "SELECT ?", "parameters": []any{int64(1)}}, "success"},
		{check, m{"sql": "SELECT 1, 0"}, "failed: the check does not hold: the first row is (1, 0); query: SELECT 1, 0"},
		{check, m{"sql": "SELECT NULL", "retry_on_failure": false}, "fatal (task): the check does not hold: the first row is (None,); query: SELECT NULL"},
		{check, m{"sql": "SELECT 1 WHERE 0"}, "failed: the query gave no rows: SELECT 1 WHERE 0"},

		{value, m{"sql": "SELECT 5, '5.0'", "pass_value": int64(5)}, "success"},
		{value, m{"sql": "SELECT 'a'", "pass_value": "a"}, "success"},
		{value, m{"sql": "SELECT 9", "pass_value": "10", "tolerance": 0.1}, "success"},
		{value, m{"sql": "SELECT 8", "pass_value": "10", "tolerance": 0.1}, "failed: the check does not hold: the first row is (8,), expected 10 within 10.0%; query: SELECT 8"},
		{value, m{"sql": "SELECT 'b'", "pass_value": "a"}, "failed: the check does not hold: the first row is ('b',), expected a; query: SELECT 'b'"},
		{value, m{"sql": "SELECT 'b'", "pass_value": int64(1)}, "failed: 'b' is no number, but 1 is expected; query: SELECT 'b'"},
		{value, m{"sql": "SELECT NULL", "pass_value": nil}, "success"},

		{threshold, m{"sql": "SELECT 5", "min_threshold": int64(1), "max_threshold": "SELECT 5.5"}, "success"},
		{threshold, m{"sql": "SELECT 5", "min_threshold": "5.5", "max_threshold": int64(6)}, "failed: the check does not hold: 5 is not between 5.5 and 6; query: SELECT 5"},
		{threshold, m{"sql": "SELECT 5", "min_threshold": "SELECT 'x'", "max_threshold": int64(6)}, "failed: min_threshold: the query gave ('x',), not a number"},
		{threshold, m{"sql": "SELECT 5", "min_threshold": true, "max_threshold": []any{}}, "fatal (config): argument max_threshold is [], not a number or a query"},
		{threshold, m{"sql": "SELECT NULL", "min_threshold": int64(1), "max_threshold": int64(6)}, "failed: the check does not hold: None is no number; query: SELECT NULL"},

		{interval, m{"table": "m", "metrics_thresholds": m{"sum(a)": 1.5, "count(*)": int64(2)}}, "success"},
		{interval, m{"table": "m", "metrics_thresholds": m{"sum(a)": 1.2}, "days_back": int64(7)}, "failed: 1 of 1 metrics do not hold: sum(a): 1.33333 is not below 1.2"},
		{interval, m{"table": "m", "metrics_thresholds": m{"sum(a)": 0.3}, "ratio_formula": "relative_diff"}, "failed: 1 of 1 metrics do not hold: sum(a): 0.333333 is not below 0.3"},
		{interval, m{"table": "m", "metrics_thresholds": m{"sum(z)": 1.2}}, "success"},
		{interval, m{"table": "m", "metrics_thresholds": m{"sum(z)": 1.2}, "ignore_zero": false}, "failed: 1 of 1 metrics do not hold: sum(z): it is 0"},
		{interval, m{"table": "m", "metrics_thresholds": m{"a": "x"}}, "fatal (config): argument metrics_thresholds: a is 'x', not a number"},
		{interval, m{"table": "m", "metrics_thresholds": m{"sum(n)": 1.2}}, "failed: metric sum(n): None and None are not both numbers"},
		{interval, m{"table": "m", "metrics_thresholds": m{"a": 1.2}, "ratio_formula": "x"}, `fatal (config): argument ratio_formula is "x": use max_over_min or relative_diff`},
		{interval, m{"table": "m", "metrics_thresholds": m{}}, "fatal (config): argument metrics_thresholds is empty: name a metric"},
		{interval, m{"table": "m", "metrics_thresholds": m{"a": 1.2}, "date_filter_column": "other"}, "failed: the query gave no rows: SELECT a FROM m WHERE other='2024-05-01'"},

		{column, m{"table": "t", "column_mapping": m{
			"id": m{"min": m{"equal_to": int64(1)}, "max": m{"geq_to": int64(3), "leq_to": int64(3)}, "unique_check": m{"equal_to": int64(0)}, "distinct_check": m{"greater_than": int64(2)}},
		}}, "success"},
		{column, m{"table": "t", "partition_clause": "id < 3", "column_mapping": m{"price": m{"null_check": m{"equal_to": int64(0)}, "max": m{"less_than": int64(2), "tolerance": 0.1}}}}, "success"},
		{column, m{"table": "t", "column_mapping": m{"price": m{"null_check": m{"equal_to": int64(0)}, "min": m{"greater_than": int64(1), "partition_clause": "id = 1"}}}},
			"failed: 1 of 2 checks do not hold: price.null_check is 1, which is not equal_to 0"},
		{column, m{"table": "t", "partition_clause": "id = 1", "column_mapping": m{"price": m{"max": m{"geq_to": int64(1), "leq_to": 1.4, "partition_clause": "1"}}}, "retry_on_failure": false},
			"fatal (task): 1 of 1 checks do not hold: price.max is 1.5, which is not geq_to 1 and leq_to 1.4"},
		{column, m{"table": "t", "partition_clause": "0", "column_mapping": m{"price": m{"max": m{"equal_to": int64(0)}}}}, "success"},
		{column, m{"table": "t", "partition_clause": "0", "column_mapping": m{"price": m{"max": m{"equal_to": int64(0)}}}, "accept_none": false},
			"failed: 1 of 1 checks do not hold: price.max is None, which is not equal_to 0"},
		{column, m{"table": "t", "partition_clause": "1; DROP TABLE t", "column_mapping": m{}}, "fatal (config): argument partition_clause has a semicolon: it is one condition"},
		{column, m{"table": "t", "column_mapping": m{}}, "fatal (config): argument column_mapping has no check"},
		{column, m{"table": "t", "column_mapping": m{"id": "x"}}, "fatal (config): argument column_mapping: id is 'x', not a dict of checks"},
		{column, m{"table": "t", "column_mapping": m{"id": m{"avg": m{}}}}, "fatal (config): argument column_mapping: id.avg: there is no such check: use one of distinct_check, max, min, null_check, unique_check"},
		{column, m{"table": "t", "column_mapping": m{"id": m{"min": m{}}}}, "fatal (config): argument column_mapping: id.min: no bound: give one of equal_to, greater_than, geq_to, less_than, leq_to"},
		{column, m{"table": "t", "column_mapping": m{"id": m{"min": m{"above": int64(1)}}}}, "fatal (config): argument column_mapping: id.min: unknown above: use equal_to, greater_than, geq_to, less_than, leq_to, tolerance or partition_clause"},
		{column, m{"table": "t", "column_mapping": m{"id": m{"min": m{"equal_to": "1"}}}}, "fatal (config): argument column_mapping: id.min: equal_to is '1', not a number"},
		{column, m{"table": "t", "column_mapping": m{"id": m{"min": m{"equal_to": int64(1), "leq_to": int64(1)}}}}, "fatal (config): argument column_mapping: id.min: equal_to goes with no other bound"},
		{column, m{"table": "t", "column_mapping": m{"id": m{"min": m{"greater_than": int64(1), "geq_to": int64(1)}}}}, "fatal (config): argument column_mapping: id.min: greater_than and geq_to exclude each other"},
		{column, m{"table": "t", "column_mapping": m{"id": m{"min": m{"less_than": int64(1), "leq_to": int64(1)}}}}, "fatal (config): argument column_mapping: id.min: less_than and leq_to exclude each other"},
		{column, m{"table": "t", "column_mapping": m{"id": m{"min": m{"geq_to": int64(1), "less_than": int64(1)}}}}, "fatal (config): argument column_mapping: id.min: geq_to 1 leaves nothing below less_than 1"},

		{whole, m{"table": "t", "checks": m{"rows": m{"check_statement": "COUNT(*) = 3"}, "each": m{"check_statement": "id > 0", "partition_clause": "name IS NOT NULL"}}}, "success"},
		{whole, m{"table": "t", "partition_clause": "id > 1", "checks": m{"rows": m{"check_statement": "COUNT(*) = 3"}, "each": m{"check_statement": "id > 2"}, "fine": m{"check_statement": "1"}}},
			"failed: 2 of 3 checks do not hold: each; rows"},
		{whole, m{"table": "t", "partition_clause": "0", "checks": m{"each": m{"check_statement": "id > 2"}}}, "failed: 1 of 1 checks do not hold: each (no rows)"},
		{whole, m{"table": "t", "checks": m{}}, "fatal (config): argument checks has no check"},
		{whole, m{"table": "t", "checks": m{"a": "x"}}, "fatal (config): argument checks: a has no check_statement"},
		{whole, m{"table": "t", "checks": m{"a": m{"check_statement": "1", "partition_clause": int64(1)}}}, "fatal (config): argument checks: a: partition_clause is 1, not a text"},
	}
	h := harness(t)
	h.Templates = render{}
	must(t, h, `CREATE TABLE m (ds, other, a, z, n); INSERT INTO m VALUES ('2024-05-01', '', 3, 0, NULL), ('2024-05-08', '', 4, 1, NULL)`)
	for i, tt := range tests {
		tt.args["conn_id"] = "db"
		_, err := do(t, h, common+tt.class, tt.args)
		if got := operatortest.Outcome(err); got != tt.want {
			t.Errorf("%d %s %v\ngot  %s\nwant %s", i, tt.class, tt.args, got, tt.want)
		}
	}
}
