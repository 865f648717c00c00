//go:build emulator

package killtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// TestKillOnPostgres: two schedulers and two workers, each in a home of its own as on a
// machine of its own, on one PostgreSQL. Workers are killed in each run, and the scheduler
// that has the turn in one of them.
func TestKillOnPostgres(t *testing.T) {
	t.Setenv(postgresURL, emulatortest.Postgres(t))
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(7, 1))
	machine := func(name string) string {
		home := filepath.Join(w.home, name)
		for _, err := range []error{
			os.MkdirAll(home, 0o700), os.Symlink(filepath.Join(w.home, "dags"), filepath.Join(home, "dags")),
			os.Symlink(filepath.Join(w.home, "key"), filepath.Join(home, "key")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return home
	}
	scheduler, waiting := machine("s1"), machine("s2")
	workers := []string{machine("w1"), machine("w2")}
	first := w.startAs(t, "scheduler", scheduler)
	for !w.inst.Busy(t.Context()) {
		<-time.After(10 * time.Millisecond)
	}
	second := w.startAs(t, "scheduler", waiting)
	work := []*exec.Cmd{w.startAs(t, "worker", workers[0]), w.startAs(t, "worker", workers[1])}
	const runs = 4
	var ids []run.ID
	for n := range runs {
		r, err := w.inst.Trigger(t.Context(), task.Trigger{DAG: "kill", Run: fmt.Sprint("r", n)}, "test")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
		<-time.After(time.Duration(rng.Int64N(int64(300 * time.Millisecond))))
		victim := n % len(work)
		kill(t, work[victim])
		work[victim] = w.startAs(t, "worker", workers[victim])
		if n == runs/2 {
			kill(t, first)
		}
		w.wait(t.Context(), t, r.ID)
	}
	for _, cmd := range append(work, second) {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("a program ended with %v:\n%s", err, w.log())
		}
	}
	w.checkOnce(t.Context(), t, ids)
}

// checkOnce is check for workers, one of which takes over what another has not ended: of
// such a try nobody knows what it did, but it did so once at most, and the last one for
// certain.
func (w *world) checkOnce(ctx context.Context, t *testing.T, runs []run.ID) {
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
			if key := fmt.Sprint(id.Run, " ", in.Task, " ", in.Try); did[key] != 1 {
				t.Errorf("the last try of %s in %s happened %d times", in.Task, id.Run, did[key])
			}
		}
	}
	for key, n := range did {
		if n != 1 {
			t.Errorf("%q happened %d times", key, n)
		}
	}
}
