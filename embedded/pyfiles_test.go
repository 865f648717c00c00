package embedded_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
)

const pipeline = `
from datetime import datetime
from airflow import DAG
from airflow.models import Variable
from airflow.operators.python import PythonOperator
from parts.names import NAME
import extra

with DAG(NAME, start_date=datetime(2024, 1, 1), schedule_interval=None, description=Variable.get("text", default_var="none")) as dag:
    PythonOperator(task_id="t", python_callable=lambda: [extra.VALUE, NAME])
`

func zipped(t *testing.T, path string, files map[string]string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A folder of Python files: modules, plugins, ignored and broken files, a zip; what
// changes in a module or a variable is noticed.
func TestPythonFiles(t *testing.T) {
	t.Parallel()
	home := newHome(t, map[string]string{
		"etl.py": pipeline, "parts/__init__.py": "", "parts/names.py": "NAME = 'first'\n",
		"broken.py": "from airflow import DAG\nraise ValueError('no')\n", "old/skip.py": "from airflow import DAG\nDAG('skipped')\n", ".airflowignore": "old/\n",
	})
	write(t, filepath.Join(home, "plugins", "extra.py"), "VALUE = 7\n")
	zipped(t, filepath.Join(home, "dags", "packed.zip"), map[string]string{
		"packed.py": "from airflow import DAG\nfrom airflow.operators.python import PythonOperator\nimport inner\nwith DAG('packed') as dag:\n    PythonOperator(task_id='t', python_callable=lambda: inner.X)\n",
		"inner.py":  "X = 'from the zip'\n",
	})
	i, err := openHome(t.Context(), home, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	now := time.Now()
	i.Now = func() time.Time { return now }
	b, err := i.Folder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sync := func(want ...string) {
		t.Helper()
		got, err := i.SyncDAGs(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.IDs()); diff != "" {
			t.Errorf("stored and stale (-want +got):\n%s%v", diff, got.Errors)
		}
	}
	sync("first", "packed")
	if errs, err := i.ImportErrors(t.Context()); err != nil || len(errs) != 1 || !strings.Contains(errs[0].Error, "broken.py:2:1: ValueError: no") {
		t.Errorf("import errors %v, %v", errs, err)
	}
	sync()
	write(t, filepath.Join(home, "dags", "parts", "names.py"), "NAME = 'another'\n")
	sync("another", "first")
	if err := i.Settings.PutVariable(t.Context(), settings.Variable{Key: "text", Value: "of a variable"}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour) // files that read variables are read again now and then
	sync("another")
	def, err := i.FindDAG(t.Context(), "another")
	if err != nil || !strings.Contains(string(def.Body), "of a variable") {
		t.Errorf("%s, %v", def.Body, err)
	}
	runs, err := i.RunOnce(t.Context(), embedded.RunOptions{Targets: []string{"another", "packed"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if r.State != run.RunSuccess {
			t.Errorf("the run of %s is %s", r.DAG, r.State)
		}
	}
}
