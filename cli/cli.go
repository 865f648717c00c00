package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/embedded"
)

// World is what a main gives to Run: everything that a command may touch outside the
// installation.
type World struct {
	// Program is the program's name as it was typed, Args what follows it.
	Program        string
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Terminal says that Stdout is a terminal: colours and drawings that move are fine.
	Terminal bool
	// Size is that of the terminal, in columns and rows; 0 is unknown.
	Size func() (columns, rows int)
	// Lookup and Environ read the environment.
	Lookup  func(string) (string, bool)
	Environ []string
	// UserHome is the user's home folder.
	UserHome string
	Now      func() time.Time
	// Self is the path of this program.
	Self string
	// Release is the version of this program.
	Release string
	// Drivers open what the settings name.
	Drivers embedded.Drivers
	// Stack reads the settings of an installation from a stack of CloudFormation; region and
	// profile may be empty. Nil if the program cannot.
	Stack func(ctx context.Context, name, region, profile string) (map[string]string, error)
}

// The exit codes.
const (
	exitOK = 0
	// exitFailed: the command could not do what it was asked for, or a run has failed.
	exitFailed = 1
	// exitUsage: the command line is wrong.
	exitUsage = 2
	// exitInterrupted: Ctrl-C, as shells number it.
	exitInterrupted = 130
)

// usageError is an error of the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef says what is wrong with the command line.
func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// errShown is a failure that the command has shown already.
var errShown = errors.New("failed")

// Run runs one command and returns its exit code: 0 when all is well, 1 when it failed
// or a run did, 2 for a wrong command line, 130 when ctx ended.
func Run(ctx context.Context, w World) int {
	a := &app{World: w, flags: map[string]string{}}
	root := a.root()
	root.SetArgs(w.Args)
	root.SetIn(w.Stdin)
	root.SetOut(w.Stdout)
	root.SetErr(w.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		if !errors.Is(err, ctx.Err()) && !errors.Is(err, errShown) {
			tellFaults(w.Stderr, err)
		}
		return exitInterrupted
	case errors.Is(err, errShown):
		return exitFailed
	case errors.As(err, &usage):
		if cmd.Hidden {
			cmd = cmd.Parent()
		}
		tellFaults(w.Stderr, usage.err)
		fmt.Fprintf(w.Stderr, "see `%s --help`\n", cmd.CommandPath())
		return exitUsage
	}
	tellFaults(w.Stderr, err)
	return exitFailed
}

// tellFaults writes the errors that were joined, a line each.
func tellFaults(w io.Writer, err error) {
	for _, e := range flatten(err) {
		fmt.Fprintf(w, "error: %s\n", e)
	}
}

// Commands returns the tree of commands, for documentation.
func Commands() *cobra.Command {
	a := &app{flags: map[string]string{}}
	return a.root()
}

// flatten returns the errors that were joined, so that each gets a line.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error }) // only the outermost
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, flatten(e)...)
	}
	return out
}

// app is one command being run.
type app struct {
	World
	// flags are settings given on the command line.
	flags  map[string]string
	output string
	level  string
}

// groups of commands, as --help shows them.
const (
	groupRun      = "run"
	groupLook     = "look"
	groupSettings = "settings"
	groupHouse    = "house"
)

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "updraft",
		Short: "Airflow without servers",
		Long: `Updraft runs Airflow's DAGs without servers: the same words, verbs and semantics in one
program. UPDRAFT_HOME (default ~/.updraft) is the one folder that holds database, logs
and keys.`,
		Example: examples(
			"updraft run hello.yaml", "run a DAG file once, now",
			"updraft standalone", "schedule the DAG folder, in one process",
			"updraft dags list", "what there is",
			"updraft tasks explain hello RUN load", "why a task is not running",
		),
		SilenceErrors: true, SilenceUsage: true, Version: a.Release,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return &usageError{unknownFlag(c, err)} })
	p := root.PersistentFlags()
	a.settingFlag(p, "home", "the one folder that holds database, logs and keys (UPDRAFT_HOME)")
	a.settingFlag(p, "dags", "folder of DAG files (UPDRAFT_DAGS)")
	a.settingFlag(p, "store", "where DAGs and runs are kept (UPDRAFT_STORE)")
	a.settingFlag(p, "context", "the set of settings to use, local for none (UPDRAFT_CONTEXT)")
	p.StringVar(&a.level, "log-level", "", "what to log on standard error: debug, info, warn or error")
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupLook, Title: "DAGs, tasks, backfills:"},
		&cobra.Group{ID: groupSettings, Title: "Settings:"},
		&cobra.Group{ID: groupHouse, Title: "The installation:"},
	)
	root.SetHelpCommandGroupID(groupHouse)
	root.AddCommand(a.commands()...)
	if err := root.RegisterFlagCompletionFunc("context", a.completeContexts(config.NoContext)); err != nil {
		panic(err) // as in complete
	}
	addHabits(root)
	strict(root)
	return root
}

// strict makes unknown sub-commands errors, and errors about arguments those of usage.
func strict(c *cobra.Command) {
	if c.HasSubCommands() && c.RunE == nil && c.Run == nil {
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = ": did you mean " + strings.Join(near, " or ") + "?"
			}
			return usagef("unknown command %q of %s%s", args[0], cmd.CommandPath(), hint)
		}
	} else if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(check(cmd, args), cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()); err != nil {
				return &usageError{err}
			}
			return nil
		}
	}
	if c.SuggestionsMinimumDistance == 0 {
		c.SuggestionsMinimumDistance = 2
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

// unknownFlag adds to the error about a flag that a command does not have what to write
// instead.
func unknownFlag(c *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return err
	}
	name := missing.GetSpecifiedName()
	if strings.Trim(name, "0123456789") == "" {
		return fmt.Errorf("%w: write -- before a negative number: -- -%s", err, name)
	}
	if answer, ok := flagHabits[name]; ok {
		return fmt.Errorf("%w: %s", err, answer)
	}
	if answer, ok := variablesHabits[name]; ok && c.Name() == "variables" {
		return fmt.Errorf("%w: %s", err, answer)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	if hint := dagfile.Hint("--"+name, names); hint != "" && missing.GetSpecifiedShortnames() == "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

// exactly demands these arguments, which it names when they are not there.
func exactly(names ...string) cobra.PositionalArgs { return between(len(names), names...) }

// between demands the first least of these arguments, and allows the others.
func between(least int, names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < least {
			return fmt.Errorf("%s is missing", strings.Join(names[len(args):least], " "))
		}
		if len(args) > len(names) {
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// atLeast demands this many arguments of one kind.
func atLeast(n int, name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return fmt.Errorf("%s is missing", name)
		}
		return nil
	}
}

// count is a number of things for people: 1 run, 2 runs.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// examples makes the text of Example: commands, each with what it does.
func examples(pairs ...string) string {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		width = max(width, len(pairs[i]))
	}
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "  %-*s  # %s\n", width, pairs[i], pairs[i+1])
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// config reads the configuration.
func (a *app) config() (*config.Config, error) {
	c, err := config.Load(config.Input{Lookup: a.Lookup, Flags: a.flags, UserHome: a.UserHome})
	if err != nil && len(a.flags) > 0 {
		// Without the flags all may be well: then it is the command line that is wrong.
		if _, other := config.Load(config.Input{Lookup: a.Lookup, UserHome: a.UserHome}); other == nil {
			return nil, &usageError{err}
		}
	}
	return c, err
}

// open opens the installation; the caller closes it. Level is what is logged unless
// --log-level says otherwise.
func (a *app) open(ctx context.Context, level slog.Level) (*embedded.Installation, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if a.level != "" {
		if err := level.UnmarshalText([]byte(a.level)); err != nil {
			return nil, usagef("--log-level %q: use debug, info, warn or error", a.level)
		}
	}
	return embedded.Open(ctx, embedded.Options{
		Config: c, Lookup: a.Lookup, Environ: a.Environ, Now: a.Now, Self: a.Self, Release: a.Release, Drivers: a.Drivers,
		Log: slog.New(slog.NewTextHandler(a.Stderr, &slog.HandlerOptions{Level: level})),
	})
}

// action is what a command does with an opened installation.
type action func(ctx context.Context, i *embedded.Installation, args []string) error

// with runs an action on the installation as it is stored.
func (a *app) with(do action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		ctx := cmd.Context()
		i, err := a.open(ctx, slog.LevelWarn)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, i.Close()) }()
		return do(ctx, i, args)
	}
}

// fresh is with, after what has changed in the DAG folder was stored.
func (a *app) fresh(do action) func(*cobra.Command, []string) error {
	return a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		if _, err := i.Refresh(ctx); err != nil {
			return err
		}
		return do(ctx, i, args)
	})
}

// existing says whether there is an installation, for commands that must not make one.
func existing(c *config.Config) bool {
	path := c.File("store")
	if path == "" {
		return true // a service's is made before it is named
	}
	_, err := os.Stat(path)
	return err == nil
}
