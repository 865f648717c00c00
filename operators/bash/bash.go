// Package bash holds the operators that run a process: BashOperator, BashSensor and
// @task.bash, which give a script to bash, and CommandOperator, which needs no shell.
package bash

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

const (
	standard = "airflow.providers.standard."
	// skipCode is the exit code that skips a task by default.
	skipCode = 99
	// longScript is the length from which a script is not given as an argument: Linux
	// allows 128 KiB for one.
	longScript = 100 << 10
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{bashOperator(), bashSensor(), decorated(), commandOperator()}
}

func bashOperator() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:       standard + "operators.bash.BashOperator",
			Aliases:     []string{"airflow.operators.bash.BashOperator", "airflow.operators.bash_operator.BashOperator"},
			Doc:         "Runs a bash script; its last line of output is the return value, exit code 99 skips the task.",
			TemplateExt: []string{".sh", ".bash"},
			Args: slices.Concat([]dag.ArgSpec{{
				Name: "bash_command", Type: dag.ArgString, Required: true, Templated: true,
				Doc: "The script, or a template file with one if it ends in .sh or .bash.",
			}}, processArgs(), outputArgs()),
		},
		Resumable: true,
		Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
			script, err := task.Get(a, "bash_command", "")
			if err != nil {
				return task.Result{}, err
			}
			return runScript(ctx, a, script)
		},
	}
}

// decorated is @task.bash: a Python function says what to run.
func decorated() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:       standard + "decorators.bash._BashDecoratedOperator",
			Aliases:     []string{"airflow.decorators.bash._BashDecoratedOperator"},
			Doc:         "Runs the bash script that a Python function returns (@task.bash).",
			TemplateExt: []string{".sh", ".bash"},
			Args: slices.Concat([]dag.ArgSpec{
				{Name: "python_callable", Type: dag.ArgCallable, Required: true, Doc: "The function that returns the script, which may be a template."},
				{Name: "op_args", Type: dag.ArgList, Templated: true, Doc: "Positional arguments of the function."},
				{Name: "op_kwargs", Type: dag.ArgDict, Templated: true, Doc: "Keyword arguments of the function."},
			}, processArgs(), outputArgs()),
		},
		Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
			script, err := scriptOf(ctx, a)
			if err != nil {
				return task.Result{}, err
			}
			return runScript(ctx, a, script)
		},
	}
}

// scriptOf calls the function of @task.bash and renders what it returns.
func scriptOf(ctx context.Context, a *task.Attempt) (string, error) {
	callable, ok := a.Args["python_callable"].(dag.Callable)
	if !ok {
		return "", task.Misconfigured(fmt.Errorf("argument python_callable is no function"))
	}
	args, err := task.Get(a, "op_args", []any(nil))
	if err != nil {
		return "", err
	}
	kwargs, err := task.Get(a, "op_kwargs", map[string]any(nil))
	if err != nil {
		return "", err
	}
	if a.Python == nil {
		return "", task.Misconfigured(fmt.Errorf("%s needs Python, which is not available here", callable))
	}
	raw, err := a.Python.Call(ctx, a, task.PythonCall{Callable: callable, Args: args, Kwargs: kwargs, HideValue: true})
	if err != nil {
		return "", err
	}
	value, err := task.DecodeXCom(raw)
	if err != nil {
		return "", err
	}
	script, ok := value.(string)
	if !ok || strings.TrimSpace(script) == "" {
		return "", fmt.Errorf("%s returned no script: it must return a text that is not empty", callable)
	}
	rendered, err := a.Templates.Render(ctx, script)
	if err != nil {
		return "", err
	}
	if script, ok = rendered.(string); !ok {
		return "", fmt.Errorf("the script of %s is no text once rendered", callable)
	}
	return script, nil
}

func runScript(ctx context.Context, a *task.Attempt, script string) (task.Result, error) {
	c, err := shell(script)
	if err != nil {
		return task.Result{}, err
	}
	return runCommand(ctx, a, c)
}

// lookBash looks for bash once: PATH may be long, and the worker's does not change.
var lookBash = sync.OnceValues(func() (string, error) { return exec.LookPath("bash") })

// shell is the command for a script. The path of bash is the worker's, because the
// environment of the task may have none.
func shell(script string) (task.Command, error) {
	path, err := lookBash()
	if err != nil {
		return task.Command{}, task.Misconfigured(fmt.Errorf("bash is not installed on this worker, or was not when it started: %w", err))
	}
	if strings.ContainsRune(script, 0) {
		return task.Command{}, task.Misconfigured(fmt.Errorf("the script has a NUL byte, which bash cannot read"))
	}
	if len(script) >= longScript {
		return task.Command{Argv: []string{path, "-c", `eval "$(</dev/stdin)"`}, Stdin: []byte(script)}, nil
	}
	return task.Command{Argv: []string{path, "-c", script}}, nil
}

func commandOperator() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class: "updraft.operators.CommandOperator",
			Doc:   "Runs a program without a shell; its last line of output is the return value, exit code 99 skips the task.",
			Args: slices.Concat([]dag.ArgSpec{{
				Name: "command", Type: dag.ArgStrings, Required: true, Templated: true,
				Doc: "The program and its arguments.",
			}}, processArgs(), outputArgs()),
		},
		Resumable: true,
		Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
			argv, err := task.Get(a, "command", []string(nil))
			if err != nil {
				return task.Result{}, err
			}
			if len(argv) == 0 || argv[0] == "" {
				return task.Result{}, task.Misconfigured(fmt.Errorf("argument command is empty: name a program"))
			}
			return runCommand(ctx, a, task.Command{Argv: argv})
		},
	}
}

func bashSensor() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:   standard + "sensors.bash.BashSensor",
			Aliases: []string{"airflow.sensors.bash.BashSensor", "airflow.sensors.bash_sensor.BashSensor", "airflow.contrib.sensors.bash_sensor.BashSensor"},
			Doc:     "Waits until a bash script ends with exit code 0.",
			Kind:    dag.OperatorSensor,
			Args: slices.Concat([]dag.ArgSpec{
				{Name: "bash_command", Type: dag.ArgString, Required: true, Templated: true, Doc: "The script."},
				envArg(), encodingArg(),
				{
					Name: "retry_exit_code", Type: dag.ArgInt,
					Doc: "The exit code that means not yet; others then fail the sensor for good. Without it every exit code means not yet.",
				},
			}, sensor.Args()),
		},
		Resumable: true,
		Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
			return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
				done, err := lookWithScript(ctx, a)
				return done, nil, err
			})
		},
	}
}

func lookWithScript(ctx context.Context, a *task.Attempt) (bool, error) {
	script, err := task.Get(a, "bash_command", "")
	if err != nil {
		return false, err
	}
	retry, err := task.Get(a, "retry_exit_code", 0)
	if err != nil {
		return false, err
	}
	c, err := shell(script)
	if err != nil {
		return false, err
	}
	exit, _, err := execute(ctx, a, c)
	switch {
	case err != nil:
		return false, err
	case exit.Code == 0:
		return true, nil
	case a.Args["retry_exit_code"] != nil && exit.Code != retry:
		return false, task.Fatal(exit.Err(c.Memory))
	}
	a.Log.InfoContext(ctx, "not yet: "+exit.Err(c.Memory).Error())
	return false, nil
}
