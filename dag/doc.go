// Package dag holds the words of an author: DAG, task, schedule, trigger rule,
// group, mapping. It validates them and answers questions about their graph. What
// happened to a DAG is package run's matter; what should happen next is package
// scheduler's.
package dag
