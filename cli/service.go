package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/embedded/metrics"
	"github.com/updraft-dev/updraft/executors/localexec/process"
)

func (a *app) standaloneCommand() *cobra.Command {
	c := a.serviceCommand(&cobra.Command{
		Use:   "standalone",
		Short: "Schedule the DAG folder and run its tasks, in one process",
		Long: `Schedules the DAG folder until it is stopped: watches the files, runs tasks, removes what is
older than the retention settings say, and serves /health, /metrics and /status. Ctrl-C
or SIGTERM stops it: running tasks get the grace, and a new try at the next start.`,
		Example: examples(
			"updraft standalone", "schedule ~/.updraft/dags",
			"updraft standalone --dags ./dags --listen 127.0.0.1:9090", "another folder and address",
		),
	}, (*embedded.Installation).Standalone)
	return c
}

func (a *app) schedulerCommand() *cobra.Command {
	return a.serviceCommand(&cobra.Command{
		Use:   "scheduler",
		Short: "Schedule the DAG folder; workers run the tasks",
		Long: `Does what standalone does but run tasks: it sends them to the queue, from which the workers
of this installation take them. There is one scheduler, and any number of workers; on
PostgreSQL, a second scheduler waits for its turn. --parallelism bounds all workers together.`,
		Example: examples("updraft scheduler", "beside it, in other terminals: updraft worker"),
	}, (*embedded.Installation).Scheduler)
}

// serviceCommand makes a command that schedules until it is stopped.
func (a *app) serviceCommand(c *cobra.Command, serve func(*embedded.Installation, context.Context, embedded.StandaloneOptions) error) *cobra.Command {
	var grace time.Duration
	c.Args = exactly()
	c.RunE = a.until(func(ctx context.Context, i *embedded.Installation) error {
		return serve(i, ctx, embedded.StandaloneOptions{Grace: grace, Metrics: metrics.New(), OnReady: func(address string, first embedded.Synced) {
			i.Log.Info("updraft is up", "version", i.Release, "home", i.Config.Home, "dags", i.Config.Text("dags"),
				"status", "http://"+address+"/status", "broken_files", len(first.Errors))
		}})
	})
	f := c.Flags()
	f.DurationVar(&grace, "grace", 10*time.Second, "how long running tasks may go on when it is stopped")
	a.settingFlag(f, "listen", "address of /health, /metrics and /status (UPDRAFT_LISTEN)")
	a.settingFlag(f, "parallelism", "how many tasks run at once (UPDRAFT_PARALLELISM)")
	return c
}

func (a *app) workerCommand() *cobra.Command {
	var o embedded.WorkerOptions
	c := &cobra.Command{
		Use:   "worker",
		Short: "Run the tasks that the scheduler sends to the queue",
		Long: `Takes tasks from the queue of this installation, runs them, and goes on with what follows where
that takes no more than the slot it has. A worker that dies is noticed when its lease has
run out; its tasks get a new try that does not count against their retries.`,
		Example: examples(
			"updraft worker", "serve the queue called default",
			"updraft worker --queues default,gpu --parallelism 2", "two tasks at once, from two queues",
		),
		Args: exactly(),
		RunE: a.until(func(ctx context.Context, i *embedded.Installation) error {
			o.OnReady = func() {
				i.Log.Info("the worker is up", "version", i.Release, "home", i.Config.Home, "queues", o.Queues)
			}
			return i.Worker(ctx, o)
		}),
	}
	f := c.Flags()
	f.StringSliceVarP(&o.Queues, "queues", "q", []string{"default"}, "the queues to serve")
	f.IntVar(&o.Parallelism, "parallelism", 0, "how many tasks run at once (default: the setting)")
	f.DurationVar(&o.Lease, "lease", 30*time.Second, "how long a dead worker goes unnoticed at most")
	f.DurationVar(&o.Grace, "grace", 10*time.Second, "how long running tasks may go on when it is stopped")
	return c
}

// until runs something that ends when it is stopped; being stopped is no error.
func (a *app) until(do func(context.Context, *embedded.Installation) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) (err error) {
		ctx := cmd.Context()
		i, err := a.open(ctx, slog.LevelInfo)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, i.Close()) }()
		for _, s := range i.Config.Settings() {
			i.Log.Debug("setting", "name", s.Name, "value", s.Value, "source", s.Source)
		}
		err = do(ctx, i)
		if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
			i.Log.Info("updraft has stopped")
			return nil
		}
		return err
	}
}

// shepherdCommand is how the program starts its own shepherd of local processes.
func (a *app) shepherdCommand() *cobra.Command {
	return &cobra.Command{
		Use: embedded.ShepherdCommand + " SOCKET", Hidden: true, Args: exactly("SOCKET"),
		RunE: func(_ *cobra.Command, args []string) error {
			// Ctrl-C at the terminal is not its business: tasks go on until their host says.
			return process.Shepherd(context.Background(), args[0])
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: exactly(),
		Example: examples("updraft version", "what to say in a report"),
		RunE: func(*cobra.Command, []string) error {
			a.printf("updraft %s\n", a.Release)
			return nil
		},
	}
}
