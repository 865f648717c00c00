package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"
)

// TestTable: each mistake can still be made, and is Go.
func TestTable(t *testing.T) {
	t.Parallel()
	rules := map[string]bool{}
	for _, m := range table {
		if rules[m.rule] {
			t.Errorf("%q is there twice", m.rule)
		}
		rules[m.rule] = true
		text, err := os.ReadFile(filepath.Join("..", "..", "scheduler", m.file))
		if err != nil {
			t.Fatal(err)
		}
		wrong, err := m.apply(string(text))
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, wrong, parser.SkipObjectResolution); err != nil {
			t.Errorf("%q: %v", m.rule, err)
		}
	}
	if len(table) < 40 {
		t.Errorf("there are %d mistakes, want 40 at least", len(table))
	}
}
