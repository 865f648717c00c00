// Package exitcode is the argument skip_on_exit_code of operators that run processes.
package exitcode

import (
	"fmt"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

const name = "skip_on_exit_code"

// Arg describes the argument. Default is what an absent one means, nil for nothing.
func Arg(def any) dag.ArgSpec {
	return dag.ArgSpec{Name: name, Type: dag.ArgAny, Default: def, Doc: "Exit code, or list of exit codes, that skips the task; null for none."}
}

// Skips are the exit codes that skip the attempt; def is for an absent argument.
func Skips(a *task.Attempt, def ...int) ([]int, error) {
	v, given := a.Args[name]
	switch v := v.(type) {
	case nil:
		if given {
			return nil, nil
		}
		return def, nil
	case []any:
		return codes(v)
	case task.Tuple:
		return codes(v)
	default:
		return codes([]any{v})
	}
}

func codes(list []any) ([]int, error) {
	out := make([]int, len(list))
	for i, e := range list {
		n, ok := e.(int64)
		if !ok {
			return nil, task.Misconfigured(fmt.Errorf("argument %s: %v is no exit code: use whole numbers", name, e))
		}
		out[i] = int(n)
	}
	return out, nil
}
