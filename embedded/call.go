package embedded

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/task"
)

// callPoll is how often calls are tried again that could not be made.
const callPoll = time.Minute

// callWith calls callbacks of DAGs with a runtime, whose processes are those of host.
func (i *Installation) callWith(rt *task.Runtime, host *process.Host) func(context.Context, task.RunCall) error {
	return func(ctx context.Context, c task.RunCall) error {
		i.Log.InfoContext(ctx, "calling callbacks", "dag", c.Run.DAG, "run", c.Run.Run, "event", string(c.Call.Kind), "log", c.Log().Task)
		err := rt.Call(ctx, c)
		if ferr := host.Forget(c.Log()); ferr != nil {
			i.Log.WarnContext(ctx, "tidying up after callbacks", "error", ferr)
		}
		return err
	}
}

// caller makes the calls that runs owe, noting them in an engine that is made later.
func (i *Installation) caller(engine **tick.Engine, call func(context.Context, task.RunCall) error) *tick.Caller {
	return tick.NewCaller(tick.CallerConfig{
		Store: i.Store, Loader: i.Loader, Call: call, Poll: callPoll, Log: i.Log,
		Do: func(ctx context.Context, edit func(context.Context, *tick.Edit) error) error {
			return (*engine).Do(ctx, edit)
		},
	})
}

// callWhile makes calls until stop is called, which stops those under way: they are
// made anew the next time.
func callWhile(ctx context.Context, c *tick.Caller) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() { c.Run(ctx) })
	return func() {
		cancel()
		done.Wait()
	}
}

// local is the folder of the processes of this machine.
func (i *Installation) local() string { return filepath.Join(i.Config.Home, "local") }

// openHost opens the processes of this machine; what is left of those that nobody waits for
// ends.
func (i *Installation) openHost(ctx context.Context) (*process.Host, error) {
	host, err := process.Open(process.Config{Dir: i.local(), Shepherd: []string{i.Self, ShepherdCommand, process.Socket(i.local())}})
	if err != nil {
		return nil, err
	}
	if err := host.Retain(ctx, i.running); err != nil {
		host.Close() //nolint:errcheck // the first error says more
		return nil, err
	}
	return host, nil
}
