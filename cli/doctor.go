package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/store"
)

// finding is what one check of doctor says.
type finding struct {
	Check string `json:"check"`
	// State is ok, warning or error.
	State  string `json:"state"`
	Detail string `json:"detail"`
	// Remedy says what to do; empty when all is well.
	Remedy string `json:"remedy,omitempty"`
}

// The states of findings.
const (
	stateOK      = "ok"
	stateWarning = "warning"
	stateError   = "error"
)

func (a *app) doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "doctor", Short: "Check the set-up and say what to do", Args: exactly(),
		Example: examples("updraft doctor", "all checks", "updraft doctor -o json", "for monitoring"),
		Long:    "Checks settings, folders, database, key, DAG files, Python and the address to listen on. The exit code\nis 1 if anything keeps updraft from working.",
	}
	a.outputFlag(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		findings := a.examine(cmd.Context())
		if a.output != "table" {
			records := make([]record, len(findings))
			for n, f := range findings {
				records[n] = record{{"check", f.Check}, {"state", f.State}, {"detail", f.Detail}, {"remedy", f.Remedy}}
			}
			if err := a.list(records, ""); err != nil {
				return err
			}
		} else {
			a.tell(findings)
		}
		if slices.ContainsFunc(findings, func(f finding) bool { return f.State == stateError }) {
			return errShown
		}
		return nil
	}
	return c
}

func (a *app) tell(findings []finding) {
	marks := map[string]string{stateOK: "ok  ", stateWarning: "warn", stateError: "FAIL"}
	colours := map[string]text.Color{stateOK: text.FgGreen, stateWarning: text.FgYellow, stateError: text.FgRed}
	for _, f := range findings {
		mark := marks[f.State]
		if a.colourful() {
			mark = colours[f.State].Sprint(mark)
		}
		a.printf("%s  %-10s %s\n", mark, f.Check, f.Detail)
		if f.Remedy != "" {
			a.printf("      %-10s -> %s\n", "", f.Remedy)
		}
	}
}

// examine makes all checks that can be made.
func (a *app) examine(ctx context.Context) []finding {
	c, err := a.config()
	if err != nil {
		var out []finding
		for _, e := range flatten(err) {
			out = append(out, finding{"settings", stateError, e.Error(), "correct it: `updraft config list` shows all settings once they are valid"})
		}
		return out
	}
	out := []finding{{"settings", stateOK, "all settings are valid", ""}}
	out = append(out, a.misspelt(c)...)
	out = append(out, a.checkHome(c)...)
	i, err := a.open(ctx, slog.LevelError)
	if err != nil {
		return append(out, finding{"database", stateError, err.Error(), "correct what it says, or set UPDRAFT_HOME to another folder"})
	}
	defer i.Close() //nolint:errcheck // it was only looked at
	out = append(out, checkDatabase(ctx, i), checkKeys(ctx, i))
	out = append(out, checkLimits(ctx, i)...)
	out = append(out, checkFolder(ctx, i), a.checkPython(ctx, c), checkListen(ctx, i))
	if i.Busy(ctx) {
		return append(out, finding{"scheduler", stateOK, "a process works on this installation", ""})
	}
	return append(out, finding{"scheduler", stateWarning, "nothing schedules this installation now", "start `updraft standalone` unless you only use `updraft run`"})
}

// misspelt finds variables of the environment that look like settings and are none.
func (a *app) misspelt(c *config.Config) (out []finding) {
	known := map[string]bool{}
	for _, s := range c.Settings() {
		known[s.Env] = true
	}
	for _, e := range a.Environ {
		name, _, _ := strings.Cut(e, "=")
		own := strings.HasPrefix(name, "UPDRAFT_") && !strings.HasPrefix(name, "UPDRAFT_VAR_") && !strings.HasPrefix(name, "UPDRAFT_CONN_")
		if own && !known[name] {
			out = append(out, finding{"settings", stateWarning, "the environment has " + name + ", which is no setting", "see `updraft config list` for the names, or unset it"})
		}
	}
	return out
}

// checkHome looks at the folder of the installation and its key.
func (a *app) checkHome(c *config.Config) []finding {
	info, err := os.Stat(c.Home)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []finding{{"home", stateOK, c.Home + " is not there yet: the first command makes it", ""}}
	case err != nil:
		return []finding{{"home", stateError, err.Error(), "set UPDRAFT_HOME to a folder that you can write to"}}
	case !info.IsDir():
		return []finding{{"home", stateError, c.Home + " is no folder", "set UPDRAFT_HOME to a folder"}}
	}
	out := []finding{{"home", stateOK, c.Home, ""}}
	switch err := tryWriting(c.Home); {
	case errors.Is(err, syscall.ENOSPC):
		out[0] = finding{"home", stateError, c.Home + ": " + err.Error(), "make room on its disk, or set UPDRAFT_HOME to a folder on another one"}
	case err != nil:
		out[0] = finding{"home", stateError, c.Home + " cannot be written to: " + err.Error(), "give yourself the right to, or set UPDRAFT_HOME to another folder"}
	}
	for _, name := range []string{"", "key", "updraft.db"} {
		path := filepath.Join(c.Home, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 && (name != "" || info.Mode().Perm()&0o022 != 0) {
			out = append(out, finding{"home", stateWarning, fmt.Sprintf("%s is open to others (mode %04o)", path, info.Mode().Perm()), "chmod go-rwx " + path})
		}
	}
	return out
}

// room is what has to fit on the disk: less, and the next run would fill it.
const room = 1 << 20

// tryWriting writes a file and removes it.
func tryWriting(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, room))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// checkKeys tries to open all that is sealed.
func checkKeys(ctx context.Context, i *embedded.Installation) finding {
	_, cerr := i.Settings.Connections(ctx)
	_, verr := i.Settings.Variables(ctx)
	if err := cmp.Or(cerr, verr); err != nil {
		return finding{"key", stateError, err.Error(), "put the key back from its copy; without one, set the connections and variables again"}
	}
	return finding{"key", stateOK, "opens all connections and variables that are stored", ""}
}

// checkLimits says what is limited to DAGs, and where a limit does not count.
func checkLimits(ctx context.Context, i *embedded.Installation) []finding {
	var names []string
	var out []finding
	for _, k := range []store.Kind{store.KindConnection, store.KindVariable} {
		limits, err := i.Settings.Limits(ctx, k)
		if err != nil {
			return []finding{{"limits", stateError, err.Error(), "set it again with `updraft " + string(k) + "s set … --dags …`: nobody can use it now"}}
		}
		for _, l := range limits {
			name := fmt.Sprintf("%s %s (%s)", k, l.ID, l.DAGs)
			names = append(names, name)
			if l.Hidden != "" {
				out = append(out, finding{
					"limits", stateWarning, fmt.Sprintf("the limit of %s does not count: its value comes from %s", name, l.Hidden),
					"remove it there, or delete it in the database",
				})
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return append([]finding{{"limits", stateOK, "for some DAGs alone: " + strings.Join(names, ", "), ""}}, out...)
}

func checkDatabase(ctx context.Context, i *embedded.Installation) finding {
	path := i.Config.Path("store")
	k, err := i.Keeper()
	if errors.Is(err, embedded.ErrNoKeeper) {
		return finding{"database", stateOK, err.Error(), ""}
	}
	problems, err := k.Check(ctx)
	switch {
	case err != nil:
		return finding{"database", stateError, err.Error(), "correct what it says"}
	case len(problems) > 0:
		return finding{
			"database", stateError, fmt.Sprintf("%s is damaged: %s", path, problems[0]),
			"stop updraft, save what can be saved with `updraft db export`, and start with a new file",
		}
	}
	return finding{"database", stateOK, path + " is whole", ""}
}

func checkFolder(ctx context.Context, i *embedded.Installation) finding {
	dir := i.Config.Text("dags")
	if _, err := i.Refresh(ctx); err != nil {
		return finding{"dags", stateError, err.Error(), "set UPDRAFT_DAGS to a folder that can be read"}
	}
	broken, err := i.ImportErrors(ctx)
	if err != nil {
		return finding{"dags", stateError, err.Error(), "see `updraft db check`"}
	}
	if len(broken) > 0 {
		return finding{"dags", stateWarning, fmt.Sprintf("%s of %s cannot be read", count(len(broken), "file"), dir), "`updraft dags list-import-errors` says why"}
	}
	return finding{"dags", stateOK, dir, ""}
}

// pythonWait bounds the start of the interpreter.
const pythonWait = 20 * time.Second

func (a *app) checkPython(ctx context.Context, c *config.Config) finding {
	ctx, cancel := context.WithTimeout(ctx, pythonWait)
	defer cancel()
	r, err := python.Start(ctx, python.Config{Python: c.Text("python"), Env: a.Environ})
	if err != nil {
		return finding{"python", stateWarning, err.Error(), "install Python 3.9 or newer, or set UPDRAFT_PYTHON; only Python tasks need it"}
	}
	defer r.Close() //nolint:errcheck // it was only looked at
	info := r.Info()
	return finding{"python", stateOK, fmt.Sprintf("%s is Python %s", info.Executable, info.Version), ""}
}

func checkListen(ctx context.Context, i *embedded.Installation) finding {
	address := i.Config.Text("listen")
	if i.Busy(ctx) {
		return finding{"listen", stateOK, address + ", unless the scheduler was told another address", ""}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return finding{"listen", stateError, err.Error(), "set UPDRAFT_LISTEN to a free address, such as 127.0.0.1:8081"}
	}
	ln.Close()
	if host, _, err := net.SplitHostPort(address); err == nil {
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return finding{"listen", stateWarning, address + " can be reached from other machines", "use 127.0.0.1 unless a proxy in front checks who asks"}
		}
	}
	return finding{"listen", stateOK, address + " is free", ""}
}
