package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// entries reads an archive: paths in order, and contents.
func entries(t *testing.T, r io.Reader) ([]string, map[string][]byte) {
	t.Helper()
	var paths []string
	contents := map[string][]byte{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return paths, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, h.Name)
		contents[h.Name] = body
	}
}

// TestWrite: both manifests lead to blobs that are there, by their right digest, and equal
// inputs make equal archives.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var archives [2][]byte
	for i := range archives {
		im := image{
			out: filepath.Join(dir, "image.tar"), name: "local.test/x:1", files: []string{program + ":/opt/bin/x"},
			config: map[string]any{"User": "1:1"},
		}
		if err := im.write(); err != nil {
			t.Fatal(err)
		}
		var err error
		if archives[i], err = os.ReadFile(im.out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("equal inputs made two archives")
	}
	_, files := entries(t, bytes.NewReader(archives[0]))
	for path, content := range files {
		if digest, ok := strings.CutPrefix(path, "blobs/sha256/"); ok {
			if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != digest {
				t.Errorf("%s has the digest %x", path, sum)
			}
		}
	}
	var docker []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &docker); err != nil || len(docker) != 1 || len(docker[0].Layers) != 1 {
		t.Fatalf("manifest.json: %v: %s", err, files["manifest.json"])
	}
	if files[docker[0].Config] == nil || docker[0].RepoTags[0] != "local.test/x:1" {
		t.Errorf("manifest.json leads nowhere: %s", files["manifest.json"])
	}
	paths, layer := entries(t, bytes.NewReader(files[docker[0].Layers[0]]))
	if want := []string{"tmp/", "opt/", "opt/bin/", "opt/bin/x"}; !slices.Equal(paths, want) {
		t.Errorf("the layer has %q, want %q", paths, want)
	}
	if got := string(layer["opt/bin/x"]); got != "program" {
		t.Errorf("the file has %q", got)
	}
}

// TestWriteRefused: nothing is left of an image that cannot be made.
func TestWriteRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, file := range []string{"no-colon", filepath.Join(dir, "absent") + ":/x"} {
		im := image{out: filepath.Join(dir, "image.tar"), name: "local.test/x:1", files: []string{file}}
		if err := im.write(); err == nil {
			t.Errorf("%s was taken", file)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s left %v (%v)", file, left, err)
		}
	}
}
