package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
)

// Exit says why a program ends and returns its exit code.
func Exit(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	return 1
}

// Handle calls a handler as Lambda does. An event that the function does not know is logged
// and answered with nothing: having it again would not help.
func Handle(ctx context.Context, f *embedded.Function, h Handler, event json.RawMessage) (any, error) {
	now := time.Now()
	inv := embedded.Invocation{Name: "unknown", Place: lambdaexec.Name, Begun: now, Deadline: now.Add(defaultTime)}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		inv.Name = lambdaevent.WorkerName(lambdacontext.FunctionName, lc.AwsRequestID)
	}
	if d, ok := ctx.Deadline(); ok {
		inv.Deadline = d
	}
	out, err := h(ctx, inv, event)
	if errors.Is(err, ErrEvent) {
		f.Log.ErrorContext(ctx, "event is refused", "error", err)
		return nil, nil
	}
	return out, err
}

// defaultTime is what an invocation has if nobody says.
const defaultTime = time.Minute

// OpenFunction opens the installation that the environment describes, with a home of this
// process's own: what is durable is elsewhere.
func OpenFunction(ctx context.Context, a *Account, drivers embedded.Drivers, log *slog.Logger) (f *embedded.Function, release func(), err error) {
	home, unlock, err := ownHome()
	if err != nil {
		return nil, nil, err
	}
	leave := func() {
		if err := unlock(); err != nil {
			log.Warn("give the home up", "error", err)
		}
	}
	defer func() {
		if err != nil {
			leave()
		}
	}()
	c, err := config.Load(config.Input{Lookup: os.LookupEnv, Flags: map[string]string{"home": home}})
	if err != nil {
		return nil, nil, err
	}
	// A process that has died may have left its copy of the DAG files here. What is gone from
	// their source by now would be there again.
	if own := filepath.Join(home, "dags"); c.Text("dag_source") != "" && c.Text("dags") == own {
		if err := os.RemoveAll(own); err != nil {
			return nil, nil, fmt.Errorf("remove the DAG files of an earlier process: %w", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	i, err := embedded.Open(ctx, embedded.Options{
		Config: c, Lookup: os.LookupEnv, Environ: os.Environ(), Now: time.Now, Log: log, Drivers: drivers, Self: self, Release: a.Release,
	})
	if err != nil {
		return nil, nil, err
	}
	if f, err = i.Function(ctx); err != nil {
		return nil, nil, errors.Join(err, i.Close())
	}
	return f, leave, nil
}

// maxHomes bounds the processes of one machine: on Lambda there is one.
const maxHomes = 1000

const (
	homeName = "updraft-function"
	// maxHome is how long the path of a home may be: sockets lie below it, whose paths have a
	// hundred bytes or so.
	maxHome = 50
)

// ownHome takes the first home below the temporary folder, or UPDRAFT_HOME if that is set,
// that no other process has.
func ownHome() (home string, unlock func() error, err error) {
	base := os.Getenv("UPDRAFT_HOME")
	if base == "" {
		base = filepath.Join(os.TempDir(), homeName)
		if len(base) > maxHome {
			base = filepath.Join("/tmp", homeName)
		}
	}
	for n := 1; n <= maxHomes; n++ {
		home = base
		if n > 1 {
			home = fmt.Sprintf("%s-%d", strings.TrimRight(base, "/"), n)
		}
		if err := os.MkdirAll(home, 0o700); err != nil {
			return "", nil, fmt.Errorf("make the home of this process: %w", err)
		}
		unlock, err := embedded.Lock(home)
		if err == nil {
			return home, unlock, nil
		}
		if !errors.Is(err, embedded.ErrBusy) {
			return "", nil, err
		}
	}
	return "", nil, fmt.Errorf("%d processes have homes at %s already: stop some", maxHomes, base)
}
