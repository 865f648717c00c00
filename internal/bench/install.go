package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

// install opens the installation of this name, fresh the first time, in process; the caller
// closes it.
func (b *bench) install(ctx context.Context, name string, flags map[string]string) (*embedded.Installation, error) {
	home := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Join(home, "dags"), 0o700); err != nil {
		return nil, err
	}
	all := map[string]string{"home": home}
	for k, v := range flags {
		all[k] = v
	}
	c, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }, Flags: all, UserHome: home})
	if err != nil {
		return nil, err
	}
	return embedded.Open(ctx, embedded.Options{
		Config: c, Lookup: os.LookupEnv, Environ: os.Environ(), Now: time.Now, Self: b.self, Release: "bench", Drivers: local.Drivers(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
}

// outcome is what one run of a DAG cost.
type outcome struct {
	Run     run.Run
	Elapsed time.Duration
	// Commits is what the store committed meanwhile: with durability full, each is an fsync.
	Commits int64
}

// once runs a DAG file in an installation of this name, which is fresh the first time.
func (b *bench) once(ctx context.Context, name, yaml string, flags map[string]string) (outcome, error) {
	i, err := b.install(ctx, name, flags)
	if err != nil {
		return outcome{}, err
	}
	defer i.Close()
	path := filepath.Join(i.Config.Home, "dags", "bench.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		return outcome{}, err
	}
	var from time.Time
	var before int64
	runs, err := i.RunOnce(ctx, embedded.RunOptions{Targets: []string{path}, OnStart: func([]run.Run) {
		from, before = time.Now(), commits(i)
	}})
	if err != nil {
		return outcome{}, err
	}
	o := outcome{Run: runs[0], Elapsed: time.Since(from), Commits: commits(i) - before}
	if o.Run.State != run.RunSuccess {
		return o, fmt.Errorf("run %s ended %s: %s", o.Run.Run, o.Run.State, o.Run.Reason)
	}
	return o, nil
}

// dagOf is a DAG file with n tasks; text writes the lines of the i-th task, indented by
// six spaces.
func dagOf(n int, text func(i int) string) string {
	var s strings.Builder
	s.WriteString("bench:\n  schedule: null\n  start_date: \"2026-01-01\"\n  max_active_tasks: 100000\n  tasks:\n")
	for i := range n {
		fmt.Fprintf(&s, "    t%d:\n%s", i, text(i))
	}
	return s.String()
}

// after is the line that makes the i-th task follow the one before.
func after(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("      dependencies: [t%d]\n", i-1)
}

// bash is a Bash task.
func bash(command string) string {
	return fmt.Sprintf("      operator: airflow.providers.standard.operators.bash.BashOperator\n      bash_command: %q\n", command)
}

// command is a task that executes a program without a shell.
func command(name string) string {
	return fmt.Sprintf("      operator: updraft.operators.CommandOperator\n      command: [%q]\n", name)
}

const noop = "      operator: updraft.operators.NoopOperator\n"

// commits is how many commits the store of an installation has made.
func commits(i *embedded.Installation) int64 {
	s, ok := i.Store.(*sqlitestore.Store)
	if !ok {
		return 0
	}
	return s.Stats().Commits
}
