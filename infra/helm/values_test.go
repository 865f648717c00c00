// Package helm_test holds the chart to what the code is: its settings, metrics, permissions.
// Schema and table of values are written from values.yaml: `go test ./infra/helm -update`.
// Tests that render need the tag helm, those on a cluster the tag kubernetes.
package helm_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var update = flag.Bool("update", false, "write what is derived from the chart anew")

// chart is the folder of the chart.
const chart = "updraft"

// entry is one key of values.yaml.
type entry struct {
	path []string
	// typ is the type in parentheses, empty if the default shows it.
	typ, doc string
	// def is the default.
	def any
	// group says that the keys below have entries of their own.
	group bool
}

func (e entry) name() string { return strings.Join(e.path, ".") }

var (
	valueLine = regexp.MustCompile(`^( *)([A-Za-z_]+):(.*)$`)
	typedDoc  = regexp.MustCompile(`^\(([^)]+)\) ?(.*)$`)
)

// values reads the keys of values.yaml, with what their comments say.
func values(t *testing.T) []entry {
	t.Helper()
	text := read(t, chart+"/values.yaml")
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	var out []entry
	var path, comment []string
	below := -1 // what is deeper than this belongs to the value of an entry
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimSpace(line)
		if c, ok := strings.CutPrefix(trimmed, "#"); ok {
			comment = append(comment, strings.TrimSpace(c))
			continue
		}
		m := valueLine.FindStringSubmatch(line)
		if m == nil || below >= 0 && len(m[1]) > below {
			comment = nil
			continue
		}
		depth := len(m[1]) / 2
		path = append(path[:depth:depth], m[2])
		e := describe(strings.Join(comment, " "))
		e.path, e.def = path, lookup(tree, path)
		_, isMap := e.def.(map[string]any)
		e.group = isMap && e.typ == "" && strings.TrimSpace(m[3]) == ""
		below = -1
		if !e.group {
			below = len(m[1])
		}
		if !e.group && !strings.HasPrefix(strings.Join(comment, " "), "-- ") {
			t.Errorf("values.yaml: %s has no comment that begins with --", e.name())
		}
		out, comment = append(out, e), nil
	}
	return out
}

// describe takes the comment of a key apart.
func describe(comment string) (e entry) {
	e.doc = strings.TrimPrefix(comment, "-- ")
	if m := typedDoc.FindStringSubmatch(e.doc); m != nil && e.doc != comment {
		e.typ, e.doc = m[1], m[2]
	}
	return e
}

func lookup(tree map[string]any, path []string) any {
	var v any = tree
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// golden compares a text with a file, or writes it if -update is given.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := read(t, name); got != want {
		t.Errorf("%s is not what the chart gives: run `go test ./infra/helm -update` with the tags of this test, and look at what changes\n%s", name, firstDifference(got, want))
	}
}

// firstDifference shows the first line that differs.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one of them is longer"
}
