package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var metricName = regexp.MustCompile(`Name: "(updraft_[a-z_]+)"`)

// TestMetrics: the document has every metric.
func TestMetrics(t *testing.T) {
	t.Parallel()
	told := section(t, "docs/operations.md", "Monitoring")
	files, err := filepath.Glob(filepath.Join(root, "embedded", "metrics", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range metricName.FindAllStringSubmatch(string(raw), -1) {
			n++
			if !strings.Contains(told, m[1]) {
				t.Errorf("docs/operations.md does not name the metric %s of %s", m[1], filepath.Base(f))
			}
		}
	}
	if n == 0 {
		t.Error("no metrics found")
	}
}
