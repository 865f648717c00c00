package embedded_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/embedded/metrics"
	"github.com/updraft-dev/updraft/internal/shepherdtest"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// TestMain lets the test program be the shepherd of its own processes.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == workerCommand {
		if err := runTestWorker(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	shepherdtest.Main(m, embedded.ShepherdCommand)
}

// newHome makes a folder with a short path: that of a Unix socket is bounded.
func newHome(t *testing.T, files map[string]string) string {
	t.Helper()
	home, err := os.MkdirTemp("", "upd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	if err := os.MkdirAll(filepath.Join(home, "dags"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, filepath.Join(home, "dags", name), text)
	}
	return home
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func openHome(ctx context.Context, home string, flags map[string]string) (*embedded.Installation, error) {
	all := map[string]string{"home": home, "listen": "127.0.0.1:0"}
	for k, v := range flags {
		all[k] = v
	}
	c, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }, Flags: all})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return embedded.Open(ctx, embedded.Options{
		Config: c, Lookup: func(string) (string, bool) { return "", false }, Environ: os.Environ(), Now: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Self: self, Release: "test", Drivers: local.Drivers(),
	})
}

func open(t *testing.T, home string, flags map[string]string) *embedded.Installation {
	t.Helper()
	i, err := openHome(t.Context(), home, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

// bashDAG is a DAG file with one task.
func bashDAG(id, schedule, command string) string {
	return fmt.Sprintf(`%s:
  schedule: %s
  start_date: "2026-01-01"
  catchup: false
  tasks:
    only:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: %q
`, id, schedule, command)
}

func TestRunOnce(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	home := newHome(t, map[string]string{
		"good.yaml": bashDAG("good", "null", "echo $AIRFLOW_CTX_DAG_ID >> "+out),
		"bad.yaml":  bashDAG("bad", "null", "echo oh no; exit 3"),
	})
	i := open(t, home, nil)
	var started []run.Run
	runs, err := i.RunOnce(t.Context(), embedded.RunOptions{
		Targets: []string{filepath.Join(home, "dags", "good.yaml"), filepath.Join(home, "dags", "bad.yaml")},
		OnStart: func(r []run.Run) { started = r },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(started) != 2 || len(runs) != 2 {
		t.Fatalf("%d runs started, %d ended, want 2", len(started), len(runs))
	}
	if runs[0].State != run.RunSuccess || runs[1].State != run.RunFailed {
		t.Errorf("runs ended %s and %s", runs[0].State, runs[1].State)
	}
	if body, err := os.ReadFile(out); err != nil || string(body) != "good\n" {
		t.Errorf("the task wrote %q, %v", body, err)
	}
	data, err := i.Store.Run(t.Context(), runs[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	if in := data.Instances[0]; in.ExitCode != 3 || in.Reason != "exit code 3: oh no" {
		t.Errorf("the failure is %d %q", in.ExitCode, in.Reason)
	}
}

func TestRunOnceLeavesTheScheduleAlone(t *testing.T) {
	t.Parallel()
	home := newHome(t, map[string]string{"hourly.yaml": bashDAG("hourly", `"@hourly"`, "true")})
	i := open(t, home, nil)
	if _, err := i.RunOnce(t.Context(), embedded.RunOptions{Targets: []string{filepath.Join(home, "dags", "hourly.yaml")}}); err != nil {
		t.Fatal(err)
	}
	list, err := i.Store.ListRuns(t.Context(), store.RunFilter{}, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Type != run.TypeManual {
		t.Errorf("the runs are %v, want the one asked for", list.Items)
	}
}

// A large XCom is a file; it goes when its run does.
func TestLargeXComs(t *testing.T) {
	t.Parallel()
	home := newHome(t, map[string]string{
		"values.py": "def much():\n    return 'x' * 100_000\n\ndef count(text):\n    return len(text)\n",
		"large.yaml": `large:
  schedule: null
  start_date: "2026-01-01"
  tasks:
    much: {decorator: airflow.sdk.task, python_callable: values.much}
    count: {decorator: airflow.sdk.task, python_callable: values.count, text: +much}
`,
	})
	i := open(t, home, nil)
	runs, err := i.RunOnce(t.Context(), embedded.RunOptions{Targets: []string{filepath.Join(home, "dags", "large.yaml")}})
	if err != nil || runs[0].State != run.RunSuccess {
		t.Fatalf("%v %v", runs, err)
	}
	items, err := i.Store.XComs(t.Context(), store.XComQuery{Run: runs[0].ID})
	if err != nil || len(items) != 2 || string(items[0].Value) != "100000" || len(items[1].Value) > 500 {
		t.Errorf("stored are %.300v, %v", items, err)
	}
	files := func() int {
		found, err := filepath.Glob(filepath.Join(home, "xcoms", "*", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if n := files(); n != 1 {
		t.Errorf("%d files of XComs, want 1", n)
	}
	later := *i
	later.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	if err := later.Clean(t.Context()); err != nil || files() != 1 {
		t.Errorf("cleaning leaves %d files of a run that is there: %v", files(), err)
	}
	if err := i.Store.DeleteRun(t.Context(), runs[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := later.Clean(t.Context()); err != nil || files() != 0 {
		t.Errorf("cleaning leaves %d files of a run that is gone: %v", files(), err)
	}
}

func TestRunOnceFaults(t *testing.T) {
	t.Parallel()
	home := newHome(t, map[string]string{"broken.yaml": "d:\n  tasks: [\n"})
	i := open(t, home, nil)
	_, err := i.RunOnce(t.Context(), embedded.RunOptions{Targets: []string{"nothing", filepath.Join(home, "dags", "broken.yaml"), "./absent.yaml"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"DAG nothing is not known: give its file", "broken.yaml:", "absent.yaml: no such file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error is %q, without %q", err, want)
		}
	}
}

func TestRunOnceEndsWithItsContext(t *testing.T) {
	t.Parallel()
	home := newHome(t, map[string]string{"long.yaml": bashDAG("long", "null", "sleep 600")})
	i := open(t, home, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	runs, err := i.RunOnce(ctx, embedded.RunOptions{
		Targets: []string{filepath.Join(home, "dags", "long.yaml")},
		OnChange: func(b []run.Batch) {
			for _, c := range b[0].Changes {
				if c.Want.State == run.Running {
					cancel()
				}
			}
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	data, err := i.Store.Run(t.Context(), runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	// It was not the task's fault: it gets another try when somebody works again.
	if in := data.Instances[0]; in.State != run.UpForRetry || in.Cause != run.CauseInfra {
		t.Errorf("the task is %s, cause %q: %s", in.State, in.Cause, in.Reason)
	}
}

func TestOnlyOneProcessWorks(t *testing.T) {
	t.Parallel()
	home := newHome(t, nil)
	a, b := open(t, home, nil), open(t, home, nil)
	err := a.Work(t.Context(), embedded.WorkOptions{}, func(ctx context.Context, _ *tick.Engine) error {
		return b.Work(ctx, embedded.WorkOptions{}, func(context.Context, *tick.Engine) error { return nil })
	})
	want := fmt.Sprintf("process %d works on %s", os.Getpid(), home)
	if !errors.Is(err, embedded.ErrBusy) || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want ErrBusy with %q", err, want)
	}
}

func TestSyncDAGs(t *testing.T) {
	t.Parallel()
	home := newHome(t, map[string]string{"a.yaml": bashDAG("a", "null", "true"), "b.yaml": bashDAG("b", "null", "true")})
	i := open(t, home, nil)
	ctx := t.Context()
	sync := func(wantStored, wantStale []string, wantBroken int) {
		t.Helper()
		files, err := i.Folder(ctx) // as after a restart
		if err != nil {
			t.Fatal(err)
		}
		s, err := i.SyncDAGs(ctx, files)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([][]string{wantStored, wantStale}, [][]string{s.Stored, s.Stale}); d != "" || len(s.Errors) != wantBroken {
			t.Errorf("stored and stale (-want +got):\n%s%d broken, want %d", d, len(s.Errors), wantBroken)
		}
	}
	sync([]string{"a", "b"}, nil, 0)
	sync(nil, nil, 0)
	write(t, filepath.Join(home, "dags", "a.yaml"), bashDAG("a", "null", "false"))
	sync([]string{"a"}, nil, 0)
	write(t, filepath.Join(home, "dags", "a.yaml"), "a: [")
	sync(nil, nil, 1)
	faults, err := i.ImportErrors(ctx)
	if err != nil || len(faults) != 1 || faults[0].File != "a.yaml" || !cmp.Equal(faults[0].DAGs, []string{"a"}) {
		t.Errorf("import errors are %+v, %v", faults, err)
	}
	if def, err := i.Store.DAG(ctx, "a"); err != nil || def.State.Stale {
		t.Errorf("the last good version of a broken file is stale: %v, %v", def.State, err)
	}
	if err := os.Remove(filepath.Join(home, "dags", "b.yaml")); err != nil {
		t.Fatal(err)
	}
	sync(nil, []string{"b"}, 0)
	write(t, filepath.Join(home, "dags", "b.yaml"), bashDAG("b", "null", "true"))
	write(t, filepath.Join(home, "dags", "a.yaml"), bashDAG("a", "null", "true"))
	sync([]string{"a", "b"}, nil, 0)
	if faults, err := i.ImportErrors(ctx); err != nil || len(faults) != 0 {
		t.Errorf("import errors are %+v, %v", faults, err)
	}
}

// eventually waits for something that another goroutine brings about.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(30 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func TestStandalone(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	home := newHome(t, map[string]string{"due.yaml": bashDAG("due", `"@once"`, "echo due >> "+out)})
	i := open(t, home, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- i.Standalone(ctx, embedded.StandaloneOptions{Metrics: metrics.New(), OnReady: func(address string, _ embedded.Synced) { ready <- address }})
	}()
	var address string
	select {
	case address = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	lines := func() string {
		body, err := os.ReadFile(out)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(body)
	}
	eventually(t, "the scheduled run", func() bool { return lines() == "due\n" })

	// A new file, and a trigger by another process.
	write(t, filepath.Join(home, "dags", "new.yaml"), bashDAG("new", "null", "echo new >> "+out))
	other := open(t, home, nil)
	eventually(t, "the new file", func() bool {
		_, err := other.Store.DAG(t.Context(), "new")
		return err == nil
	})
	if _, err := other.Trigger(t.Context(), task.Trigger{DAG: "new", Run: "r1"}, "test"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the triggered run", func() bool { return lines() == "due\nnew\n" })
	if _, err := other.Trigger(t.Context(), task.Trigger{DAG: "new", Run: "r1"}, "test"); !errors.Is(err, task.ErrRunExists) {
		t.Errorf("triggering the same run again: %v", err)
	}
	if _, err := other.Trigger(t.Context(), task.Trigger{DAG: "none"}, "test"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("triggering an unknown DAG: %v", err)
	}

	get := func(path string) string {
		t.Helper()
		res, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s answers %s, %v", path, res.Status, err)
		}
		return string(body)
	}
	var status embedded.Status
	if err := json.Unmarshal([]byte(get("/status")), &status); err != nil || status.DAGs != 2 || status.Release != "test" {
		t.Errorf("/status is %+v, %v", status, err)
	}
	// The tasks have written their lines before the scheduler knows that they ended.
	eventually(t, "the metric of two successes", func() bool {
		return strings.Contains(get("/metrics"), `updraft_task_instances_total{state="success"} 2`)
	})
	if h := get("/health"); !strings.Contains(h, `"healthy"`) {
		t.Errorf("/health is %s", h)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Standalone ended with %v", err)
	}
}
