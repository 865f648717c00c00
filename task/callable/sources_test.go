package callable_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

const keptFile = `
import os, pathlib
from airflow.sdk import DAG
from airflow.providers.standard.operators.python import PythonOperator
import beside
from pack import inner
from plain.deep import leaf
here = os.path.dirname(os.path.abspath(__file__))
names = open(os.path.join(here, "names.txt")).read().split() + pathlib.Path(here, "more.txt").read_text().split()

def see():
    from late import when
    return [VERSION, beside.text, inner.text, leaf.text, when, names, open(os.path.join(here, "names.txt")).read(), __file__]

def fails():
    raise ValueError("old line")

with DAG("d", schedule=None) as dag:
    for name in names:
        PythonOperator(task_id=name, python_callable=see)
    PythonOperator(task_id="fails", python_callable=fails)
`

// put writes files of a folder, and returns their paths.
func put(t *testing.T, dir string, files map[string]string) (paths []string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// A run executes the files that its version of the DAG was read from, whatever has become
// of them since.
func TestSources(t *testing.T) {
	t.Parallel()
	h := attempt(t, "")
	store := source.Open(t.TempDir(), nil)
	paths := put(t, h.Dir, map[string]string{
		"d.py": "VERSION = 'old'" + keptFile, "beside.py": "text = 'old beside'", "pack/__init__.py": "", "pack/inner.py": "text = 'old inner'",
		"plain/deep/leaf.py": "text = 'old leaf'", "names.txt": "a", "more.txt": "b", "late.py": "when = 'old late'",
	})
	id, err := store.Save(t.Context(), source.Roots{h.Dir}, paths)
	if err != nil {
		t.Fatal(err)
	}
	put(t, h.Dir, map[string]string{
		"d.py": "VERSION = 'new'\n" + keptFile, "beside.py": "text = 'new'", "names.txt": "c", "pack/inner.py": "text = 'new'", "late.py": "when = 'new'",
	})
	for _, gone := range []string{"plain", "more.txt"} {
		if err := os.RemoveAll(filepath.Join(h.Dir, gone)); err != nil {
			t.Fatal(err)
		}
	}
	r := open(t, callable.Config{Folder: h.Dir, Path: []string{h.Dir}, Sources: store})
	a := h.Attempt(nil)
	d := *a.DAG
	d.Source, a.DAG = id, &d
	at := func(name string) task.PythonCall {
		return task.PythonCall{Callable: dag.Callable{File: "d.py", DAG: "d", Task: name, Name: "python_callable"}}
	}
	raw, err := r.Call(t.Context(), a, at("b"))
	if err != nil {
		t.Fatal(err)
	}
	// What a task opens while it runs is what lies there then.
	want := []any{"old", "old beside", "old inner", "old leaf", "old late", []any{"a", "b"}, "c", filepath.Join(h.Dir, "d.py")}
	if diff := cmp.Diff(want, decode(t, raw)); diff != "" {
		t.Error(diff)
	}
	if _, err = r.Call(t.Context(), a, at("fails")); err == nil || !strings.Contains(h.Log(), `raise ValueError("old line")`) {
		t.Errorf("%v; the log: %s", err, h.Log())
	}
	// Another attempt of the same interpreter, of another version.
	d.Source, err = store.Save(t.Context(), source.Roots{h.Dir}, append(put(t, h.Dir, map[string]string{"plain/deep/leaf.py": "text = 'new'", "more.txt": "b"}), paths...))
	if err != nil {
		t.Fatal(err)
	}
	raw, err = r.Call(t.Context(), a, at("b"))
	if list, _ := decode(t, raw).([]any); err != nil || list[0] != "new" || list[3] != "new" {
		t.Errorf("%s, %v", raw, err)
	}
}

// What is not kept any more runs as it is, with a word in the log.
func TestSourcesThatAreGone(t *testing.T) {
	t.Parallel()
	h := attempt(t, "def f(): return 5\n")
	a := h.Attempt(nil)
	d := *a.DAG
	d.Source, a.DAG = strings.Repeat("ab", 32), &d
	r := open(t, callable.Config{Folder: h.Dir, Path: []string{h.Dir}, Sources: source.Open(t.TempDir(), nil)})
	raw, err := r.Call(t.Context(), a, function("f"))
	if string(raw) != "5" || err != nil || !strings.Contains(h.Log(), "executed as they are now") {
		t.Errorf("%s, %s; the log: %s", raw, operatortest.Outcome(err), h.Log())
	}
}

func TestSourcesOfZips(t *testing.T) {
	t.Parallel()
	h := attempt(t, "")
	store := source.Open(t.TempDir(), nil)
	zipped := func(text string) string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for name, text := range map[string]string{
			"dags.py": "from airflow.sdk import DAG\nfrom inside import text\nfrom airflow.providers.standard.operators.python import PythonOperator\n" +
				"with DAG('d', schedule=None): PythonOperator(task_id='t', python_callable=lambda: text)\n",
			"inside.py": "text = '" + text + "'\n",
		} {
			f, err := w.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	id, err := store.Save(t.Context(), source.Roots{h.Dir}, put(t, h.Dir, map[string]string{"d.zip": zipped("old")}))
	if err != nil {
		t.Fatal(err)
	}
	put(t, h.Dir, map[string]string{"d.zip": zipped("new")})
	r := open(t, callable.Config{Folder: h.Dir, Path: []string{h.Dir}, Sources: store})
	a := h.Attempt(nil)
	d := *a.DAG
	d.Source, a.DAG = id, &d
	raw, err := r.Call(t.Context(), a, task.PythonCall{Callable: dag.Callable{File: "d.zip", DAG: "d", Task: "t", Name: "python_callable"}})
	if string(raw) != `"old"` || err != nil {
		t.Errorf("%s, %v", raw, err)
	}
}
