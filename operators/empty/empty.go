// Package empty holds the operators that do no work: EmptyOperator, which no worker
// ever sees, and NoopOperator, which is executed like any other.
package empty

import (
	"context"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	nothing := func(context.Context, *task.Attempt) (task.Result, error) { return task.Result{}, nil }
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.standard.operators.empty.EmptyOperator",
				Aliases: []string{
					"airflow.operators.empty.EmptyOperator", "airflow.operators.dummy.DummyOperator",
					"airflow.operators.dummy_operator.DummyOperator",
				},
				Doc:  "Does nothing; the scheduler marks it a success without asking a worker, unless it has callbacks or outlets.",
				Kind: dag.OperatorInert,
			},
			Run:       nothing,
			Resumable: true,
		},
		{
			Spec: dag.OperatorSpec{
				Class: "updraft.operators.NoopOperator",
				Doc:   "Does nothing, but is executed by a worker as any other task: for measuring and for trying things out. A success leaves no log.",
				Quiet: true,
			},
			Run:       nothing,
			Resumable: true,
		},
	}
}
