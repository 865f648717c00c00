package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// files measures 10,000 DAG files: the first look, and the next when nothing changed.
func files(ctx context.Context, b *bench) error {
	n := 10000
	if b.quick {
		n = 500
	}
	return b.load(ctx, folder{name: "files", what: "DAG files", n: n, aim: 5, ending: ".yaml", text: func(k int) string {
		return strings.Replace(dagOf(3, func(j int) string { return bash("true") + after(j) }), "bench:", fmt.Sprintf("dag_%05d:", k), 1)
	}})
}

// pyfiles measures 1,000 DAG files in Python of 10 tasks.
func pyfiles(ctx context.Context, b *bench) error {
	n := 1000
	if b.quick {
		n = 50
	}
	return b.load(ctx, folder{name: "pyfiles", what: "Python DAG files", n: n, aim: 20, ending: ".py", text: func(k int) string {
		return fmt.Sprintf(pyfile, k)
	}})
}

// pyfile is a DAG of ten tasks.
const pyfile = `from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def work(**context):
    print(context["ds"])


with DAG("dag_%05d", start_date=datetime(2024, 1, 1), schedule_interval=None) as dag:
    for n in range(5):
        first = BashOperator(task_id=f"bash_{n}", bash_command="echo {{ ds }}")
        first >> PythonOperator(task_id=f"python_{n}", python_callable=work)
`

// folder is a folder of DAG files.
type folder struct {
	name, what string
	n          int
	// aim is in seconds, for the first look.
	aim    float64
	ending string
	text   func(k int) string
}

func (b *bench) load(ctx context.Context, f folder) error {
	i, err := b.install(ctx, f.name, nil)
	if err != nil {
		return err
	}
	defer i.Close()
	for k := range f.n {
		if err := os.WriteFile(filepath.Join(i.Config.Home, "dags", fmt.Sprintf("dag_%05d%s", k, f.ending)), []byte(f.text(k)), 0o600); err != nil {
			return err
		}
	}
	bag, err := i.Folder(ctx)
	if err != nil {
		return err
	}
	from := time.Now()
	synced, err := i.SyncDAGs(ctx, bag)
	if err != nil {
		return err
	}
	if len(synced.Stored) != f.n {
		return fmt.Errorf("%d of %d DAGs stored; first error: %v", len(synced.Stored), f.n, synced.Errors)
	}
	b.add(Figure{Name: fmt.Sprintf("%d %s: first load and store", f.n, f.what), Value: time.Since(from).Seconds(), Unit: "s", Aim: f.aim})
	if bag, err = i.Folder(ctx); err != nil { // as after a restart
		return err
	}
	from = time.Now()
	if synced, err = i.SyncDAGs(ctx, bag); err != nil {
		return err
	}
	b.add(Figure{Name: fmt.Sprintf("%d %s: look again after a restart", f.n, f.what), Value: ms(time.Since(from)), Unit: "ms"})
	b.add(Figure{Name: f.what + " stored again without a change", Value: float64(len(synced.Stored)), Unit: "files", Aim: 0.5, Gate: true})
	return nil
}
