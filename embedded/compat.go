package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/dag/pyfile"
	"github.com/updraft-dev/updraft/python"
)

// CompatFile is what Updraft makes of one DAG file in Python.
type CompatFile struct {
	// File is its path in the folder.
	File  string `json:"file"`
	Loads bool   `json:"loads"`
	// Airflow is the release, 2 or 3, whose meaning the file has.
	Airflow int      `json:"airflow"`
	DAGs    []string `json:"dags"`
	Tasks   int      `json:"tasks"`
	// Operators are sorted by class.
	Operators []CompatOperator `json:"operators"`
	// Features are what the DAGs use beside operators, sorted.
	Features []string `json:"features"`
	// Missing are the names that Updraft does not have.
	Missing  []python.MissingName `json:"missing"`
	Error    string               `json:"error,omitempty"`
	Warnings []string             `json:"warnings"`
}

// CompatOperator is an operator that a file uses.
type CompatOperator struct {
	Class string `json:"class"`
	Tasks int    `json:"tasks"`
	// Own says that it is a class of the author's, which runs in Python.
	Own bool `json:"own,omitempty"`
}

// Compat reads all DAG files in Python of a folder, as the DAG folder is read, and says
// what they use and what is missing. Nothing is stored.
func (i *Installation) Compat(ctx context.Context, dir string) ([]CompatFile, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	parsed := map[string]python.Parsed{}
	var mu sync.Mutex
	c := i.pyfileConfig(dir, false)
	c.OnParsed = func(p string, said *python.Parsed) {
		mu.Lock()
		defer mu.Unlock()
		parsed[p] = *said
	}
	b, err := bag.Open(bag.Config{Dir: dir, Loaders: []bag.Loader{pyfile.Loader(ctx, c)}, Now: i.Now})
	if err != nil {
		return nil, err
	}
	changes, err := b.Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the DAG files: %w", err)
	}
	var out []CompatFile
	for _, f := range changes.Upserted {
		if said, ok := parsed[f.Path]; ok { // others are modules
			out = append(out, compatOf(f.Path, f.DAGs, nil, &said))
		}
	}
	for _, f := range changes.Broken {
		said := parsed[f.Path]
		out = append(out, compatOf(f.Path, nil, f.Err, &said))
	}
	slices.SortFunc(out, func(a, b CompatFile) int { return strings.Compare(a.File, b.File) })
	return out, nil
}

func compatOf(path string, dags []*dag.DAG, err error, said *python.Parsed) CompatFile {
	out := CompatFile{
		File: path, Loads: err == nil, Airflow: said.Compat, DAGs: []string{}, Operators: []CompatOperator{}, Features: []string{},
		Missing: []python.MissingName{}, Warnings: []string{},
	}
	for _, w := range said.Warnings {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d: %s: %s", w.Line, w.Category, w.Message))
	}
	if err != nil {
		out.Error = err.Error()
		if said.Error != nil {
			out.Missing = append(out.Missing, said.Error.Missing...)
		}
		var dup *bag.DuplicateError
		if errors.As(err, &dup) {
			out.Features = append(out.Features, "a DAG id of another file")
		}
		return out
	}
	operators, features := map[string]*CompatOperator{}, map[string]bool{}
	for _, d := range dags {
		out.DAGs = append(out.DAGs, d.ID)
		out.Tasks += len(d.Tasks)
		for _, t := range d.Tasks {
			class, own := t.Operator, false
			if c, ok := t.Args["class"].(string); ok && strings.HasPrefix(class, "updraft.") {
				class, own = c[strings.LastIndexByte(c, '.')+1:], true
			}
			if operators[class] == nil {
				operators[class] = &CompatOperator{Class: class, Own: own}
			}
			operators[class].Tasks++
		}
		featuresOf(d, features)
	}
	if len(dags) > 1 {
		features["several DAGs"] = true
	}
	for _, class := range slices.Sorted(maps.Keys(operators)) {
		out.Operators = append(out.Operators, *operators[class])
	}
	out.Features = append(out.Features, slices.Sorted(maps.Keys(features))...)
	return out
}

// featuresOf notes what a DAG uses beside operators.
func featuresOf(d *dag.DAG, out map[string]bool) {
	for name, used := range map[string]bool{
		"callbacks of the DAG": len(d.OnSuccess)+len(d.OnFailure) > 0, "catch-up": d.Catchup, "deadlines": len(d.Deadlines) > 0,
		"params": len(d.Params) > 0, "task groups": len(d.Groups) > 0, "own macros or filters": len(d.UserMacros)+len(d.UserFilters) > 0,
		"native templates": d.NativeTemplates, "template folders": len(d.TemplateSearchPath) > 0, "fail_fast": d.FailFast,
		"asset schedule": d.Schedule.Assets != nil, "schedule": d.Schedule.Kind != dag.ScheduleNone,
	} {
		if used {
			out[name] = true
		}
	}
	for _, g := range d.Groups {
		if g.Expand != nil {
			out["mapped groups"] = true
		}
	}
	for _, t := range d.Tasks {
		for name, used := range map[string]bool{
			"mapped tasks": t.Expand != nil, "setup and teardown": t.Setup || t.Teardown, "trigger rules": t.TriggerRule != dag.AllSuccess && !t.Teardown,
			"retries": t.Retries > 0, "pools": t.Pool != dag.DefaultPool, "depends_on_past": t.DependsOnPast, "rescheduling sensors": t.Reschedule,
			"callbacks of tasks": len(t.OnExecute)+len(t.OnSuccess)+len(t.OnFailure)+len(t.OnRetry)+len(t.OnSkipped) > 0,
			"assets":             len(t.Inlets)+len(t.Outlets) > 0, "executor": t.Executor != "" || len(t.ExecutorConfig) > 0, "mail": len(t.Email) > 0,
		} {
			if used {
				out[name] = true
			}
		}
	}
}
