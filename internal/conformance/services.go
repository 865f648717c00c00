package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// services are the store and the Python of the attempts in a world.
type services struct{ w *world }

// XComs implements store.XComs.
func (s services) XComs(_ context.Context, q store.XComQuery) ([]store.XComItem, error) {
	var out []store.XComItem
	if q.Run != (run.ID{DAG: s.w.DAG.ID, Run: s.w.Run.ID}) {
		return nil, nil
	}
	add := func(id string, index int, value string) {
		if q.Maps == nil || slices.Contains(q.Maps, index) {
			k := run.Key{ID: q.Run, Task: id, Map: index}
			out = append(out, store.XComItem{Key: k, XCom: run.XCom{Name: q.Name, Value: json.RawMessage(value)}})
		}
	}
	for _, id := range q.Tasks {
		switch {
		case q.Name == "extra" && id == "maker":
			add(id, run.Unmapped, "[1, 2]")
		case q.Name != dag.ReturnValue:
		case id == s.w.Task:
			add(id, s.w.Map, `"own"`)
		case s.w.XCom[id] != nil:
			add(id, run.Unmapped, string(s.w.XCom[id]))
		default:
			for i, value := range pushed[id] {
				if len(pushed[id]) == 1 {
					i = run.Unmapped
				}
				add(id, i, value)
			}
		}
	}
	return out, nil
}

// ListRuns implements task.Store: there is one run before this one, or none.
func (s services) ListRuns(_ context.Context, f store.RunFilter, _ store.Page) (store.RunList, error) {
	p := s.w.Previous
	if p == nil || !f.LogicalBefore.IsZero() && !p.LogicalDate.Before(f.LogicalBefore) {
		return store.RunList{}, nil
	}
	return store.RunList{Items: []run.Run{{
		ID: run.ID{DAG: s.w.DAG.ID, Run: p.ID}, Type: run.TypeScheduled, State: run.RunSuccess, LogicalDate: p.LogicalDate,
		IntervalStart: p.IntervalStart, IntervalEnd: p.IntervalEnd, Start: p.Start,
	}}}, nil
}

var errNotRecorded = errors.New("the recordings do not have this")

// Call implements task.Python with the recorder's two functions.
func (s services) Call(_ context.Context, _ *task.Attempt, c task.PythonCall) (json.RawMessage, error) {
	text := func(i int, name, def string) string {
		if v, ok := c.Kwargs[name]; ok {
			return fmt.Sprint(v)
		}
		if i < len(c.Args) {
			return fmt.Sprint(c.Args[i])
		}
		return def
	}
	switch c.Callable.Path {
	case "world_dag.shout":
		return json.Marshal(strings.ToUpper(text(0, "s", "")) + "!")
	case "world_dag.wrap":
		b, err := json.Marshal(text(1, "l", "<") + text(0, "s", "") + text(2, "r", ">"))
		return b, err
	}
	return nil, errNotRecorded
}

// Check implements task.Python.
func (s services) Check(context.Context, *task.Attempt, task.PythonCall) (bool, json.RawMessage, error) {
	return false, nil, errNotRecorded
}

// Callback implements task.PythonRunner.
func (s services) Callback(context.Context, *task.Attempt, dag.Callback, *task.End) error {
	return errNotRecorded
}

// PutXCom implements store.XComs: what is pushed is not looked at.
func (s services) PutXCom(context.Context, run.Key, string, run.XCom) error { return nil }

// DeleteXCom implements store.XComs.
func (s services) DeleteXCom(context.Context, run.Key, string) error { return nil }

// Run implements task.Store.
func (s services) Run(context.Context, run.ID, ...string) (store.RunData, error) {
	return store.RunData{}, errNotRecorded
}

// DAG implements task.Store.
func (s services) DAG(context.Context, string) (store.Definition, error) {
	return store.Definition{}, errNotRecorded
}
