// Package builtin is the table of the operators that Updraft has. An operator is known
// if its package is in the list here; nothing registers itself.
package builtin

import (
	"slices"
	"sync"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws/athena"
	"github.com/updraft-dev/updraft/operators/aws/ecs"
	"github.com/updraft-dev/updraft/operators/aws/eventbridge"
	"github.com/updraft-dev/updraft/operators/aws/lambda"
	"github.com/updraft-dev/updraft/operators/aws/s3"
	"github.com/updraft-dev/updraft/operators/aws/sns"
	"github.com/updraft-dev/updraft/operators/aws/sqs"
	"github.com/updraft-dev/updraft/operators/bash"
	"github.com/updraft-dev/updraft/operators/clock"
	"github.com/updraft-dev/updraft/operators/dagrun"
	"github.com/updraft-dev/updraft/operators/docker"
	"github.com/updraft-dev/updraft/operators/email"
	"github.com/updraft-dev/updraft/operators/empty"
	"github.com/updraft-dev/updraft/operators/filesystem"
	"github.com/updraft-dev/updraft/operators/http"
	"github.com/updraft-dev/updraft/operators/kubernetes"
	"github.com/updraft-dev/updraft/operators/pyobject"
	"github.com/updraft-dev/updraft/operators/python"
	"github.com/updraft-dev/updraft/operators/sql"
	"github.com/updraft-dev/updraft/operators/ssh"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns all operators, in the order in which they are documented. The
// slice is the caller's.
func Operators() []task.Operator {
	return slices.Concat(
		empty.Operators(),
		bash.Operators(),
		python.Operators(),
		http.Operators(),
		sql.Operators(),
		ssh.Operators(),
		docker.Operators(),
		kubernetes.Operators(),
		dagrun.Operators(),
		clock.Operators(),
		filesystem.Operators(),
		email.Operators(),
		pyobject.Operators(),
		lambda.Operators(),
		sqs.Operators(),
		s3.Operators(),
		ecs.Operators(),
		athena.Operators(),
		sns.Operators(),
		eventbridge.Operators(),
	)
}

// Catalog returns what the loader of DAG files has to know of the operators.
func Catalog() *dag.Catalog { return theTable().catalog }

// Lookup returns the operator with this import path or alias, or nil. It fits
// task.Config.Operators.
func Lookup(path string) *task.Operator { return theTable().byPath[path] }

type table struct {
	catalog *dag.Catalog
	byPath  map[string]*task.Operator
}

// theTable is made at the first use and never changes.
var theTable = sync.OnceValue(func() *table {
	ops := Operators()
	t := &table{byPath: make(map[string]*task.Operator)}
	specs := make([]dag.OperatorSpec, len(ops))
	for i := range ops {
		specs[i] = ops[i].Spec
		for _, p := range append([]string{ops[i].Spec.Class}, ops[i].Spec.Aliases...) {
			t.byPath[p] = &ops[i]
		}
	}
	t.catalog = dag.NewCatalog(specs...)
	return t
})
