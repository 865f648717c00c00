package cloud_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/cloud"
	dagsource "github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
	"github.com/updraft-dev/updraft/run"
)

// What one machine has read DAGs from, another finds in the bucket; XComs that are swept
// do not take it with them.
func TestSources(t *testing.T) {
	t.Parallel()
	bucket := &objectstest.Memory{}
	xcoms := cloud.BucketXComs(bucket, "/up/")
	shared, ok := xcoms.(interface{ Sources() dagsource.Blobs })
	if !ok {
		t.Fatal("the storage of XComs has none of DAG files")
	}
	dir := t.TempDir()
	want := map[string]string{"d.py": "text", "__init__.py": ""}
	var files []string
	for name, text := range want {
		files = append(files, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id, err := dagsource.Open(t.TempDir(), shared.Sources()).Save(t.Context(), dagsource.Roots{dir}, files)
	if err != nil {
		t.Fatal(err)
	}
	if err := xcoms.Sweep(t.Context(), func(func(run.ID, error) bool) {}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	kept, err := dagsource.Open(t.TempDir(), shared.Sources()).Files(t.Context(), dagsource.Roots{"/w"}, id)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for file, content := range kept {
		text, err := os.ReadFile(content)
		if err != nil {
			t.Fatal(err)
		}
		got[filepath.Base(file)] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := xcoms.Get(context.Background(), "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
