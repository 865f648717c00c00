// Package podrun runs one pod for an attempt of KubernetesPodOperator: it makes the pod or
// finds that of an earlier try, shows what it writes, waits for its end, reads its value and
// says what became of it. It runs in a process of its own, that of updraft-kube run-pod, which
// package operators/kubernetes starts wherever a task is executed. It needs no more rights
// than to create, get, list, watch, patch and delete pods, to read their logs and to list
// events; without the last, it tells less.
package podrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	kubeclient "k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/updraft-dev/updraft/operators/kubernetes"
	"github.com/updraft-dev/updraft/run"
)

// maxRequest bounds a request: a pod is 1 MiB at the most, and it has three of them.
const maxRequest = 8 << 20

// Main is the command: it reads a kubernetes.Request, writes the log to out and the outcome to
// the request's file, and returns the exit code. SIGTERM and SIGINT have the pod deleted.
func Main(in io.Reader, out io.Writer) int {
	// Kubernetes' client logs what it retries; the task's log has what matters of that.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := command(ctx, in, out); err != nil {
		fmt.Fprintf(out, "updraft-kube %s: %v\n", kubernetes.Command, err)
		return 1
	}
	return 0
}

func command(ctx context.Context, in io.Reader, out io.Writer) error {
	raw, err := io.ReadAll(io.LimitReader(in, maxRequest+1))
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	if len(raw) > maxRequest {
		return fmt.Errorf("the request is longer than %d MiB", maxRequest>>20)
	}
	q := &kubernetes.Request{}
	if err := json.Unmarshal(raw, q); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	if q.Outcome == "" {
		return errors.New("the request names no file for the outcome")
	}
	return write(q.Outcome, Run(ctx, q, out))
}

// write writes the outcome, whole or not at all.
func write(path string, o kubernetes.Outcome) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("writing the outcome: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "outcome-*")
	if err != nil {
		return fmt.Errorf("writing the outcome: %w", err)
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing the outcome: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// runner runs one pod.
type runner struct {
	q         *kubernetes.Request
	client    kubeclient.Interface
	log       *output
	inCluster bool
}

// Run runs the pod of a request to its end. When ctx ends, the pod is deleted.
func Run(ctx context.Context, q *kubernetes.Request, out io.Writer) kubernetes.Outcome {
	config, inCluster, err := connect(q.Cluster)
	if err != nil {
		return failed(refuse("%w", err))
	}
	log := &output{w: out}
	config.WarningHandler = warnings{log}
	client, err := kubeclient.NewForConfig(config)
	if err != nil {
		return failed(refuse("the cluster's settings: %w", err))
	}
	r := &runner{q: q, client: client, log: log, inCluster: inCluster}
	pod, err := r.manifest()
	if err != nil {
		return failed(err)
	}
	return r.run(ctx, pod)
}

// run makes the pod, or finds it, and sees it to its end.
func (r *runner) run(ctx context.Context, manifest *corev1.Pod) kubernetes.Outcome {
	carrier := r.carrier(ctx)
	for {
		pod, err := r.launched(ctx, manifest, carrier)
		if err != nil {
			return failed(err)
		}
		end, err := r.follow(ctx, pod)
		if errors.Is(err, errNoShell) {
			r.log.say("the image has no shell to read %s with: trying again without, for values of up to %d bytes", kubernetes.ResultFile, maxMessage)
			carrier = byMessage
			continue
		}
		out := failed(err)
		if err == nil {
			out.Value = end.value
		}
		r.finish(ctx, end, err)
		out.Pod, out.Namespace = pod.Name, pod.Namespace
		return out
	}
}

// failure is how an attempt has failed.
type failure struct {
	cause run.Cause
	code  int
	fatal bool
	err   error
}

func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// refuse is the failure of what another try would not mend: the author has to.
func refuse(format string, args ...any) error {
	return &failure{cause: run.CauseConfig, fatal: true, err: fmt.Errorf(format, args...)}
}

func fail(cause run.Cause, format string, args ...any) error {
	return &failure{cause: cause, err: fmt.Errorf(format, args...)}
}

// failed is the outcome of an error; of none it is a success.
func failed(err error) kubernetes.Outcome {
	if err == nil {
		return kubernetes.Outcome{}
	}
	out := kubernetes.Outcome{Failure: err.Error(), Cause: run.CauseInfra}
	var f *failure
	if errors.As(err, &f) {
		out.Cause, out.ExitCode, out.Fatal = f.cause, f.code, f.fatal
	}
	return out
}
