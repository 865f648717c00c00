package filelogs_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/filelogs"
	"github.com/updraft-dev/updraft/run"
)

func open(t testing.TB, c filelogs.Config) *logs.Logs {
	t.Helper()
	l, err := filelogs.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func attempt(dag, runID, task string, index, try int) run.Attempt {
	return run.Attempt{Key: run.Key{ID: run.ID{DAG: dag, Run: runID}, Task: task, Map: index}, Try: try}
}

// write writes a whole log.
func write(t testing.TB, l *logs.Logs, a run.Attempt, text string) {
	t.Helper()
	w, err := l.Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// tree lists the files below a folder with their sizes and modes.
func tree(t testing.TB, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() && p == root {
			return err
		}
		st, err := e.Info()
		rel, _ := filepath.Rel(root, p)
		out[rel] = st.Mode().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPaths(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "logs")
	l := open(t, filelogs.Config{Root: root})
	write(t, l, attempt("etl", "scheduled__2026-01-01T00:00:00+00:00", "load.rows", run.Unmapped, 1), "a")
	write(t, l, attempt("etl", "scheduled__2026-01-01T00:00:00+00:00", "load.rows", 0, 2), "b")
	write(t, l, attempt("../../etc", "a\x00b", "..", run.Unmapped, 1), "c")
	want := map[string]string{
		"dag_id=etl": "drwx------",
		"dag_id=etl/run_id=scheduled__2026-01-01T00:00:00+00:00":                                             "drwx------",
		"dag_id=etl/run_id=scheduled__2026-01-01T00:00:00+00:00/task_id=load.rows":                           "drwx------",
		"dag_id=etl/run_id=scheduled__2026-01-01T00:00:00+00:00/task_id=load.rows/attempt=1.log":             "-rw-------",
		"dag_id=etl/run_id=scheduled__2026-01-01T00:00:00+00:00/task_id=load.rows/map_index=0":               "drwx------",
		"dag_id=etl/run_id=scheduled__2026-01-01T00:00:00+00:00/task_id=load.rows/map_index=0/attempt=2.log": "-rw-------",
		"dag_id=..%2F..%2Fetc":                                       "drwx------",
		"dag_id=..%2F..%2Fetc/run_id=a%00b":                          "drwx------",
		"dag_id=..%2F..%2Fetc/run_id=a%00b/task_id=..":               "drwx------",
		"dag_id=..%2F..%2Fetc/run_id=a%00b/task_id=../attempt=1.log": "-rw-------",
	}
	if d := cmp.Diff(want, tree(t, root)); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	var b bytes.Buffer
	if _, err := l.Read(t.Context(), attempt("../../etc", "a\x00b", "..", run.Unmapped, 1), 0, &b); err != nil || b.String() != "c" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url  string
		want filelogs.Config
		err  string
	}{
		{url: "file:///var/log/updraft", want: filelogs.Config{Root: "/var/log/updraft"}},
		{url: "file:///a%20b?max_size=1000", want: filelogs.Config{Root: "/a b", MaxSize: 1000}},
		{url: "logs", want: filelogs.Config{Root: "logs"}},
		{url: "", err: `logs "": want file:///PATH or a path`},
		{url: "s3://bucket", err: `logs "s3://bucket": want file:///PATH or a path`},
		{url: "file://", err: `logs "file://" has no valid path: want file:///PATH`},
		{url: "file:///%zz", err: `logs "file:///%zz" has no valid path: want file:///PATH`},
		{url: "file:///%00", err: `logs "file:///%00" has no valid path: want file:///PATH`},
		{url: "file:///a?size=1", err: `logs "file:///a?size=1" has an unknown parameter "size": use max_size=BYTES`},
		{url: "file:///a?max_size=1G", err: `logs "file:///a?max_size=1G": max_size is "1G": use a number of bytes`},
		{url: "file:///a?%zz", err: `logs "file:///a?%zz": invalid URL escape "%zz"`},
	}
	for _, tt := range tests {
		got, err := filelogs.ParseURL(tt.url)
		msg := ""
		if err != nil {
			msg = err.Error()
		}
		if d := cmp.Diff(tt.want, got); d != "" && tt.err == "" || msg != tt.err {
			t.Errorf("%q: got %+v, error %q, want %+v, error %q", tt.url, got, msg, tt.want, tt.err)
		}
	}
	if _, err := filelogs.Open(filelogs.Config{}); err == nil {
		t.Error("logs without a folder were opened")
	}
}

func scope(dag string) logs.Scope { return logs.Scope{DAG: dag} }

// BenchmarkWrite writes lines with ten secrets known, one write each.
func BenchmarkWrite(b *testing.B) {
	for _, lines := range []int{1, 10, 300} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			l := open(b, filelogs.Config{Root: b.TempDir(), MaxSize: 32 << 20})
			w, err := l.Open(b.Context(), attempt("d", "r", "t", run.Unmapped, 1))
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			for i := range 10 {
				w.Redact(fmt.Sprintf("%02dpA$$w0rd-%d", i, i*7919))
			}
			p := []byte(strings.Repeat("[2026-01-02T03:04:05.678+00:00] INFO - Task instance wrote 1234 rows to table public.events in 0.532 seconds\n", lines))
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Write(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkWholeLog is what a task that writes one line costs.
func BenchmarkWholeLog(b *testing.B) {
	l := open(b, filelogs.Config{Root: b.TempDir()})
	i := 0
	for b.Loop() {
		i++
		write(b, l, attempt("d", "r", fmt.Sprint("t", i), run.Unmapped, 1), "text\n")
	}
}
