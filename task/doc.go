// Package task is the runtime inside a worker: it executes a claimed attempt, from its
// arguments to its report. It renders templates, fills in XComs and mapped arguments,
// runs the operator, keeps the log, calls the author's callbacks. Claiming, leases and
// committing the report are the caller's; which operators there are is package
// operators/builtin's.
package task
