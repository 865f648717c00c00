package killtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/shepherdtest"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/postgres"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// The program is killed homes * runs * kills times. The moments come from the number of
// the home, so one that fails can be looked at again.
const (
	homes = 5
	runs  = 10
	// kills is for each run: a task that cannot be resumed bears run.InfraRetries of them
	// and then its own retry.
	kills = run.InfraRetries + 1
)

// dagFile is a DAG whose tasks write down that they ran: a chain, a fan, a task that
// fails once, and a Python task.
const dagFile = `
kill:
  schedule: null
  start_date: "2026-01-01"
  default_args: {retries: 1, retry_delay: {__type__: datetime.timedelta, milliseconds: 50}}
  tasks:
    a:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: &effect 'echo "$AIRFLOW_CTX_DAG_RUN_ID $AIRFLOW_CTX_TASK_ID $AIRFLOW_CTX_TRY_NUMBER" >> "$EFFECTS"; sleep 0.03'
    b:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: *effect
      dependencies: [a]
    c:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: *effect
      dependencies: [a]
    flaky:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: 'echo "$AIRFLOW_CTX_DAG_RUN_ID $AIRFLOW_CTX_TASK_ID $AIRFLOW_CTX_TRY_NUMBER" >> "$EFFECTS"; test "$AIRFLOW_CTX_TRY_NUMBER" -gt 1'
      dependencies: [a]
    python:
      operator: airflow.providers.standard.operators.python.PythonOperator
      python_callable: effects.effect
      dependencies: [b]
    end:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: *effect
      dependencies: [b, c, flaky, python]
`

const effects = `import os

def effect(run_id, ti):
    with open(os.environ["EFFECTS"], "a") as f:
        f.write(f"{run_id} {ti.task_id} {ti.try_number}\n")
`

type world struct {
	home, effects string
	inst          *embedded.Installation
}

// TestMain lets the test program be the one that is killed, and its shepherd.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || programs[os.Args[1]] == nil {
		shepherdtest.Main(m, embedded.ShepherdCommand)
	}
	if err := program(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// programs are those that are killed.
var programs = map[string]func(context.Context, *embedded.Installation) error{
	"standalone": func(ctx context.Context, i *embedded.Installation) error {
		return i.Standalone(ctx, embedded.StandaloneOptions{})
	},
	"scheduler": func(ctx context.Context, i *embedded.Installation) error {
		return i.Scheduler(ctx, embedded.StandaloneOptions{})
	},
	"worker": func(ctx context.Context, i *embedded.Installation) error {
		return i.Worker(ctx, embedded.WorkerOptions{Lease: 2 * time.Second})
	},
}

// program works on the installation of a home until it is told to end.
func program(name, home string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	i, err := open(ctx, home, os.Stderr)
	if err != nil {
		return err
	}
	return errors.Join(programs[name](ctx, i), i.Close())
}

// postgresURL is the variable with the URL of store and queues, if they are not in the home.
const postgresURL = "UPDRAFT_KILLTEST_POSTGRES"

// open opens the installation of a home.
func open(ctx context.Context, home string, log io.Writer) (*embedded.Installation, error) {
	flags := map[string]string{"home": home, "listen": "127.0.0.1:0"}
	if url := os.Getenv(postgresURL); url != "" {
		flags["store"], flags["queue"] = url, url
	}
	c, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }, Flags: flags})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return embedded.Open(ctx, embedded.Options{
		Config: c, Lookup: os.LookupEnv, Environ: os.Environ(), Now: time.Now, Self: self, Drivers: embedded.Join(local.Drivers(), postgres.Drivers()),
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	// The path of a Unix socket is short: t.TempDir's may not be.
	home, err := os.MkdirTemp("", "kill")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{home: home, effects: filepath.Join(home, "effects")}
	write := func(name, body string) {
		if err := os.WriteFile(filepath.Join(home, "dags", name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(home, "dags"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("kill.yaml", dagFile)
	write("effects.py", effects)
	if w.inst, err = open(t.Context(), home, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.inst.LoadFile(t.Context(), filepath.Join(home, "dags", "kill.yaml")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.inst.Close()
		os.RemoveAll(home)
	})
	return w
}

// start starts the program; the log of all of its lives is in one file.
func (w *world) start(t *testing.T) *exec.Cmd {
	t.Helper()
	return w.startAs(t, "standalone", w.home)
}

// startAs starts a program in a home.
func (w *world) startAs(t *testing.T, program, home string) *exec.Cmd {
	t.Helper()
	logFile, err := os.OpenFile(filepath.Join(w.home, "programs.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer logFile.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, program, home)
	cmd.Env = append(os.Environ(), "EFFECTS="+w.effects)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// kill ends it as nothing can be prepared for.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatalf("the program ended by itself: %v", err)
	}
	cmd.Wait()
}

func TestKill(t *testing.T) {
	var wg sync.WaitGroup
	for n := range homes {
		wg.Go(func() {
			t.Run(fmt.Sprint(n), func(t *testing.T) { killHome(t, rand.New(rand.NewPCG(uint64(n), 1))) })
		})
	}
	wg.Wait()
}

// killHome makes one run after the other in a home of its own, and kills the program in
// each of them.
func killHome(t *testing.T, rng *rand.Rand) {
	w := newWorld(t)
	ctx := t.Context()
	var all []run.ID
	trigger := func() {
		r, err := w.inst.Trigger(ctx, task.Trigger{DAG: "kill", Run: fmt.Sprintf("r%03d", len(all))}, "test")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.ID)
	}
	cmd := w.start(t)
	var resumed []time.Duration
	for n := range runs {
		trigger()
		for range kills {
			<-time.After(time.Duration(rng.Int64N(int64(150 * time.Millisecond))))
			kill(t, cmd)
			cmd = w.start(t)
		}
		resumed = append(resumed, w.wait(ctx, t, all[n]))
	}
	trigger() // and one in peace
	w.wait(ctx, t, all[runs])
	slices.Sort(resumed)
	half, slowest := resumed[len(resumed)/2], resumed[len(resumed)-1]
	if half > restartTime || slowest > stuckTime {
		t.Errorf("work went on %v after half of the restarts, and %v after the slowest; want %v and %v", half, slowest, restartTime, stuckTime)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v:\n%s", err, w.log())
	}
	w.check(ctx, t, all)
	t.Logf("%d kills; work went on %v after a restart at the latest", runs*kills, slowest.Round(time.Millisecond))
}

const (
	// restartTime is how long the program takes from its start until work goes on. The
	// machine may be busy with something else now and then: half of the starts have to
	// keep it.
	restartTime = 2 * time.Second
	// stuckTime is what no start may take: less than any time that what a dead process
	// has held is waited for.
	stuckTime = 10 * time.Second
)

// wait waits until the run has ended that was under way when the program was started
// last, and says how long it took until something of it went on.
func (w *world) wait(ctx context.Context, t *testing.T, id run.ID) (resumed time.Duration) {
	t.Helper()
	const patience = time.Minute
	began := time.Now()
	var first *store.RunData
	for ; ; <-time.After(10 * time.Millisecond) {
		data, err := w.inst.Store.Run(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = &data
		}
		passed := time.Since(began)
		if resumed == 0 && !reflect.DeepEqual(*first, data) {
			resumed = passed
		}
		if data.Run.State.Finished() {
			return resumed
		}
		if passed > patience {
			t.Fatalf("run %s is stuck in %s:\n%+v\n%s", id, data.Run.State, data.Instances, w.log())
		}
	}
}

func (w *world) log() string {
	body, _ := os.ReadFile(filepath.Join(w.home, "programs.log"))
	return string(body[max(0, len(body)-20000):])
}

// effectsOf counts what the tasks have written down.
func (w *world) effectsOf(t *testing.T) map[string]int {
	t.Helper()
	body, err := os.ReadFile(w.effects)
	if err != nil {
		t.Fatal(err)
	}
	did := map[string]int{}
	for line := range bytes.Lines(body) {
		did[strings.TrimSpace(string(line))]++
	}
	return did
}

// check compares what the tasks did with what the store says they did: each try of a
// shell task once, each try of a Python task (whose process dies with its worker) at
// most once, and the last one for certain.
func (w *world) check(ctx context.Context, t *testing.T, runs []run.ID) {
	t.Helper()
	did := w.effectsOf(t)
	for _, id := range runs {
		data, err := w.inst.Store.Run(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if data.Run.State != run.RunSuccess {
			t.Errorf("run %s ended %s: %s", id, data.Run.State, data.Run.Reason)
		}
		for _, in := range data.Instances {
			for try := 1; try <= in.Try; try++ {
				key := strings.Join([]string{id.Run, in.Task, strconv.Itoa(try)}, " ")
				n := did[key]
				delete(did, key)
				if n > 1 || n == 0 && (in.Task != "python" || try == in.Try) {
					t.Errorf("try %d of %s in %s happened %d times (state %s, cause %s: %s)", try, in.Task, id.Run, n, in.State, in.Cause, in.Reason)
				}
			}
		}
	}
	for key, n := range did {
		t.Errorf("%q happened %d times, and the store knows nothing of it", key, n)
	}
}
