package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the floor writes to the same database

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/settings"
)

// floor is the bare loop to compare with: start true, wait for it, commit one row to
// SQLite with a sync.
func floor(ctx context.Context, b *bench) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.dir, "floor.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT)"); err != nil {
		return err
	}
	const n = 300
	from := time.Now()
	for i := range n {
		if err := exec.CommandContext(ctx, "bash", "-c", "true").Run(); err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, "INSERT INTO t VALUES (?, 'success')", i); err != nil {
			return err
		}
	}
	b.add(Figure{Name: "floor: bash -c true, then commit", Value: ms(time.Since(from)) / n, Unit: "ms"})
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// chains measures the time between two tasks of a chain, as the tasks themselves write it.
func chains(ctx context.Context, b *bench) error {
	sizes := []int{10, 100, 1000, 10000}
	if b.quick {
		sizes = []int{10, 100}
	}
	total := map[int]float64{}
	for _, n := range sizes {
		times := filepath.Join(b.dir, fmt.Sprintf("chain%d.times", n))
		o, err := b.once(ctx, fmt.Sprintf("chain%d", n), dagOf(n, func(i int) string {
			return bash("echo $EPOCHREALTIME >> "+times) + after(i)
		}), nil)
		if err != nil {
			return err
		}
		gaps, err := handOffs(times)
		if err != nil {
			return err
		}
		total[n] = ms(o.Elapsed)
		name := fmt.Sprintf("chain of %d shell tasks", n)
		b.add(Figure{Name: name + ": hand-off, median", Value: median(gaps), Unit: "ms", Aim: 3})
		b.add(Figure{Name: name + ": hand-off, p95", Value: quantile(gaps, 0.95), Unit: "ms"})
		b.add(Figure{Name: name + ": commits per task", Value: float64(o.Commits) / float64(n), Unit: "commits", Aim: 2, Gate: true})
		if f := b.value("floor: bash -c true, then commit"); f > 0 {
			b.add(Figure{Name: name + ": hand-off to floor", Value: median(gaps) / f, Unit: "times"})
		}
	}
	if !b.quick {
		b.add(Figure{Name: "chain: t(1,000) / t(100)", Value: total[1000] / total[100], Unit: "times", Aim: 11})
	}
	return nil
}

// handOffs are the differences between successive times in a file, in ms.
func handOffs(path string) ([]float64, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var at []float64
	for line := range strings.Lines(string(body)) {
		t, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(line), ",", ".", 1), 64)
		if err != nil {
			return nil, err
		}
		at = append(at, t)
	}
	if len(at) < 2 {
		return nil, errors.New("fewer than two tasks wrote their time")
	}
	slices.Sort(at)
	gaps := make([]float64, 0, len(at)-1)
	for i := 1; i < len(at); i++ {
		gaps = append(gaps, (at[i]-at[i-1])*1000)
	}
	slices.Sort(gaps)
	return gaps, nil
}

func median(sorted []float64) float64 { return quantile(sorted, 0.5) }

func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, int(math.Round(q*float64(len(sorted)-1))))]
}

// fans measures 1,000 independent tasks: the program `true`, which the floor executes, too, and
// a shell that has it built in.
func fans(ctx context.Context, b *bench) error {
	n := 1000
	if b.quick {
		n = 100
	}
	for _, c := range []struct {
		name, home, task string
		aim              float64
	}{{"true", "fan", command("true"), 1.2}, {"bash -c true", "fan-bash", bash("true"), 0}} {
		o, err := b.once(ctx, c.home, dagOf(n, func(int) string { return c.task }), nil)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("fan of %d `%s`: ", n, c.name)
		b.add(Figure{Name: what + "elapsed", Value: o.Elapsed.Seconds(), Unit: "s", Aim: c.aim})
		b.add(Figure{Name: what + "commits per task", Value: float64(o.Commits) / float64(n), Unit: "commits", Aim: 0.2, Gate: true})
	}
	return nil
}

// noops measures tasks that do nothing in process: what scheduling alone costs.
func noops(ctx context.Context, b *bench) error {
	n := 20000
	if b.quick {
		n = 2000
	}
	// As many at once as the machine bears: the default pool alone would let 128.
	const wide = 1024
	flags := map[string]string{"parallelism": fmt.Sprint(wide)}
	i, err := b.install(ctx, "noop", flags)
	if err != nil {
		return err
	}
	err = i.Settings.PutPool(ctx, settings.Pool{Name: dag.DefaultPool, Slots: wide})
	if err = errors.Join(err, i.Close()); err != nil {
		return err
	}
	o, err := b.once(ctx, "noop", dagOf(n, func(int) string { return noop }), flags)
	if err != nil {
		return err
	}
	b.add(Figure{Name: fmt.Sprintf("%d no-op tasks in process", n), Value: float64(n) / o.Elapsed.Seconds(), Unit: "tasks/s", Aim: 50000, Least: true})
	b.add(Figure{Name: "no-op tasks: commits per task", Value: float64(o.Commits) / float64(n), Unit: "commits", Aim: 0.2, Gate: true})
	return nil
}

// pythons measures a chain of 40 Python tasks, forked and with fresh interpreters.
func pythons(ctx context.Context, b *bench) error {
	const n = 40
	// What a version manager puts in its place takes as long to start as the interpreter.
	real, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return fmt.Errorf("find Python: %w", err)
	}
	flags := map[string]string{"python": strings.TrimSpace(string(real))}
	for _, c := range []struct {
		name, extra string
		aim         float64
	}{{"pre-forked", "", 0.4}, {"fresh interpreters", "      isolated: true\n", 4}} {
		name := "python-" + strings.ReplaceAll(c.name, " ", "-")
		dir := filepath.Join(b.dir, name, "dags")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		source := "def fibo(n):\n    return n if n < 2 else fibo(n - 1) + fibo(n - 2)\n"
		if err := os.WriteFile(filepath.Join(dir, "fibonacci.py"), []byte(source), 0o600); err != nil {
			return err
		}
		chain := dagOf(n, func(i int) string {
			return "      operator: airflow.providers.standard.operators.python.PythonOperator\n" +
				"      python_callable: fibonacci.fibo\n      op_args: [10]\n" + c.extra + after(i)
		})
		// The first run of an installation compiles the runner, once and for all.
		first, err := b.once(ctx, name, chain, flags)
		if err != nil {
			return err
		}
		o, err := b.once(ctx, name, chain, flags)
		if err != nil {
			return err
		}
		what := "chain of 40 Python fibo(10), " + c.name
		b.add(Figure{Name: what + ", first run of all", Value: first.Elapsed.Seconds(), Unit: "s"})
		b.add(Figure{Name: what, Value: o.Elapsed.Seconds(), Unit: "s", Aim: c.aim})
	}
	return nil
}
