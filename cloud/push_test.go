package cloud

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
)

// TestPush: what has changed is written, what has not is left alone, and only with Delete
// is anything removed.
func TestPush(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.yaml", "b.py", "sub/c.sql", ".airflowignore", ".git/config", "__pycache__/b.pyc", ".env"} {
		write(name, "1 "+name)
	}
	b := &objectstest.Memory{}
	if err := b.Put(t.Context(), objects.Put{Key: "elsewhere/x.yaml", Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	s := newSource(b, "dags", "s3://bucket/dags")
	push := func(o embedded.PushOptions, want ...string) {
		t.Helper()
		pushed, err := s.Push(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range pushed {
			got = append(got, p.Change+" "+p.Path)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pushed with %+v (-want +got):\n%s", o, diff)
		}
	}
	everything := []string{"new .airflowignore", "new a.yaml", "new b.py", "new sub/c.sql"}
	push(embedded.PushOptions{DryRun: true}, everything...)
	push(embedded.PushOptions{}, everything...)
	push(embedded.PushOptions{})

	write("a.yaml", "2 a.yaml") // of the same size
	write("b.py", "longer than before")
	write("d.yaml", "4")
	push(embedded.PushOptions{Only: []string{"b.py", "sub"}}, "changed b.py")
	if err := os.Remove(filepath.Join(dir, "sub", "c.sql")); err != nil {
		t.Fatal(err)
	}
	push(embedded.PushOptions{}, "changed a.yaml", "new d.yaml")
	push(embedded.PushOptions{Delete: true, DryRun: true}, "removed sub/c.sql")
	push(embedded.PushOptions{Delete: true}, "removed sub/c.sql")
	push(embedded.PushOptions{Delete: true})
	want := []string{"dags/.airflowignore", "dags/a.yaml", "dags/b.py", "dags/d.yaml", "elsewhere/x.yaml"}
	if diff := cmp.Diff(want, b.Keys()); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

// TestPushFaults: what cannot be pushed is named.
func TestPushFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large, err := os.Create(filepath.Join(dir, "large.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if err := large.Truncate(maxFile + 1); err != nil {
		t.Fatal(err)
	}
	if err := large.Close(); err != nil {
		t.Fatal(err)
	}
	s := newSource(&objectstest.Memory{}, "", "s3://bucket")
	for want, o := range map[string]embedded.PushOptions{
		"DAG file large.parquet has 67108865 bytes": {},
		"none: no such file":                        {Only: []string{"none"}},
		"can only be removed when the whole folder": {Only: []string{"large.parquet"}, Delete: true},
	} {
		if _, err := s.Push(t.Context(), dir, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %+v: %v, want %q", o, err, want)
		}
	}
	if _, err := s.Push(t.Context(), filepath.Join(dir, "gone"), embedded.PushOptions{}); err == nil {
		t.Error("a folder that is not there was pushed")
	}
}
