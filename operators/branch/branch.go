// Package branch is what branching operators share: a choice becomes a result. What
// the choice does to the tasks below is the scheduler's matter.
package branch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// Choice reads what a branching function returned: null, a name, or a list of names.
func Choice(value any) ([]string, error) {
	var list []any
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		list = v
	case task.Tuple:
		list = v
	case map[string]any: // a set, in Airflow's tagged form
		class, _ := v["__classname__"].(string)
		data, ok := v["__data__"].([]any)
		if !ok || class != "builtins.set" && class != "builtins.frozenset" {
			return nil, fmt.Errorf("it chose a mapping: return null, a task id or a list of task ids")
		}
		list = data
	default:
		return nil, fmt.Errorf("it chose %v: return null, a task id or a list of task ids", v)
	}
	out := make([]string, len(list))
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			return nil, fmt.Errorf("it chose %v: task ids are texts", e)
		}
		out[i] = s
	}
	return out, nil
}

// Chosen is Follow for what a Python function returned: raw is the XCom of a Choice.
func Chosen(a *task.Attempt, raw json.RawMessage) (task.Result, error) {
	value, err := task.DecodeXCom(raw)
	if err != nil {
		return task.Result{}, err
	}
	names, err := Choice(value)
	if err != nil {
		return task.Result{}, err
	}
	return Follow(a, names, value)
}

// Follow is the result of an operator that chose to follow some tasks and groups and to
// skip its other direct downstream tasks. A name that is not there is looked for in the
// group of the task, and is an error otherwise. Value is the return value of a choice
// that skips nothing; any other choice has none, as in Airflow.
func Follow(a *task.Attempt, names []string, value any) (task.Result, error) {
	follow := make([]string, len(names))
	var unknown []string
	for i, name := range names {
		id, ok := resolve(a.DAG, a.Task, name)
		if !ok {
			unknown = append(unknown, name)
		}
		follow[i] = id
	}
	if len(unknown) > 0 {
		return task.Result{}, fmt.Errorf("it chose %s, which DAG %s does not have", strings.Join(unknown, ", "), a.DAG.ID)
	}
	skips, err := skipsAny(a, follow)
	if err != nil {
		return task.Result{}, err
	}
	res := task.Result{Branch: &run.Branch{Kind: run.BranchFollow, Follow: follow}}
	if !skips {
		res.Value = value
	}
	return res, nil
}

// Stop is the result of a short circuit: it skips everything below, or only the direct
// downstream tasks. Value is the return value if there is nothing below.
func Stop(a *task.Attempt, everything bool, value any) task.Result {
	kind := run.BranchSkipDirect
	if everything {
		kind = run.BranchSkipAll
	}
	res := task.Result{Branch: &run.Branch{Kind: kind}}
	if a.Instance.Map >= 0 || len(Downstream(a)) == 0 {
		res.Value = value
	}
	return res
}

// Downstream are the ids of the task's direct downstream tasks.
func Downstream(a *task.Attempt) []string {
	var out []string
	for _, t := range a.DAG.Tasks {
		if slices.Contains(t.Upstream, a.Task.ID) {
			out = append(out, t.ID)
		}
	}
	return out
}

// resolve finds a task or group by its id, or by its name inside the task's own group.
func resolve(d *dag.DAG, t *dag.Task, name string) (string, bool) {
	known := func(id string) bool { return d.Task(id) != nil || d.Group(id) != nil }
	if known(name) {
		return name, true
	}
	if g := d.Group(t.Group); g != nil && !g.NoPrefix && known(g.ID+"."+name) {
		return g.ID + "." + name, true
	}
	return name, false
}

// skipsAny says whether following these leaves out a direct downstream task.
func skipsAny(a *task.Attempt, follow []string) (bool, error) {
	if a.Instance.Map >= 0 {
		return false, nil // what a mapped branch skips is found later
	}
	below := Downstream(a)
	if len(below) == 0 {
		return false, nil
	}
	g, err := dag.NewGraph(a.DAG)
	if err != nil {
		return false, err
	}
	var from []int
	for _, id := range follow {
		if t, ok := g.Index(id); ok {
			from = append(from, t)
			continue
		}
		from = append(from, g.Roots(id)...)
	}
	reached := append(g.Relatives(from, true), from...)
	for _, id := range below {
		if t, ok := g.Index(id); ok && !slices.Contains(reached, t) {
			return true, nil
		}
	}
	return false, nil
}
