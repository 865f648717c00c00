package source_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag/source"
)

// shared are blobs in memory.
type shared struct{ m sync.Map }

func (s *shared) Put(_ context.Context, key string, value []byte) error {
	s.m.Store(key, value)
	return nil
}

func (s *shared) Get(_ context.Context, key string) ([]byte, error) {
	v, ok := s.m.Load(key)
	if !ok {
		return nil, fs.ErrNotExist
	}
	b, _ := v.([]byte)
	return b, nil
}

func (s *shared) Remove(_ context.Context, key string) error {
	s.m.Delete(key)
	return nil
}

func write(t *testing.T, file, text string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return file
}

func save(t *testing.T, s *source.Store, roots source.Roots, files ...string) string {
	t.Helper()
	id, err := s.Save(t.Context(), roots, files)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// contents are the texts of the files of an id.
func contents(t *testing.T, s *source.Store, roots source.Roots, id string) map[string]string {
	t.Helper()
	files, err := s.Files(t.Context(), roots, id)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for file, kept := range files {
		text, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		out[file] = string(text)
	}
	return out
}

func TestStore(t *testing.T) {
	t.Parallel()
	dags, plugins, elsewhere := t.TempDir(), t.TempDir(), t.TempDir()
	roots := source.Roots{dags, plugins}
	d := write(t, filepath.Join(dags, "sub", "d.py"), "one")
	p, e := write(t, filepath.Join(plugins, "p.py"), "plugin"), write(t, filepath.Join(elsewhere, "e.py"), "else")
	s := source.Open(filepath.Join(t.TempDir(), "made later"), nil)
	first := save(t, s, roots, d, p, e, filepath.Join(dags, "gone.py"), dags)
	write(t, d, "two")
	second := save(t, s, roots, e, p, d)
	if first == second || first != save(t, s, roots, write(t, d, "one"), e, p) {
		t.Errorf("ids: %s and %s", first, second)
	}
	// The worker has its folders elsewhere, and no plugins.
	want := map[string]string{"/w/sub/d.py": "two", e: "else"}
	if diff := cmp.Diff(want, contents(t, s, source.Roots{"/w"}, second)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{d: "one", p: "plugin", e: "else"}, contents(t, s, roots, first)); diff != "" {
		t.Error(diff)
	}
}

func TestLargeFilesAreLeftOut(t *testing.T) {
	t.Parallel()
	dags := t.TempDir()
	roots := source.Roots{dags}
	big := write(t, filepath.Join(dags, "big.csv"), "")
	if err := os.Truncate(big, 16<<20+1); err != nil {
		t.Fatal(err)
	}
	s := source.Open(t.TempDir(), nil)
	if got := contents(t, s, roots, save(t, s, roots, big)); len(got) != 0 {
		t.Errorf("kept %d files", len(got))
	}
}

// Another machine gets what it lacks from where all reach it, and damage is noticed.
func TestShared(t *testing.T) {
	t.Parallel()
	dags, all := t.TempDir(), &shared{}
	roots := source.Roots{dags}
	id := save(t, source.Open(t.TempDir(), all), roots, write(t, filepath.Join(dags, "d.py"), "text"))
	here := t.TempDir()
	s := source.Open(here, all)
	want := map[string]string{filepath.Join(dags, "d.py"): "text"}
	for range 2 {
		if diff := cmp.Diff(want, contents(t, s, roots, id)); diff != "" {
			t.Error(diff)
		}
		write(t, filepath.Join(here, id[:2], id), "{}")
	}
	alone := source.Open(here, nil)
	write(t, filepath.Join(here, id[:2], id), "{")
	for _, id := range []string{id, "", "../../x", "ff"} {
		if _, err := alone.Files(t.Context(), roots, id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", id, err)
		}
	}
	all.m.Store(id, []byte("damaged"))
	if _, err := source.Open(t.TempDir(), all).Files(t.Context(), roots, id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("damaged: %v", err)
	}
}
