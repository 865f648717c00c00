package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/operators/exitcode"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

const (
	// Program is what talks to Kubernetes.
	Program = "updraft-kube"
	// defaultGrace is Kubernetes' time between SIGTERM and SIGKILL.
	defaultGrace = 30 * time.Second
	// killMargin is what the program may take, beside the pod's grace, to see it gone.
	killMargin = 15 * time.Second
	// maxOutcome bounds the file with the outcome.
	maxOutcome = 32 << 20
)

// execute runs one attempt: the program makes or finds the pod, and sees it to its end.
func execute(ctx context.Context, a *task.Attempt, q *Request) (task.Result, error) {
	skips, err := exitcode.Skips(a)
	if err != nil {
		return task.Result{}, err
	}
	grace := defaultGrace
	if seconds, err := task.Get(a, "termination_grace_period", 0); err == nil && seconds > 0 {
		grace = time.Duration(seconds) * time.Second
	}
	dir, err := task.Scratch(a, "updraft-pod-")
	if err != nil {
		return task.Result{}, err
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			a.Log.WarnContext(ctx, "the temporary folder could not be removed: "+err.Error())
		}
	}()
	q.Outcome = filepath.Join(dir, "outcome.json")
	exit, err := start(ctx, a, q, grace+killMargin)
	if err != nil {
		return task.Result{}, err
	}
	if ctx.Err() != nil { // what a pod says that was told to stop does not count
		return task.Result{}, fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	out, err := read(q.Outcome, exit)
	if err != nil {
		return task.Result{}, err
	}
	if err := pushed(ctx, a, out); err != nil {
		return task.Result{}, err
	}
	return out.result(skips)
}

// start runs the program to its end.
func start(ctx context.Context, a *task.Attempt, q *Request, grace time.Duration) (task.Exit, error) {
	if a.Processes == nil {
		return task.Exit{}, task.Misconfigured(errors.New("processes are not available here"))
	}
	program, err := Find(a.Environ)
	if err != nil {
		return task.Exit{}, task.Misconfigured(err)
	}
	stdin, err := json.Marshal(q)
	if err != nil {
		return task.Exit{}, fmt.Errorf("writing the request for %s: %w", Program, err)
	}
	exit, err := a.Processes.Exec(ctx, task.Command{
		Attempt: a.Key, Argv: []string{program, Command}, Env: a.Environ, Dir: filepath.Dir(q.Outcome), Stdin: stdin, Output: a.Output, Grace: grace,
	})
	if err != nil {
		return exit, fmt.Errorf("running %s: %w", program, err)
	}
	return exit, nil
}

// Find returns the path of the program: beside this one, or on the PATH of an environment.
func Find(environ []string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), Program)); err == nil {
			return path, nil
		}
	}
	for _, kv := range environ {
		if list, ok := strings.CutPrefix(kv, "PATH="); ok {
			for _, dir := range filepath.SplitList(list) {
				if path, err := exec.LookPath(filepath.Join(dir, Program)); err == nil && filepath.IsAbs(path) {
					return path, nil
				}
			}
		}
	}
	return "", fmt.Errorf("%s is neither beside this program nor on the PATH: it talks to Kubernetes: install it there (go build -o bin/ ./cmd/%s)", Program, Program)
}

// read reads what the program says of the pod.
func read(path string, exit task.Exit) (*Outcome, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := exit.Err(0); err != nil { // the program died: that is not the task's doing
			return nil, &task.CauseError{Cause: run.CauseInfra, Err: fmt.Errorf("%s ended without a result: %w", Program, err)}
		}
		return nil, &task.CauseError{Cause: run.CauseInfra, Err: fmt.Errorf("%s ended without a result", Program)}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the outcome of the pod: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err == nil && st.Size() > maxOutcome {
		err = fmt.Errorf("it is larger than %d MiB", maxOutcome>>20)
	}
	out := &Outcome{}
	if err == nil {
		err = json.NewDecoder(f).Decode(out)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the outcome of the pod: %w", err)
	}
	return out, nil
}

// pushed makes XComs of the pod's names, as the provider does for every pod.
func pushed(ctx context.Context, a *task.Attempt, out *Outcome) error {
	if out.Pod == "" || a.XComs == nil {
		return nil
	}
	return errors.Join(a.XComs.Push(ctx, "pod_name", out.Pod), a.XComs.Push(ctx, "pod_namespace", out.Namespace))
}

// result is what the pod's end makes of the attempt.
func (o *Outcome) result(skips []int) (task.Result, error) {
	for _, code := range skips {
		if o.ExitCode == code && (code != 0 || o.Failure == "") {
			return task.Result{}, task.Skip("exit code %d", code)
		}
	}
	switch {
	case o.Failure == "":
		if o.Value == nil {
			return task.Result{}, nil
		}
		value, err := task.DecodeXCom(o.Value)
		return task.Result{Value: value}, err
	case o.Fatal:
		return task.Result{}, &task.FatalError{Cause: o.Cause, Err: errors.New(o.Failure)}
	default:
		return task.Result{}, &task.CauseError{Cause: o.Cause, ExitCode: o.ExitCode, Err: errors.New(o.Failure)}
	}
}
