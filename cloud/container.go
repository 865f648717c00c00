package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// ContainerMain is the main of a container that was started for an attempt, by fargateexec
// or in a pod by kubeexec: `task execute ATTEMPT`, where each container has the program
// already or has it copied there by `task install DIR [PROGRAM]`; or that works on many as
// `task work OPTIONS`. It returns the process's exit code,
// ExitUnreported if what became of the attempt is not in the store.
func ContainerMain(a *Account, drivers embedded.Drivers) int {
	if len(os.Args) >= 3 && len(os.Args) <= 4 && os.Args[1] == kubeevent.Install {
		self, err := os.Executable()
		if err != nil {
			return Exit(fmt.Errorf("find this program: %w", err))
		}
		return Exit(install(self, os.Args[2], os.Args[3:]...))
	}
	if len(os.Args) != 3 {
		return Exit(fmt.Errorf("usage: task %s ATTEMPT (the attempt as JSON, as its message has it), or task %s DIR [PROGRAM]", ecsevent.Command, kubeevent.Install))
	}
	command, argument := os.Args[1], os.Args[2]
	switch {
	case command == embedded.ShepherdCommand:
		return Exit(process.Shepherd(context.Background(), argument))
	case command != ecsevent.Command && command != kubeevent.Work:
		return Exit(fmt.Errorf("task does not know the command %q: use %s, %s or %s", command, ecsevent.Command, kubeevent.Work, kubeevent.Install))
	case os.Getpid() == 1:
		code, err := process.First()
		if err != nil {
			Exit(err)
			return ecsevent.ExitUnreported
		}
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if command == kubeevent.Work {
		return Exit(serve(ctx, a, drivers, argument))
	}
	withheld, err := executeOne(ctx, a, drivers, argument)
	switch {
	case err != nil:
		Exit(err)
		return ecsevent.ExitUnreported
	case withheld:
		return kubeevent.ExitStopped
	}
	return 0
}

// executeOne executes an attempt. Withheld says that it was stopped with this container,
// which is left to be reported to whoever has seen why.
func executeOne(ctx context.Context, a *Account, drivers embedded.Drivers, word string) (withheld bool, err error) {
	m, err := queue.Decode([]byte(word))
	if err != nil {
		return false, err
	}
	if m.Kind != queue.KindAttempt {
		return false, fmt.Errorf("a message of kind %s is no attempt", m.Kind)
	}
	inv := embedded.Invocation{Place: fargate, Begun: time.Now()}
	fits := FitsContainer
	if pod, err := kubeevent.PodOf(os.Getenv); err == nil {
		inv.Name, inv.Place = pod.WorkerName(), executors.Kubernetes
		inv.Withheld = func(run.Attempt) { withheld = true }   // before Work returns: there is one attempt
		fits = func(*dag.DAG, *dag.Task) bool { return false } // to each its own pod
	} else if inv.Name, err = containerName(ctx); err != nil {
		return false, err
	}
	f, release, err := OpenFunction(ctx, a, drivers, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if err != nil {
		return false, err
	}
	defer release()
	defer func() { err = errors.Join(err, f.Close(context.WithoutCancel(ctx))) }()
	err = f.Work(ctx, inv, fits, m.Attempt)[0]
	return withheld, err
}

// warmGrace is how long the tasks of a long-lived pod may go on when it has to end: less than
// pods have by themselves.
const warmGrace = time.Minute

// serve runs tasks from the queue of long-lived pods, until there is nothing to do.
func serve(ctx context.Context, a *Account, drivers embedded.Drivers, word string) (err error) {
	var o kubeevent.WorkOptions
	if err := json.Unmarshal([]byte(word), &o); err != nil {
		return fmt.Errorf("read the options of %s: %w", kubeevent.Work, err)
	}
	pod, err := kubeevent.PodOf(os.Getenv)
	if err != nil {
		return err
	}
	f, release, err := OpenFunction(ctx, a, drivers, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	defer release()
	defer func() { err = errors.Join(err, f.Close(context.WithoutCancel(ctx))) }()
	rule, err := f.Rule()
	if err != nil {
		return err
	}
	return f.Serve(ctx, embedded.WorkerOptions{
		Parallelism: o.Slots, Queues: []string{kubeevent.WarmQueue}, Grace: warmGrace, Idle: o.Idle,
		Name: pod.WorkerName(), Place: executors.Kubernetes, Accepts: func(d *dag.DAG, t *dag.Task) bool { return FitsWorker(rule, d, t) },
	})
}

// FitsWorker says whether a long-lived pod may go on with a task by itself: one that the rule
// sends to Kubernetes, and that asks for nothing of its own.
func FitsWorker(rule routeexec.Rule, d *dag.DAG, t *dag.Task) bool {
	n, err := executors.NeedOf(d, t)
	if err != nil {
		return false
	}
	if name, _, err := rule.Route(n); err != nil || name != executors.Kubernetes {
		return false
	}
	return n.Image == "" && n.Queue == "" && n.Memory == 0 && n.CPUMilli == 0 &&
		n.Storage == 0 && len(t.ExecutorConfig)+len(d.ExecutorConfig) == 0 && len(t.Resources.NodeSelector) == 0 && len(t.Resources.Tolerations) == 0
}

// install copies this program into a folder, for another container of the pod, and programs
// that are beside it.
func install(self, dir string, programs ...string) error {
	if err := copyProgram(self, filepath.Join(dir, kubeevent.RunnerName)); err != nil {
		return fmt.Errorf("install the runner: %w", err)
	}
	for _, name := range programs {
		err := copyProgram(filepath.Join(filepath.Dir(self), filepath.Base(name)), filepath.Join(dir, filepath.Base(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("install %s: %w: use an image of the runner that has it, of the controller's version", name, err)
		}
		if err != nil {
			return fmt.Errorf("install %s: %w", name, err)
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}

// FitsContainer says whether a container on Fargate may go on with a task: it is as large as its first
// attempt asked for, so that only what asks for nothing is known to fit.
func FitsContainer(d *dag.DAG, t *dag.Task) bool {
	n, err := executors.NeedOf(d, t)
	return err == nil && n.Executor == fargate && n.Image == "" && n.Queue == "" && n.Memory == 0 && n.CPUMilli == 0 && n.Storage == 0
}

const (
	// metadataVariable is where ECS tells a container about its task.
	metadataVariable = "ECS_CONTAINER_METADATA_URI_V4"
	metadataTime     = 5 * time.Second
	maxMetadata      = 1 << 20
)

// containerName is the name in the claims that this container makes, by which its end is
// traced to them.
func containerName(ctx context.Context) (string, error) {
	uri := os.Getenv(metadataVariable)
	if uri == "" {
		host, err := os.Hostname()
		return fmt.Sprintf("%s:%d", host, os.Getpid()), err
	}
	ctx, cancel := context.WithTimeout(ctx, metadataTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri+"/task", nil)
	if err != nil {
		return "", fmt.Errorf("ask ECS for the name of this task: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask ECS for the name of this task: %w", err)
	}
	defer resp.Body.Close()
	var told struct {
		TaskARN string `json:"TaskARN"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxMetadata)).Decode(&told); err != nil || told.TaskARN == "" {
		return "", fmt.Errorf("ask ECS for the name of this task: its answer (%s) names none", resp.Status)
	}
	return ecsevent.WorkerName(told.TaskARN), nil
}
