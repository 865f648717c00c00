package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

func (a *app) runCommand() *cobra.Command {
	var o embedded.RunOptions
	var conf string
	var temporary, quiet bool
	c := &cobra.Command{
		Use:   "run FILE|DAG...",
		Short: "Run DAGs once, now, and show what happens",
		Long: `Runs each DAG of the files or ids given once, now, and waits for the end. Paused DAGs run
too. The exit code is 0 if all runs succeeded, 1 if one failed, 130 after Ctrl-C (what
runs is stopped; a second run goes on with a new try).`,
		Example: examples(
			"updraft run hello.yaml", "run a file",
			"updraft run etl --conf '{\"day\": \"2026-01-31\"}'", "with parameters",
			"updraft run etl.yaml --logical-date 2026-01-31", "as if for another date",
			"updraft run etl.yaml --temporary", "leave nothing behind",
		),
		Args: atLeast(1, "FILE|DAG"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			if o.Conf, err = a.parseConf(conf); err != nil {
				return err
			}
			if temporary {
				remove, err := a.temporaryHome()
				if err != nil {
					return err
				}
				defer remove()
			}
			i, err := a.open(ctx, slog.LevelWarn)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, i.Close()) }()
			o.Targets = args
			return a.runOnce(ctx, i, o, quiet, temporary)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.RunID, "run-id", "r", "", "the id of the runs")
	timeFlag(f, &o.LogicalDate, "logical-date", "the logical date of the runs (default: now)")
	f.StringVarP(&conf, "conf", "c", "", "parameters, as a JSON object, @FILE, or - for standard input")
	f.BoolVar(&temporary, "temporary", false, "use a database and logs of its own, removed at the end")
	f.BoolVarP(&quiet, "quiet", "q", false, "show the end only")
	a.settingFlag(f, "parallelism", "how many tasks run at once (UPDRAFT_PARALLELISM)")
	c.ValidArgsFunction = a.completeFirst(cobra.ShellCompDirectiveDefault, a.dagIDs)
	return c
}

// temporaryHome makes the command work on an installation of its own.
func (a *app) temporaryHome() (remove func(), err error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "updraft")
	if err != nil {
		return nil, fmt.Errorf("make a temporary home: %w", err)
	}
	if _, given := a.flags["dags"]; !given {
		a.flags["dags"] = c.Text("dags")
	}
	a.flags["home"] = dir
	for _, name := range []string{"store", "logs"} {
		delete(a.flags, name)
	}
	a.flags["store"] = "sqlite://" + filepath.Join(dir, "updraft.db") + "?durability=normal"
	a.flags["logs"] = "file://" + filepath.Join(dir, "logs")
	return func() { os.RemoveAll(dir) }, nil
}

// runOnce runs, draws the progress, and ends with a summary.
func (a *app) runOnce(ctx context.Context, i *embedded.Installation, o embedded.RunOptions, quiet, temporary bool) error {
	p := newProgress(a, i.Loader.Graph)
	from := a.Now()
	if !quiet {
		o.OnStart = p.start
		o.OnChange = p.see
		p.begin()
	}
	runs, err := i.RunOnce(ctx, o)
	p.end()
	if len(runs) == 0 {
		return err
	}
	failed, serr := a.summary(ctx, i, runs, a.Now().Sub(from), temporary)
	if err = errors.Join(err, serr); err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(a.Stderr, "interrupted: running tasks were stopped")
		}
		return err
	}
	if failed {
		return errShown
	}
	return nil
}

// summary says how runs ended, why what failed did, and what to look at next.
func (a *app) summary(ctx context.Context, i *embedded.Installation, runs []run.Run, took time.Duration, temporary bool) (failed bool, err error) {
	ctx = context.WithoutCancel(ctx)
	var records []record
	var faults []fault
	for _, r := range runs {
		data, err := i.Store.Run(ctx, r.ID)
		if err != nil {
			return false, fmt.Errorf("read run %s: %w", r.ID, err)
		}
		failed = failed || data.Run.State != run.RunSuccess
		records = append(records, a.runRecord(&data))
		faults = append(faults, faultsOf(&data)...)
	}
	a.printf("\n")
	if err := a.list(records, ""); err != nil {
		return failed, err
	}
	for _, f := range faults {
		a.printf("\n%s %s: %s\n", a.paint(f.in.State.String()), f.key, printable(f.in.Reason))
		a.quote(f.in.Tail)
	}
	a.printf("\n%s in %s\n", count(len(runs), "run"), shortDuration(took))
	if temporary {
		return failed, nil
	}
	a.printf("database  %s\nlogs      %s\n", i.Config.Path("store"), i.Config.Path("logs"))
	key := a.interesting(ctx, i, runs, faults)
	again := a.again(i)
	a.printf("next      %s tasks logs %s %s %s\n          %s dags show %s\n",
		again, shellWord(key.DAG), shellWord(key.ID.Run), shellWord(key.Task), again, shellWord(key.DAG))
	return failed, nil
}

// again is how this program is called for the same installation.
func (a *app) again(i *embedded.Installation) string {
	if i.Config.Home == filepath.Join(a.UserHome, ".updraft") {
		return shellWord(a.Program)
	}
	return "UPDRAFT_HOME=" + shellWord(i.Config.Home) + " " + shellWord(a.Program)
}

// shellWord is a text as a shell takes it for one word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-+./:,@%=", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// fault is an instance that failed.
type fault struct {
	key run.Key
	in  run.Instance
}

// faultsOf are the instances of a run that failed themselves.
func faultsOf(d *store.RunData) (out []fault) {
	for _, in := range d.Instances {
		if in.State == run.Failed {
			out = append(out, fault{in.Key(d.Run.ID), in})
		}
	}
	return out
}

// interesting is the instance whose log one would look at first: one that failed, else
// the last that ran.
func (a *app) interesting(ctx context.Context, i *embedded.Installation, runs []run.Run, faults []fault) run.Key {
	if len(faults) > 0 {
		return faults[0].key
	}
	key := run.Key{ID: runs[0].ID, Task: "TASK"}
	var last time.Time
	for _, r := range runs {
		data, err := i.Store.Run(ctx, r.ID)
		if err != nil {
			continue
		}
		for n := range data.Instances {
			if in := &data.Instances[n]; in.End.After(last) && in.Start.Before(in.End) {
				last, key = in.End, in.Key(r.ID)
			}
		}
	}
	return key
}

// quotedLines is how much of a failed task's log the summary shows.
const quotedLines = 10

// quote shows the end of a log, set off.
func (a *app) quote(tail string) {
	lines := slices.DeleteFunc(splitLines(tail), ofRunner)
	if len(lines) > quotedLines {
		lines = lines[len(lines)-quotedLines:]
	}
	for _, l := range lines {
		a.printf("    %s\n", printable(l))
	}
}

// ofRunner says whether a line is a frame of our own, below those of a callable that has
// crashed its interpreter.
func ofRunner(line string) bool {
	return strings.HasPrefix(line, `  File "`) && strings.Contains(line, "/updraft_runner/")
}

// runRecord is a run with the number of its instances by state.
func (a *app) runRecord(d *store.RunData) record {
	counts := map[run.State]int{}
	for _, in := range d.Instances {
		counts[in.State]++
	}
	r := record{{"dag_id", d.Run.DAG}, {"run_id", d.Run.ID.Run}, {"state", d.Run.State}}
	if d.Run.End.IsZero() || d.Run.Start.IsZero() {
		r = append(r, field{"duration", nil})
	} else {
		r = append(r, field{"duration", d.Run.End.Sub(d.Run.Start)})
	}
	return append(r, field{"tasks", countText(counts)})
}
