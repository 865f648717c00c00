package source_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag/source"
)

// folder makes a folder of these files, all of one time.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, packed, packed); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var packed = time.Date(2026, 11, 30, 12, 0, 0, 123_000_000, time.UTC)

// content is what a folder has.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		body, err := os.ReadFile(p)
		out[rel] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPack: another machine has the folder as it was, with one request, whatever it had.
func TestPack(t *testing.T) {
	t.Parallel()
	var blobs shared
	files := map[string]string{"a.yaml": "a", "deep/er/b.py": "b", "empty.sql": "", "mine.part": "p"}
	all := map[string]string{"half.py.updraft-part": "h", "__pycache__/a.pyc": "p"}
	for name, text := range files {
		all[name] = text
	}
	there := source.Open(t.TempDir(), &blobs)
	id, err := there.Pack(t.Context(), folder(t, all), "")
	if err != nil {
		t.Fatal(err)
	}
	blobs.m.Range(func(key, _ any) bool {
		if key != id {
			t.Errorf("kept is %v, want %s", key, id)
		}
		return true
	})
	var none shared
	if again, err := source.Open(t.TempDir(), &none).Pack(t.Context(), folder(t, files), id); err != nil || again != id {
		t.Errorf("the same folder again has the id %s, %v, want %s", again, err, id)
	}
	if _, written := none.m.Load(id); written {
		t.Error("what is kept was written again")
	}
	here := source.Open(t.TempDir(), &blobs)
	dir := folder(t, map[string]string{"a.yaml": "old and longer", "gone.py": "g", "deep/er/b.py": "b", "mine.txt": "m"})
	had := map[string]bool{"gone.py": true, "gone/before.py": true, "a.yaml": true}
	files["mine.txt"] = "m"
	for range 2 {
		if had, err = here.Unpack(t.Context(), id, dir, had); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(files, content(t, dir)); diff != "" {
			t.Errorf("unpacked (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(map[string]bool{"a.yaml": true, "deep/er/b.py": true, "empty.sql": true, "mine.part": true}, had); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	info, err := os.Stat(filepath.Join(dir, "a.yaml"))
	if err != nil || !info.ModTime().Equal(packed) {
		t.Errorf("a file was changed at %v, %v; want %v", info.ModTime(), err, packed)
	}
	blobs.m.Store(id, []byte("other"))
	if _, err := here.Unpack(t.Context(), id, dir, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a pack that was damaged: %v", err)
	}
	for range 2 { // the second time it is gone already
		if err := here.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := here.Unpack(t.Context(), id, dir, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a pack that was removed: %v", err)
	}
	alone := source.Open(t.TempDir(), nil)
	if err := alone.Remove(t.Context(), id); !errors.Is(err, source.ErrAlone) {
		t.Errorf("removed for nobody: %v", err)
	}
	if _, err := alone.Pack(t.Context(), dir, ""); !errors.Is(err, source.ErrAlone) {
		t.Errorf("packed for nobody: %v", err)
	}
	if _, err := alone.Unpack(t.Context(), id, dir, nil); !errors.Is(err, source.ErrAlone) {
		t.Errorf("unpacked from nobody: %v", err)
	}
	if _, err := here.Unpack(t.Context(), strings.Repeat("0", 64), dir, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a pack that nobody has kept: %v", err)
	}
}

// TestHostilePack: what is no file of the folder is refused, and nothing is written elsewhere.
func TestHostilePack(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]tar.Header{
		"outside":  {Name: "../outside", Typeflag: tar.TypeReg},
		"absolute": {Name: "/tmp/outside", Typeflag: tar.TypeReg},
		"link":     {Name: "link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
	} {
		var blobs shared
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		w := tar.NewWriter(z)
		if err := errors.Join(w.WriteHeader(&h), w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(out.Bytes())
		id := hex.EncodeToString(sum[:])
		blobs.m.Store(id, out.Bytes())
		dir := t.TempDir()
		_, err := source.Open(t.TempDir(), &blobs).Unpack(t.Context(), id, dir, nil)
		if err == nil || !strings.Contains(err.Error(), "is no file of a folder") {
			t.Errorf("%s: error %v", name, err)
		}
		if got := content(t, dir); len(got) > 0 {
			t.Errorf("%s: it has left %v", name, got)
		}
	}
}
