package filelogs_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/logs/filelogs"
	"github.com/updraft-dev/updraft/run"
)

const childRoot = "UPDRAFT_TEST_LOGS"

// TestMain is also the child that TestKill kills, and looks for goroutines that are left.
func TestMain(m *testing.M) {
	if root := os.Getenv(childRoot); root != "" {
		os.Exit(child(root))
	}
	goleak.VerifyTestMain(m)
}

// child writes lines without end, and says of each one that it was taken.
func child(root string) int {
	l, err := filelogs.Open(filelogs.Config{Root: root, MaxSize: 4 << 10})
	if err != nil {
		return 1
	}
	w, err := l.Open(context.Background(), attempt("d", "r", "t", run.Unmapped, 1))
	if err != nil {
		return 1
	}
	w.Redact("secret")
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(w, "line %d\n", i); err != nil {
			return 1
		}
		fmt.Println(i)
	}
}

// TestKill kills a writer: what it has written is there, and those who follow it hear
// that it is dead.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, lines := range []int{1, 100, 2000} {
		t.Run(fmt.Sprint(lines), func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childRoot+"="+root)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			sc := bufio.NewScanner(out)
			last := 0
			for range lines {
				if !sc.Scan() {
					t.Fatalf("the child ended early: %v", sc.Err())
				}
				if last, err = strconv.Atoi(sc.Text()); err != nil {
					t.Fatal(err)
				}
			}
			l := open(t, filelogs.Config{Root: root, Poll: 10 * time.Millisecond})
			a := attempt("d", "r", "t", run.Unmapped, 1)
			info, err := l.Stat(t.Context(), a)
			if err != nil || info.Closed {
				t.Errorf("while it lives: %+v, %v", info, err)
			}
			followed := make(chan string, 1)
			go func() {
				var b bytes.Buffer
				if _, err := l.Follow(t.Context(), a, 0, &b); err != nil {
					t.Error(err)
				}
				followed <- b.String()
			}()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			text := <-followed
			whole, _, _ := strings.Cut(text[max(0, strings.LastIndex(text, "\nline ")+1):], "\n")
			var n int
			if _, err := fmt.Sscanf(whole, "line %d", &n); err != nil || n < last {
				t.Errorf("line %d was taken, and what was followed ends with %q, %v", last, whole, err)
			}
			if info, err := l.Stat(t.Context(), a); err != nil || !info.Closed || info.Size() > 4<<10 {
				t.Errorf("after its death: %+v, %v", info, err)
			}
		})
	}
}

func TestModesAndTraces(t *testing.T) {
	t.Parallel()
	root := t.TempDir() + "/logs"
	l := open(t, filelogs.Config{Root: root})
	long := strings.Repeat("x", 500)
	a := attempt(long, long, long, 3, 1)
	write(t, l, a, "text")
	for path, mode := range tree(t, root) {
		if mode != "drwx------" && mode != "-rw-------" {
			t.Errorf("%s has mode %s", path, mode)
		}
	}
	if _, err := l.Delete(t.Context(), scope(long)); err != nil {
		t.Fatal(err)
	}
	if left := tree(t, root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestStrangersFiles: what is in the folder and not ours is neither listed nor removed.
func TestStrangersFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	l := open(t, filelogs.Config{Root: root})
	write(t, l, attempt("d", "r", "t", run.Unmapped, 1), "text")
	dir := root + "/dag_id=d/run_id=r/task_id=t/"
	names := []string{"notes.txt", "attempt=x.log", "attempt=01.log", "attempt=1.log.", "attempt=1.log.x", "attempt=1.log.-5", "attempt=1.log.gz", "attempt=2.log.007"}
	for _, n := range names {
		if err := os.WriteFile(dir+n, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{"attempt=3.log", "map_index=x", "map_index=-1", "map_index=01"} {
		if err := os.Mkdir(dir+n, 0o700); err != nil {
			t.Fatal(err)
		}
		names = append(names, n)
	}
	for _, n := range []string{"dag_id=%zz", "dag_id=%2", "other", "dag_id=a%~b"} {
		if err := os.Mkdir(root+"/"+n, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := l.List(t.Context(), scope(""))
	if err != nil || len(infos) != 1 || infos[0].Size() != 4 {
		t.Errorf("listed %+v, %v", infos, err)
	}
	if done, err := l.Delete(t.Context(), scope("d")); err != nil || done.Logs != 1 {
		t.Errorf("removed %+v, %v", done, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != len(names) {
		t.Errorf("%d files are left, %v, want %d", len(left), err, len(names))
	}
}
