package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/queue"
)

// ContainerMain is the main of a container that fargateexec has started for an attempt:
// `task execute ATTEMPT`. It returns the process's exit code, ecsevent.ExitUnreported if
// what became of the attempt is not in the store.
func ContainerMain(a *Account, drivers embedded.Drivers) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 3 && os.Args[1] == embedded.ShepherdCommand {
		return told(process.Shepherd(context.Background(), os.Args[2]))
	}
	if len(os.Args) != 3 || os.Args[1] != ecsevent.Command {
		return told(fmt.Errorf("usage: task %s ATTEMPT (the attempt as JSON, as the fargate function writes it)", ecsevent.Command))
	}
	if err := executeOne(ctx, a, drivers, os.Args[2]); err != nil {
		told(err)
		return ecsevent.ExitUnreported
	}
	return 0
}

func executeOne(ctx context.Context, a *Account, drivers embedded.Drivers, word string) (err error) {
	m, err := queue.Decode([]byte(word))
	if err != nil {
		return err
	}
	if m.Kind != queue.KindAttempt {
		return fmt.Errorf("a message of kind %s is no attempt", m.Kind)
	}
	name, err := containerName(ctx)
	if err != nil {
		return err
	}
	f, release, err := OpenFunction(ctx, a, drivers, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	defer release()
	defer func() { err = errors.Join(err, f.Close(context.WithoutCancel(ctx))) }()
	return f.Work(ctx, embedded.Invocation{Name: name, Place: fargate, Begun: time.Now()}, fitsContainer, m.Attempt)[0]
}

// fitsContainer says whether a container may go on with a task: it is as large as its first
// attempt asked for, so that only what asks for nothing is known to fit.
func fitsContainer(t *dag.Task) bool {
	n, err := executors.NeedOf(t)
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
