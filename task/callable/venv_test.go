package callable_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

// wheel writes a package of one module, as pip installs it, and returns its folder.
func wheel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "greeting-1.0-py3-none-any.whl"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, text := range map[string]string{
		"greeting.py":                      "text = 'hello'\n",
		"greeting-1.0.dist-info/METADATA":  "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
		"greeting-1.0.dist-info/WHEEL":     "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"greeting-1.0.dist-info/RECORD":    "greeting.py,,\ngreeting-1.0.dist-info/METADATA,,\ngreeting-1.0.dist-info/WHEEL,,\ngreeting-1.0.dist-info/RECORD,,\n",
		"greeting-1.0.dist-info/top_level": "greeting\n",
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ran names what ran for a virtualenv.
func ran(h *operatortest.Harness) []string {
	p, _ := h.Processes.(*operatortest.Processes)
	var out []string
	for _, c := range p.Commands() {
		out = append(out, c.Name)
	}
	return out
}

func TestVirtualenv(t *testing.T) {
	t.Parallel()
	venvs := t.TempDir()
	h := attempt(t, `
def f():
    import greeting, sys
    return [greeting.text, sys.prefix != sys.base_prefix]
def skip():
    from airflow.exceptions import AirflowSkipException
    raise AirflowSkipException("in a virtualenv")
`)
	h.Environ = []string{"PATH=" + os.Getenv("PATH")}
	c := function("f")
	c.Requirements = []string{"--no-index", "--find-links", wheel(t), "--index-url=https://me:secret@index.invalid", "greeting==1.0; python_version > '3'"}
	// Two workers that share the folder, and two attempts each, want it at once.
	var wg sync.WaitGroup
	for range 2 {
		r := open(t, callable.Config{Venvs: venvs})
		for range 2 {
			wg.Go(func() {
				got, err := r.Call(t.Context(), h.Attempt(nil), c)
				if err != nil {
					t.Errorf("%v\n%s", err, h.Log())
					return
				}
				if diff := cmp.Diff([]any{"hello", true}, decode(t, got)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
	wg.Wait()
	if diff := cmp.Diff([]string{"venv", "pip --version", "pip"}, ran(h)); diff != "" {
		t.Error(diff)
	}
	p, _ := h.Processes.(*operatortest.Processes)
	pip := p.Commands()[2]
	if strings.Contains(strings.Join(pip.Argv, " "), "secret") || !strings.Contains(strings.Join(pip.Env, " "), "PIP_INDEX_URL=https://me:secret@") {
		t.Errorf("the password is in the arguments, or not in the environment: %q", pip.Argv)
	}
	r := open(t, callable.Config{Venvs: venvs})
	c.Callable.Name = "skip"
	_, err := r.Call(t.Context(), h.Attempt(nil), c)
	if said := operatortest.Outcome(err); said != "skipped: in a virtualenv" {
		t.Error(said)
	}
}

func TestVirtualenvIsRebuilt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := open(t, callable.Config{Venvs: dir})
	h := attempt(t, "def f():\n    import sys\n    return [sys.prefix != sys.base_prefix]\n")
	h.Environ = []string{"PATH=" + os.Getenv("PATH")}
	c := function("f")
	c.Requirements = []string{}
	got, err := r.Call(t.Context(), h.Attempt(nil), c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{true}, decode(t, got)); diff != "" {
		t.Error(diff)
	}
	// What an interrupted build left is not used.
	ready, err := filepath.Glob(filepath.Join(dir, "*", "updraft-ready"))
	if err != nil || len(ready) != 1 {
		t.Fatal(ready, err)
	}
	if err := os.Remove(ready[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(ready[0]), "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Call(t.Context(), h.Attempt(nil), c); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(ready[0]), "left")); err == nil {
		t.Error("half a virtualenv was used")
	}
	c.Interpreter = "python3.99"
	_, err = r.Call(t.Context(), h.Attempt(nil), c)
	if said := operatortest.Outcome(err); said != "fatal (config): interpreter python3.99 for the virtualenv not found: install it, or change python_version" {
		t.Error(said)
	}
	none := h.Attempt(nil)
	none.Processes = nil
	_, err = r.Call(t.Context(), none, c)
	if said := operatortest.Outcome(err); !strings.HasPrefix(said, "fatal (config): virtualenvs cannot be made here") {
		t.Error(said)
	}
}

func TestVirtualenvThatCannotBeMade(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{Venvs: t.TempDir()})
	h := attempt(t, "def f(): pass\n")
	script(t, h.Dir, "echo no venv here; exit 3")
	c := function("f")
	c.Interpreter, c.Requirements = "./python", []string{"greeting"}
	_, err := r.Call(t.Context(), h.Attempt(nil), c)
	// No exit code: skip_on_exit_code is about the callable's.
	if said := operatortest.Outcome(err); said != "failed (task, 0): making the virtualenv: exit code 3: no venv here" {
		t.Error(said)
	}
}

// script writes an executable named python that is a shell script.
func script(t *testing.T, dir, text string) {
	t.Helper()
	operatortest.Script(t, filepath.Join(dir, "python"), "#!/bin/sh\n"+text+"\n")
}

func TestInterpreters(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, `
import os, sys
def same(): return os.environ.get("MARK") or "no mark"
def fail(): raise ValueError("x")
def leave(): sys.exit(4)
def bare(): return [virtualenv_string_args, os.environ["A"], [k for k in ("HOME", "AIRFLOW_CTX_DAG_ID") if k in os.environ]]
`)
	h.Env = []string{"AIRFLOW_CTX_DAG_ID=d"}
	// The interpreter beside the DAG is the machine's, with a mark.
	script(t, h.Dir, `MARK=marked exec python3 "$@"`)
	for _, tt := range []struct {
		name     string
		call     task.PythonCall
		want     string
		function string
		value    string
	}{
		{"isolated", task.PythonCall{Isolated: true}, "success", "same", `"no mark"`},
		{"relative", task.PythonCall{Interpreter: "./python"}, "success", "same", `"marked"`},
		{
			"an environment of its own, and a global",
			task.PythonCall{Interpreter: "python3", BareEnv: true, Env: []string{"A=1"}, Globals: dict{"virtualenv_string_args": []any{"x"}}},
			"success", "bare", `[["x"],"1",[]]`,
		},
		{"failure", task.PythonCall{Interpreter: "./python"}, "failed (task, 1): ValueError: x", "fail", ""},
		{"exit code", task.PythonCall{Interpreter: "python3"}, "failed (task, 4): SystemExit: the callable called sys.exit(4)", "leave", ""},
		{"missing", task.PythonCall{Interpreter: "./nothing"}, "failed (task, 1): FileNotFoundError: cannot run ", "same", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.call.Callable = function(tt.function).Callable
			got, err := r.Call(t.Context(), h.Attempt(nil), tt.call)
			if said := operatortest.Outcome(err); !strings.HasPrefix(said, tt.want) || string(got) != tt.value {
				t.Errorf("got %s, %s; want %s, %s", said, got, tt.want, tt.value)
			}
		})
	}
}
