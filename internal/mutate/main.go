// Command mutate checks the tests of the planner: it makes the mistakes of its table one
// after the other, each in a copy that only the compiler sees (go test -overlay), and
// fails when the tests of scheduler and the recorded answers do not notice one.
//
// Tools that make all mistakes of a kind (gremlins) make 1,700 here, a quarter of an hour of
// compiling for each hundred; that is for a look now and then, not for every change.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// stages are the tests that have to notice a mistake, the fastest first.
var stages = [][]string{
	{"-skip", slow, "./scheduler"},
	{"-run", slow, "./scheduler", "-rapid.nofailfile"},
	{"-run", recorded, "./internal/conformance"},
}

// recorded are the recordings of what the planner decides.
const recorded = "^TestRecordings/(trigger_rules|branching|mapping|setup_teardown|runs|limits|clear_and_mark|run_state)$"

// slow are the tests that draw random DAGs.
const slow = "^Test(Plan(OnRandomDAGs|WithPast|AfterEdits|Alone)|AnySubsetOfADecision|OrderOfCompletions)"

func main() {
	only := flag.String("only", "", "make only the mistakes whose rule contains this")
	parallel := flag.Int("j", 2, "how many at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := check(ctx, os.Stdout, *only, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// check makes the mistakes and prints what noticed each. The error says which were not
// noticed.
func check(ctx context.Context, out io.Writer, only string, parallel int) error {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if by, err := noticed(ctx, ""); err != nil || by != "" {
		return errors.Join(fmt.Errorf("the tests fail without any mistake: %s", by), err)
	}
	begin := time.Now()
	todo := make(chan int)
	faults := make([]error, len(table))
	var mu sync.Mutex
	var workers sync.WaitGroup
	n := 0
	for range parallel {
		workers.Go(func() {
			for i := range todo {
				by, err := try(ctx, dir, i)
				switch {
				case err != nil:
					by, err = "AN ERROR: see below", fmt.Errorf("%s: %w", table[i].rule, err)
				case by == "":
					by, err = "NOTHING", fmt.Errorf("not noticed: %s (scheduler/%s)", table[i].rule, table[i].file)
				}
				faults[i] = err
				mu.Lock()
				n++
				fmt.Fprintf(out, "%-62s %-12s %s\n", table[i].rule, table[i].file, by)
				mu.Unlock()
			}
		})
	}
	for i, m := range table {
		if strings.Contains(m.rule, only) {
			todo <- i
		}
	}
	close(todo)
	workers.Wait()
	fmt.Fprintf(out, "%d mistakes in %s\n", n, time.Since(begin).Round(time.Second))
	return errors.Join(faults...)
}

// try makes one mistake and says which test noticed it.
func try(ctx context.Context, dir string, i int) (by string, err error) {
	overlay, err := prepare(dir, i)
	if err != nil {
		return "", err
	}
	return noticed(ctx, overlay)
}

// prepare writes a file with a mistake, and the overlay that puts it in place.
func prepare(dir string, i int) (overlay string, err error) {
	m := &table[i]
	path, err := filepath.Abs(filepath.Join("scheduler", m.file))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	wrong, err := m.apply(string(text))
	if err != nil {
		return "", err
	}
	replacement := filepath.Join(dir, fmt.Sprintf("%d.go", i))
	if err := os.WriteFile(replacement, []byte(wrong), 0o600); err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{"Replace": map[string]string{path: replacement}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, fmt.Sprintf("%d.json", i))
	return overlay, os.WriteFile(overlay, body, 0o600)
}

// apply makes the mistake in the text of its file.
func (m *mutation) apply(text string) (string, error) {
	if n := strings.Count(text, m.old); n != 1 {
		return "", fmt.Errorf("the mistake %q has to be written anew: what it replaces is %d times in scheduler/%s", m.rule, n, m.file)
	}
	return strings.Replace(text, m.old, m.new, 1), nil
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// noticed runs the tests with an overlay, or without, and names the first that fails;
// empty if none does.
func noticed(ctx context.Context, overlay string) (by string, err error) {
	for _, stage := range stages {
		args := []string{"test", "-vet=off", "-failfast", "-timeout=2m"}
		if overlay != "" {
			args = append(args, "-overlay="+overlay)
		}
		out, err := exec.CommandContext(ctx, "go", append(args, stage...)...).CombinedOutput()
		switch {
		case ctx.Err() != nil:
			return "", ctx.Err()
		case err == nil:
		case strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]"):
			return "", fmt.Errorf("it does not compile:\n%s", out)
		default:
			names := failed.FindAllStringSubmatch(string(out), -1)
			if len(names) == 0 {
				return "a panic, or no end", nil
			}
			return names[len(names)-1][1], nil
		}
	}
	return "", nil
}
