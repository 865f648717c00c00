// Package ssh holds what is done on another machine over SSH: SSHOperator, which runs a command
// there, SFTPOperator, which copies and removes files, and SFTPSensor, which waits for one.
// Keys, host keys and algorithms come from a connection, as Airflow's SSHHook reads it.
package ssh

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/exitcode"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// MaxOutput is the longest standard output, in bytes, that can be a task's value. What is
// longer belongs into a file; the log has all of it.
const MaxOutput = 16 << 20

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.ssh.operators.ssh.SSHOperator",
				Aliases: []string{
					"airflow.contrib.operators.ssh_operator.SSHOperator", "airflow.operators.ssh_operator.SSHOperator",
				},
				Doc:         "Runs a command on another machine; what it writes to standard output is the return value, in base64.",
				TemplateExt: []string{".sh", ".bash", ".csh", ".zsh", ".dash", ".ksh"},
				Args:        arguments(),
			},
			Run: execute,
		},
		sftpOperator(),
		sftpSensor(),
	}
}

func arguments() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "ssh_hook", Type: dag.ArgAny, Doc: "An SSHHook in place of a connection: it may name one, and what it says itself comes first."},
		{Name: "ssh_conn_id", Type: dag.ArgString, Doc: "Connection with host, port, login, password, and the key and options in its extra."},
		{Name: "remote_host", Type: dag.ArgString, Templated: true, Doc: "Host in place of the connection's."},
		{Name: "command", Type: dag.ArgString, Templated: true, Doc: "The command, or a template file with one if it ends in .sh or that of another shell."},
		{Name: "conn_timeout", Type: dag.ArgDuration, Doc: "Seconds to connect within, 10 by default."},
		{
			Name: "cmd_timeout", Type: dag.ArgDuration, Default: 10.0,
			Doc: "Seconds that the command may be silent for before it counts as hung; 0 for as long as it likes.",
		},
		{
			Name: "environment", Type: dag.ArgDict, Templated: true,
			Doc: "Environment variables of the command; a server takes those that its AcceptEnv names.",
		},
		{Name: "get_pty", Type: dag.ArgBool, Default: false, Doc: "Ask for a terminal, so that the command ends with the connection; a command that begins with sudo always has one."},
		{Name: "banner_timeout", Type: dag.ArgDuration, Default: 30.0, Doc: "Seconds for the server to identify itself, and us to log in."},
		exitcode.Arg(nil),
	}
}

// execute runs one attempt.
func execute(ctx context.Context, a *task.Attempt) (task.Result, error) {
	command, err := task.Get(a, "command", "")
	if err != nil {
		return task.Result{}, err
	}
	if strings.TrimSpace(command) == "" {
		return task.Result{}, task.Misconfigured(errors.New("argument command is empty: say what to run"))
	}
	skips, err := exitcode.Skips(a)
	if err != nil {
		return task.Result{}, err
	}
	t, err := readTarget(ctx, a, "ssh_conn_id", "")
	if err != nil {
		return task.Result{}, err
	}
	client, err := t.dial(ctx)
	if err != nil {
		return task.Result{}, err
	}
	defer func() { _ = client.Close() }()
	out, code, err := t.run(ctx, client, command)
	if err != nil {
		return task.Result{}, err
	}
	return result(ctx, a, out, code, skips)
}

// result makes of the command's end what Airflow makes of it.
func result(ctx context.Context, a *task.Attempt, out *output, code int, skips []int) (task.Result, error) {
	if a.Task.DoXComPush {
		if err := a.XComs.Push(ctx, "ssh_exit", int64(code)); err != nil {
			return task.Result{}, err
		}
	}
	switch {
	case slices.Contains(skips, code):
		return task.Result{}, task.Skip("exit code %d", code)
	case code != 0:
		err := fmt.Errorf("exit code %d", code)
		if last := out.lastLine(); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
		return task.Result{}, &task.CauseError{Cause: run.CauseTask, ExitCode: code, Err: err}
	case !a.Task.DoXComPush:
		return task.Result{}, nil
	case out.over:
		return task.Result{}, fmt.Errorf("the command wrote more than %d MiB: write results to a file, or set do_xcom_push to false", MaxOutput>>20)
	}
	return task.Result{Value: base64.StdEncoding.EncodeToString(out.stdout)}, nil
}
