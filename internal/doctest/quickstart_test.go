package doctest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/internal/clitest"
)

const quickstartDoc = "docs/quickstart.md"

// TestMain makes the test's program updraft itself when the quick start calls it.
func TestMain(m *testing.M) { clitest.Main(m) }

// reader is a person who follows the quick start.
type reader struct {
	t    *testing.T
	home string
	env  []string
	// moved puts what the document has in fixed places into the reader's home.
	moved *strings.Replacer
}

// TestQuickStart types what the quick start says, and sees what it shows.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	r := &reader{
		t: t, home: home, moved: strings.NewReplacer("~/", home+"/", "/tmp/ready", home+"/ready"),
		env: append(slices.DeleteFunc(os.Environ(), func(s string) bool {
			return strings.HasPrefix(s, "UPDRAFT_") || strings.HasPrefix(s, "AIRFLOW_") || strings.HasPrefix(s, "HOME=")
		}), "HOME="+home, "UPDRAFT_LISTEN=127.0.0.1:0"),
	}
	blocks := readDocument(t, quickstartDoc).blocks
	for i, b := range blocks {
		switch b.language() {
		case "yaml":
			r.write(".updraft/dags/hello.yaml", r.moved.Replace(b.text))
		case "sh":
			shown := ""
			if i+1 < len(blocks) && blocks[i+1].info == "text" {
				shown = blocks[i+1].text
			}
			r.follow(b, shown)
		}
		if t.Failed() {
			return
		}
	}
}

// pause is the time that a person takes to read: the runs of a DAG end meanwhile.
func (r *reader) pause(dag string) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		open := r.run([]string{"dags", "list-runs", dag, "--state", "running", "-o", "plain"}) + r.run([]string{"dags", "list-runs", dag, "--state", "queued", "-o", "plain"})
		if !strings.Contains(open, "manual__") {
			return
		}
	}
}

func (r *reader) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// follow runs the commands of a block. What only looks is repeated until it shows what
// the document does: the scheduler needs a moment.
func (r *reader) follow(b block, shown string) {
	r.t.Helper()
	commands, err := split(r.moved.Replace(b.text))
	if err != nil {
		r.t.Fatal(err)
	}
	var out strings.Builder
	var looks [][]string
	for _, words := range commands {
		switch {
		case words[0] == "touch":
			r.write("ready", "")
		case words[0] != "updraft": // to get and build it
		case words[1] == "standalone":
			r.standalone()
			return
		default:
			if len(words) > 3 && words[2] == "delete" {
				r.pause(words[3])
			}
			out.WriteString(r.run(words[1:]))
			if len(words) > 2 && slices.Contains([]string{"explain", "logs", "show", "list", "list-runs"}, words[2]) {
				looks = append(looks, words[1:])
			}
		}
	}
	for end := time.Now().Add(20 * time.Second); ; {
		gone := missing(shown, out.String())
		if len(gone) == 0 {
			return
		}
		if time.Now().After(end) || len(looks) == 0 {
			r.t.Errorf("%s:%d: this is not shown:\n%s\nbut this:\n%s", quickstartDoc, b.line, strings.Join(gone, "\n"), out.String())
			return
		}
		for _, words := range looks {
			out.WriteString(r.run(words))
		}
	}
}

// varies tells lines that are different each time, or cut.
var varies = regexp.MustCompile(`…|\d\d:\d\d|\d(ms|s)\b|/home/|^[─┼ ]*$`)

// missing are the lines of a document that a command's output does not have.
func missing(shown, out string) (gone []string) {
	simple := func(line string) string { return strings.Join(strings.Fields(line), " ") }
	lines := map[string]bool{}
	for line := range strings.Lines(out) {
		lines[simple(line)] = true
	}
	for line := range strings.Lines(shown) {
		if line = simple(line); !varies.MatchString(line) && !lines[line] {
			gone = append(gone, line)
		}
	}
	return gone
}

// run runs updraft and returns all that it prints. Only the run that the document lets
// fail may fail.
func (r *reader) run(args []string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "updraft", args...)
	c.Dir, c.Env = r.home, r.env
	out, err := c.CombinedOutput()
	if failed := err != nil; failed != (args[0] == "run") {
		r.t.Errorf("updraft %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// standalone starts it, waits until it is up, and stops it at the end of the test.
func (r *reader) standalone() {
	r.t.Helper()
	c := exec.Command("updraft", "standalone")
	c.Dir, c.Env = r.home, r.env
	up := &waiter{word: "updraft is up", found: make(chan struct{})}
	c.Stderr = up
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			r.t.Error(err)
		}
		if err := c.Wait(); err != nil {
			r.t.Errorf("standalone: %v\n%s", err, up.seen.Bytes())
		}
	})
	select {
	case <-up.found:
	case <-time.After(30 * time.Second):
		r.t.Fatal("standalone does not say that it is up")
	}
}

// waiter waits for a word in what is written to it.
type waiter struct {
	word  string
	found chan struct{}
	seen  bytes.Buffer
	done  bool
}

func (w *waiter) Write(p []byte) (int, error) {
	w.seen.Write(p)
	if !w.done && strings.Contains(w.seen.String(), w.word) {
		w.done = true
		close(w.found)
	}
	return len(p), nil
}
