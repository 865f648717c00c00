//go:build linux

package process_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/task"
)

// TestReuse: what a process had comes to another empty, or not at all.
func TestReuse(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	h := host(t, dir)
	n := 0
	exec := func(script string) (said string, cwd string) {
		t.Helper()
		n++
		c := command("", "sh", "-c", script+"; pwd")
		c.Attempt.Task = fmt.Sprint("t", n)
		var out bytes.Buffer
		c.Scratch, c.Output = true, &out
		got, err := h.Exec(t.Context(), c)
		if err != nil || got.Code != 0 || got.Left != nil {
			t.Fatalf("%s: %+v, %v", script, got, err)
		}
		if err := h.Forget(c.Attempt); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(out.String(), got.LastLine+"\n"), got.LastLine
	}
	inode := func(path string) uint64 {
		t.Helper()
		var st syscall.Stat_t
		if err := syscall.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	const look = "ls -A; stat -c %a,%i ."
	_, first := exec("true")
	said, second := exec(look)
	if want := fmt.Sprintf("700,%d\n", inode(second)); said != want || first == second {
		t.Errorf("a second process saw %q, want %q, in %s after %s", said, want, second, first)
	}
	if _, err := os.Stat(first); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of the first is still there: %v", err)
	}
	for _, spoil := range []string{"echo text > file", "mkdir -p a/b", "chmod 755 ."} {
		_, cwd := exec(spoil)
		if _, err := os.Stat(cwd); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: its folder is still there: %v", spoil, err)
		}
		if said, _ := exec(look); !strings.HasPrefix(said, "700,") {
			t.Errorf("after %s the next saw %q", spoil, said)
		}
	}
	// One that has got away from its group writes to nobody else's output.
	file := func(name string) string { return filepath.Join(dir, name) }
	until := func(name string) string { return "until [ -e " + file(name) + " ]; do sleep 0.01; done; " }
	exec("setsid sh -c 'touch " + file("away") + "; " + until("next") + "echo intruder; touch " + file("done") + "' & " + until("away") + "echo")
	said, cwd := exec("touch " + file("next") + "; " + until("done") + "echo mine")
	if diff := cmp.Diff("mine\n", said); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cwd); !errors.Is(err, os.ErrNotExist) || len(spools(t, dir)) != 0 {
		t.Errorf("left are %s (%v) and %q", cwd, err, spools(t, dir))
	}
}

// TestReuseAfterTheShepherd: a shepherd that comes after one that died takes files that are
// used again for nobody's.
func TestReuseAfterTheShepherd(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	h := host(t, dir)
	for n := range 3 {
		var out bytes.Buffer
		c := command("", "sh", "-c", "echo $PPID")
		c.Attempt.Task, c.Output = fmt.Sprint("t", n), &out
		got, err := h.Exec(t.Context(), c)
		if err != nil || got.Code != 0 {
			t.Fatalf("process %d: %+v, %v", n, got, err)
		}
		if err := h.Forget(c.Attempt); err != nil {
			t.Fatal(err)
		}
		shepherd, err := strconv.Atoi(got.LastLine)
		if err != nil || syscall.Kill(shepherd, syscall.SIGKILL) != nil {
			t.Fatalf("the shepherd %q cannot be killed: %v", got.LastLine, err)
		}
		waitFor(t, func() bool { // the last of its threads has let go of the socket
			conn, err := net.Dial("unix", process.Socket(dir))
			if err == nil {
				conn.Close()
			}
			return err != nil && !h.Connected()
		})
	}
}

// TestScratchOfOthers: a folder that somebody else has made is not taken.
func TestScratchOfOthers(t *testing.T) {
	t.Parallel()
	h := host(t, shortDir(t))
	c := command("", "pwd")
	c.Scratch, c.Output = true, new(bytes.Buffer)
	got, err := h.Exec(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.Close(), os.Symlink(t.TempDir(), got.LastLine)); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(got.LastLine)
	var fault *task.CauseError
	if _, err := h.Exec(t.Context(), c); !errors.As(err, &fault) || !strings.Contains(err.Error(), "is not this worker's") {
		t.Errorf("a folder that somebody else made gives %v", err)
	}
}
