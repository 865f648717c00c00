package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/updraft-dev/updraft/internal/clitest"
)

// TestMain makes the test's program updraft itself when a script (or updraft, for its
// shepherd) starts it.
func TestMain(m *testing.M) { clitest.Main(m) }

// TestScripts runs the scripts in testdata, each on an installation of its own in
// $WORK/home, with its DAG folder in $WORK/dags.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"until": until},
	})
}

// setup gives a script an installation of its own.
func setup(env *testscript.Env) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("UPDRAFT_HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("UPDRAFT_DAGS", filepath.Join(env.WorkDir, "dags"))
	env.Setenv("UPDRAFT_LISTEN", "127.0.0.1:0")
	return nil
}

// until runs a command again and again until its output matches: until REGEXP CMD...
// What standalone does in the background is seen by it.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	path := ts.Getenv("PATH")
	program := args[1]
	for _, dir := range filepath.SplitList(path) {
		if p := filepath.Join(dir, args[1]); isProgram(p) {
			program = p
			break
		}
	}
	var out, last bytes.Buffer
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		out.Reset()
		ctx, cancel := context.WithDeadline(context.Background(), end)
		c := exec.CommandContext(ctx, program, args[2:]...)
		c.Dir, c.Stdout, c.Stderr = ts.MkAbs("."), &out, &out
		for _, name := range []string{"PATH", "HOME", "UPDRAFT_HOME", "UPDRAFT_DAGS", "UPDRAFT_LISTEN", "UPDRAFT_STORE", "UPDRAFT_QUEUE"} {
			if ts.Getenv(name) == "" {
				continue
			}
			c.Env = append(c.Env, name+"="+ts.Getenv(name))
		}
		c.Run() // the output tells
		cancel()
		if want.Match(out.Bytes()) {
			return
		}
		if time.Now().Before(end) { // not cut short
			last.Reset()
			last.Write(out.Bytes())
		}
	}
	ts.Fatalf("%v never printed %q; at last:\n%s", args[1:], args[0], last.String())
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
