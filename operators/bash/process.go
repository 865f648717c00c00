package bash

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/exitcode"
	"github.com/updraft-dev/updraft/task"
)

// killGrace is the time between SIGTERM and SIGKILL (Airflow's killed_task_cleanup_time).
const killGrace = time.Minute

// processArgs are the arguments about how the process is started.
func processArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		envArg(),
		{Name: "append_env", Type: dag.ArgBool, Default: false, Doc: "Add env to the worker's environment instead of replacing it."},
		{
			Name: "cwd", Type: dag.ArgString, Templated: true,
			Doc: "Working directory, from the DAG file's folder; without it a new folder that is removed afterwards.",
		},
	}
}

func envArg() dag.ArgSpec {
	return dag.ArgSpec{
		Name: "env", Type: dag.ArgDict, Templated: true,
		Doc: "Environment of the process; without it the process inherits the worker's.",
	}
}

// outputArgs are the arguments about what becomes of output and exit code.
func outputArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		exitcode.Arg(int64(skipCode)),
		encodingArg(),
		{Name: "output_processor", Type: dag.ArgCallable, Doc: "Function that makes the return value of the last line of output."},
	}
}

func encodingArg() dag.ArgSpec {
	return dag.ArgSpec{Name: "output_encoding", Type: dag.ArgString, Default: "utf-8", Doc: "Encoding of the output."}
}

// runCommand executes a command and makes a result of its end.
func runCommand(ctx context.Context, a *task.Attempt, c task.Command) (task.Result, error) {
	skips, err := exitcode.Skips(a, skipCode)
	if err != nil {
		return task.Result{}, err
	}
	exit, last, err := execute(ctx, a, c)
	if err != nil {
		return task.Result{}, err
	}
	if exit.Signal == "" && slices.Contains(skips, exit.Code) {
		return task.Result{}, task.Skip("exit code %d", exit.Code)
	}
	if err := exit.Err(a.Memory()); err != nil {
		return task.Result{}, err
	}
	if last.tooLong() && a.Task.DoXComPush {
		return task.Result{}, fmt.Errorf("the last line of output is longer than %d MiB: write results to a file, or set do_xcom_push to false", maxLine>>20)
	}
	return processed(ctx, a, last.text())
}

// processed is the result for the last line of output.
func processed(ctx context.Context, a *task.Attempt, line string) (task.Result, error) {
	f := a.Args["output_processor"]
	if f == nil {
		return task.Result{Value: line}, nil
	}
	callable, ok := f.(dag.Callable)
	if !ok {
		return task.Result{}, task.Misconfigured(errors.New("argument output_processor is no function"))
	}
	if a.Python == nil {
		return task.Result{}, task.Misconfigured(errors.New("argument output_processor needs Python, which is not available here"))
	}
	raw, err := a.Python.Call(ctx, a, task.PythonCall{Callable: callable, Args: []any{line}, NoContext: true})
	if err != nil {
		return task.Result{}, err
	}
	return task.Result{Value: raw}, nil
}

// execute runs a command in the environment and folder that the arguments say.
func execute(ctx context.Context, a *task.Attempt, c task.Command) (task.Exit, *lastLine, error) {
	if a.Processes == nil {
		return task.Exit{}, nil, task.Misconfigured(errors.New("processes are not available here"))
	}
	last, err := newLastLine(a)
	if err != nil {
		return task.Exit{}, nil, err
	}
	if c.Env, err = environment(a); err != nil {
		return task.Exit{}, nil, err
	}
	if c.Dir, err = folder(a); err != nil {
		return task.Exit{}, nil, err
	}
	c.Scratch = c.Dir == ""
	c.Attempt, c.Output, c.Memory, c.Grace = a.Key, last, a.Memory(), killGrace
	exit, err := a.Processes.Exec(ctx, c)
	if exit.Left != nil {
		a.Log.WarnContext(ctx, "the working directory could not be removed: "+exit.Left.Error())
	}
	if err != nil {
		return exit, last, fmt.Errorf("running %s: %w", c.Argv[0], err)
	}
	if ctx.Err() != nil { // what a process says that was told to stop does not count
		return exit, last, fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	last.fallback(exit.LastLine)
	return exit, last, nil
}

// environment is the environment of the process: the worker's, env, or both, and
// always the attempt's own variables.
func environment(a *task.Attempt) ([]string, error) {
	own, err := task.Get(a, "env", map[string]any(nil))
	if err != nil {
		return nil, err
	}
	add, err := task.Get(a, "append_env", false)
	if err != nil {
		return nil, err
	}
	var inherited []string
	if add || a.Args["env"] == nil {
		inherited = a.Environ
	}
	said := make([]string, 0, len(own))
	for _, k := range slices.Sorted(maps.Keys(own)) {
		text, ok := own[k].(string)
		if !ok {
			return nil, task.Misconfigured(fmt.Errorf("argument env: %s is %v, not a text: put it in quotes", k, own[k]))
		}
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.ContainsRune(text, 0) {
			return nil, task.Misconfigured(fmt.Errorf("argument env: %q cannot be a variable", k))
		}
		said = append(said, k+"="+text)
	}
	return lastOf(inherited, said, a.Env()), nil
}

// lastOf are the variables of some lists; of several with the same name the last one.
func lastOf(lists ...[]string) []string {
	n := 0
	for _, l := range lists {
		n += len(l)
	}
	out, at := make([]string, 0, n), make(map[string]int, n)
	for _, l := range lists {
		for _, kv := range l {
			k, _, ok := strings.Cut(kv, "=")
			if !ok {
				continue
			}
			if i, twice := at[k]; twice {
				out[i] = kv
				continue
			}
			at[k] = len(out)
			out = append(out, kv)
		}
	}
	return out
}

// folder is where the process runs; empty if the author says nothing of it.
func folder(a *task.Attempt) (string, error) {
	dir, err := task.Get(a, "cwd", "")
	if err != nil || dir == "" {
		return "", err
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(a.Dir, dir)
	}
	switch st, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("argument cwd: %s does not exist", dir)
	case err != nil:
		return "", fmt.Errorf("argument cwd: %w", err)
	case !st.IsDir():
		return "", fmt.Errorf("argument cwd: %s is no directory", dir)
	}
	return dir, nil
}
