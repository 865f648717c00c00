package sqlitestore_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

const (
	childPath = "SQLITESTORE_TEST_CHILD" // the database that the child writes
	killers   = 6                        // goroutines of the child, each with its run
	perRun    = 4                        // instances that change together
)

func killRun(g int) run.ID { return run.ID{DAG: "kill", Run: fmt.Sprint("r", g)} }

// step brings run g to try n: all instances, an archived try each, an XCom each.
func step(g, n int) store.Batch {
	id := killRun(g)
	b := store.Batch{Run: id}
	if n == 1 {
		b.Create = &run.Run{ID: id, State: run.RunRunning, RunAfter: time.Unix(1, 0)}
	}
	for k := range perRun {
		task := fmt.Sprint("t", k)
		at := func(n int) run.Instance {
			return run.Instance{Task: task, Map: run.Unmapped, State: run.Running, Try: n, Token: fmt.Sprint("token", n),
				Tail: strings.Repeat(fmt.Sprint(n), 100)}
		}
		c := run.Change{Want: at(n), If: run.Condition{Absent: true}, ClearXComs: true,
			XComs: []run.XCom{{Name: "n", Value: []byte(strconv.Itoa(n))}}}
		if n > 1 {
			before := at(n - 1)
			c.If, c.Archive = run.Is(&before), true
		}
		b.Changes = append(b.Changes, c)
	}
	return b
}

// child steps every run on, from where it is, and prints each step once it is
// acknowledged, until it is killed.
func child(path string) int {
	ctx := context.Background()
	s, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: path})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	var wg sync.WaitGroup
	for g := range killers {
		wg.Go(func() {
			n := 0
			if d, err := s.Run(ctx, killRun(g)); err == nil {
				n = d.Instances[0].Try
			}
			for n++; ; n++ {
				if res, err := s.Apply(ctx, step(g, n)); err != nil || !res.OK() {
					fmt.Println("error", g, n, res, err)
					return
				}
				fmt.Printf("ack %d %d\n", g, n)
			}
		})
	}
	wg.Wait()
	return 1
}

func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kill.db")
	random := rand.New(rand.NewPCG(1, 2))
	var acked [killers]int
	for round := range 20 {
		runAndKill(t, path, 1+random.IntN(400), &acked)
		s := openAt(t, path)
		for g := range acked {
			acked[g] = verify(t, s, g, acked[g])
		}
		if problems, err := s.Check(t.Context()); err != nil || len(problems) > 0 {
			t.Errorf("round %d: %v, %v", round, problems, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
}

// runAndKill lets a child acknowledge some steps, kills it, and notes all it said.
func runAndKill(t *testing.T, path string, steps int, acked *[killers]int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); steps-- {
		var g, n int
		if k, _ := fmt.Sscanf(lines.Text(), "ack %d %d", &g, &n); k != 2 {
			// The last line of a killed process may be cut.
			if strings.HasPrefix(lines.Text(), "error") {
				t.Error(lines.Text())
			}
			continue
		}
		acked[g] = n
		if steps == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
}

// verify returns the step that run g is at: the acknowledged one, or the next.
func verify(t *testing.T, s store.Store, g, acked int) int {
	t.Helper()
	id := killRun(g)
	d, err := s.Run(t.Context(), id)
	if err != nil {
		if acked > 0 {
			t.Errorf("run %s: step %d was acknowledged, but: %v", id, acked, err)
		}
		return 0
	}
	n := d.Instances[0].Try
	if n < acked || n > acked+1 {
		t.Errorf("run %s is at step %d, acknowledged is %d", id, n, acked)
	}
	if len(d.Instances) != perRun {
		t.Errorf("run %s has %d instances, want %d", id, len(d.Instances), perRun)
	}
	for _, i := range d.Instances {
		history, err := s.History(t.Context(), i.Key(id))
		if err != nil || i.Try != n || len(history) != n-1 {
			t.Errorf("%s is at try %d with %d before, %v; want %d", i.Key(id), i.Try, len(history), err, n)
		}
	}
	x, err := s.XComs(t.Context(), store.XComQuery{Run: id})
	if err != nil || len(x) != perRun {
		t.Errorf("run %s has %d xcoms, %v", id, len(x), err)
	}
	for _, x := range x {
		if string(x.Value) != strconv.Itoa(n) {
			t.Errorf("xcom of %s is %s, want %d", x.Key, x.Value, n)
		}
	}
	return n
}
