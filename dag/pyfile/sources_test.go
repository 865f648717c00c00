package pyfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/pyfile"
	kept "github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/python"
)

// Only DAGs that call what is in the file depend on all that is in it.
func TestSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, module := filepath.Join(dir, "d.py"), filepath.Join(dir, "m.py")
	calling := sample()
	calling.ID = "calling"
	calling.OnFailure = []dag.Callback{{Callable: &dag.Callable{File: "d.py", DAG: "calling", Name: "on_failure_callback.0"}}}
	read := func(store *kept.Store) (plain, calls *dag.DAG, warnings []error) {
		p := &said{parsed: python.Parsed{DAGs: []json.RawMessage{encoded(t, sample()), encoded(t, calling)}, Files: []string{module}}}
		c := pyfile.Config{Parser: p, Folder: dir, Catalog: builtin.Catalog(), Sources: store}
		got, err := pyfile.Loader(t.Context(), c).Load("d.py", []byte(source))
		if err != nil || len(got.DAGs) != 2 {
			t.Fatal(got, err)
		}
		return got.DAGs[0], got.DAGs[1], got.Warnings
	}
	for path, text := range map[string]string{file: source, module: "one"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store := kept.Open(t.TempDir(), nil)
	plain, first, _ := read(store)
	if plain.Source != "" || first.Source == "" {
		t.Errorf("kept as %q and %q", plain.Source, first.Source)
	}
	files, err := store.Files(t.Context(), kept.Roots{dir}, first.Source)
	if _, both := files[module]; err != nil || !both || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
	if err := os.WriteFile(module, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, second, _ := read(store); second.Source == first.Source {
		t.Error("a change of a module is no other source")
	}
	p := &said{parsed: python.Parsed{DAGs: []json.RawMessage{encoded(t, calling)}, Files: []string{module}}}
	got, err := pyfile.Loader(t.Context(), pyfile.Config{Parser: p, Folder: dir, Catalog: builtin.Catalog(), Sources: store}).Load(file, []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	if files, err := store.Files(t.Context(), nil, got.DAGs[0].Source); err != nil || files[file] == "" || files[module] == "" {
		t.Errorf("a file that is elsewhere: %v, %v", files, err)
	}
	if _, none, _ := read(nil); none.Source != "" {
		t.Errorf("without a store: %q", none.Source)
	}
	if err := os.WriteFile(filepath.Join(dir, "taken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, none, warnings := read(kept.Open(filepath.Join(dir, "taken"), nil)); none.Source != "" || len(warnings) != 1 {
		t.Errorf("in a folder that is none: %q, %v", none.Source, warnings)
	}
}
