// Package python runs Python callables for task attempts, each in a process of
// its own that costs milliseconds: a small parent interpreter forks them.
//
// A Runner starts the parent from the embedded folder updraft_runner, which needs
// a Python from 3.9 on and nothing but its standard library. One socket controls
// the parent; each attempt has another one, on which it is sent its call, asks for
// XComs, variables and connections (Handler), and says how it ended (Result).
// Callables that want Airflow's names find them in the folder updraft_dags when
// Airflow is not installed; DAG files in Python always do (Parser). What a task is,
// when it is retried and where its values are kept does not belong here.
package python
