package dag

import (
	"errors"
	"maps"
	"slices"
)

// Callable names a Python function, in one of four ways: Path; File and Name; Lambda; or
// File, DAG, Task and Name for what only exists once the file has been executed, such
// as a function inside of another or a method of an operator.
type Callable struct {
	// Path is the dotted import path; or else File and Name are set.
	Path string `json:"path,omitempty"`
	File string `json:"file,omitempty"`
	// Name is the function in File; with DAG, the attribute of the task or DAG that
	// holds it: "python_callable", "execute", "on_failure_callback.0".
	Name string `json:"name,omitempty"`
	// Lambda is the source text of a lambda expression, in place of the others.
	Lambda string `json:"lambda,omitempty"`
	// DAG is the id of the DAG that executing File makes, and Task that of its task;
	// without Task it is the DAG itself that has Name.
	DAG  string `json:"dag,omitempty"`
	Task string `json:"task,omitempty"`
}

// String names the callable for messages.
func (c Callable) String() string {
	switch {
	case c.Path != "":
		return c.Path
	case c.Lambda != "":
		return c.Lambda
	case c.Task != "":
		return c.File + ":" + c.DAG + "." + c.Task + ":" + c.Name
	case c.DAG != "":
		return c.File + ":" + c.DAG + ":" + c.Name
	default:
		return c.File + ":" + c.Name
	}
}

// Check says what is wrong with how the callable is named.
func (c Callable) Check() error {
	ways := 0
	for _, way := range []string{c.Path, c.File, c.Lambda} {
		if way != "" {
			ways++
		}
	}
	switch {
	case ways != 1:
		return errors.New("name a Python function by its import path, its file or its lambda, and by one of these only")
	case c.File != "" && c.Name == "":
		return errors.New("names the file " + c.File + " and no function in it")
	case c.DAG != "" && c.File == "":
		return errors.New("names the DAG " + c.DAG + " and no file that makes it")
	case c.Task != "" && c.DAG == "":
		return errors.New("names the task " + c.Task + " and no DAG")
	}
	return nil
}

// tagged is what EncodeValue makes of it. What is newer is left out where it is empty:
// DAGs that do not use it keep their versions.
func (c Callable) tagged() map[string]any {
	out := map[string]any{typeTag: "callable", "path": c.Path, "file": c.File, "name": c.Name, "lambda": c.Lambda}
	if c.DAG != "" {
		out["dag"] = c.DAG
	}
	if c.Task != "" {
		out["task"] = c.Task
	}
	return out
}

// validateCallables checks the callables in an argument, at any depth.
func validateCallables(v any, arg string, add func(field, format string, args ...any)) {
	switch v := v.(type) {
	case Callable:
		if err := v.Check(); err != nil {
			add(arg, "%v", err)
		}
	case Derived:
		if err := v.check(); err != nil {
			add(arg, "%v", err)
		}
	case Values:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			validateCallables(v[name], name, add)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			validateCallables(v[name], arg, add)
		}
	case []any:
		for _, e := range v {
			validateCallables(e, arg, add)
		}
	}
}
