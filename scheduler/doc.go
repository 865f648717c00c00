// Package scheduler decides: given what is known of DAGs, runs and task instances,
// and the time, Plan says what happens next. It has no clock, does no I/O, takes no
// lock and writes no log; values go in and a description of changes comes out.
//
// The rules are those of Apache Airflow 3; each function names the section of the
// semantics (docs/scheduling.md) that it implements and, after "golden", the scenarios
// in testdata that show it. What is durable is package store's matter; who loads,
// commits and dispatches is package tick's.
package scheduler
