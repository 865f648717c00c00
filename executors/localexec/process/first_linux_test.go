package process_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/updraft-dev/updraft/executors/localexec/process"
)

// firstVariable has the process id of the test, by which the processes that it starts know
// which of them they are, and what the second shall do.
const firstVariable = "UPDRAFT_TEST_FIRST"

// TestFirst plays process 1 of a container.
func TestFirst(t *testing.T) {
	t.Parallel()
	test, act, ok := strings.Cut(os.Getenv(firstVariable), " ")
	switch {
	case !ok:
	case test == strconv.Itoa(os.Getppid()):
		// Orphans come to process 1 by themselves, and to this one because it asks for them.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		code, err := process.First()
		if err != nil {
			t.Fatal(err)
		}
		os.Exit(code)
	default:
		second(t, act)
	}
	for _, tt := range []struct {
		act  string
		code int
	}{{"exits", 5}, {"is killed", 137}, {"is told to stop", 7}, {"leaves orphans", 9}} {
		t.Run(tt.act, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestFirst$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", firstVariable, os.Getpid(), tt.act))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
				t.Errorf("it wrote %q, %v", line, err)
			}
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != tt.code {
				t.Errorf("exit code %d (%v), want %d", cmd.ProcessState.ExitCode(), err, tt.code)
			}
		})
	}
}

// second is what the first process starts. It begins when it is told to stop.
func second(t *testing.T, act string) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	fmt.Println("ready")
	<-told
	switch act {
	case "exits":
		os.Exit(5)
	case "is killed":
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	case "is told to stop":
		os.Exit(7)
	case "leaves orphans":
		// The shell ends before its child, whose end the first process must see and pass over.
		cmd := exec.Command("sh", "-c", "sh -c 'read x; exit 3' <&3 >/dev/null 2>&1 & echo $!")
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.ExtraFiles = []*os.File{r}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		orphan, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for syscall.Kill(orphan, 0) == nil { // until it is reaped
			runtime.Gosched()
		}
		os.Exit(9)
	}
}
