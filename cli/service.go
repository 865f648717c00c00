package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/localexec/process"
)

func (a *app) standaloneCommand() *cobra.Command {
	var grace time.Duration
	c := &cobra.Command{
		Use:   "standalone",
		Short: "Schedule the DAG folder and run its tasks, in one process",
		Long: `Schedules the DAG folder until it is stopped: watches the files, runs tasks, removes what is
older than the retention settings say, and serves /health, /metrics and /status. Ctrl-C
or SIGTERM stops it: running tasks get the grace, and a new try at the next start.`,
		Example: examples(
			"updraft standalone", "schedule ~/.updraft/dags",
			"updraft standalone --dags ./dags --listen 127.0.0.1:9090", "another folder and address",
		),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			i, err := a.open(ctx, slog.LevelInfo)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, i.Close()) }()
			return a.serve(ctx, i, grace)
		},
	}
	f := c.Flags()
	f.DurationVar(&grace, "grace", 10*time.Second, "how long running tasks may go on when it is stopped")
	a.settingFlag(f, "listen", "address of /health, /metrics and /status (UPDRAFT_LISTEN)")
	a.settingFlag(f, "parallelism", "how many tasks run at once (UPDRAFT_PARALLELISM)")
	return c
}

func (a *app) serve(ctx context.Context, i *embedded.Installation, grace time.Duration) error {
	for _, s := range i.Config.Settings() {
		i.Log.Debug("setting", "name", s.Name, "value", s.Value, "source", s.Source)
	}
	err := i.Standalone(ctx, embedded.StandaloneOptions{Grace: grace, OnReady: func(address string, first embedded.Synced) {
		i.Log.Info("updraft is up", "version", i.Release, "home", i.Config.Home, "dags", i.Config.Text("dags"),
			"status", "http://"+address+"/status", "broken_files", len(first.Errors))
	}})
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		i.Log.Info("updraft has stopped")
		return nil
	}
	return err
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
		Use: "version", Short: "Show the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a.printf("updraft %s\n", a.Release)
			return nil
		},
	}
}
