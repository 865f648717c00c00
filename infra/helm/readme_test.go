package helm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// written begins the part of the README that is written from values.yaml.
const written = "<!-- Written from values.yaml by `go test ./infra/helm -update`: change the comments there instead. -->\n"

// TestReadme holds the table of values in README.md to values.yaml.
func TestReadme(t *testing.T) {
	t.Parallel()
	name := chart + "/README.md"
	head, _, ok := strings.Cut(read(t, name), written)
	if !ok {
		t.Fatalf("%s has no line %s", name, written)
	}
	golden(t, name, head+written+table(t, values(t)))
}

// table is what people read about values.
func table(t *testing.T, entries []entry) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n| value | default | |\n|---|---|---|\n")
	for _, e := range entries {
		if e.group {
			if e.doc != "" {
				fmt.Fprintf(&b, "| **%s** | | %s |\n", e.name(), e.doc)
			}
			continue
		}
		def, err := json.Marshal(e.def)
		if err != nil {
			t.Fatal(err)
		}
		doc := e.doc
		if strings.Contains(e.typ, "|") {
			doc = strings.TrimSpace(doc + " One of " + strings.ReplaceAll(e.typ, "|", ", ") + ".")
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", e.name(), strings.ReplaceAll(string(def), "|", `\|`), strings.ReplaceAll(doc, "|", `\|`))
	}
	return b.String()
}
