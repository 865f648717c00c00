package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is generated is as it would be generated now.
func TestUpToDate(t *testing.T) {
	t.Parallel()
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is out of date: run `make docs`", name)
		}
	}
}
