package python

import (
	"os/exec"
	"regexp"
	"testing"
)

// TestPythonSide runs the unit tests of the runner's Python code, which need nothing but
// the standard library.
func TestPythonSide(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "python3", "-B", "-m", "unittest", "discover", "-s", "tests")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !regexp.MustCompile(`(?m)^Ran [1-9]\d* tests? in `).Match(out) {
		t.Errorf("no test was run:\n%s", out)
	}
}
