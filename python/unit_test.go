package python

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestPythonSide runs the unit tests of the Python code, which need nothing but the
// standard library, with every Python that is found: oldest to newest.
func TestPythonSide(t *testing.T) {
	t.Parallel()
	for _, python := range interpreters(t) {
		t.Run(python, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), python, "-B", "-m", "unittest", "discover", "-s", "tests")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !regexp.MustCompile(`(?m)^Ran [1-9]\d* tests? in `).Match(out) {
				t.Errorf("no test was run:\n%s", out)
			}
		})
	}
}

// interpreters are the commands python3 and python3.9 to python3.14 that work, each
// version once.
func interpreters(t testing.TB) []string {
	t.Helper()
	names := []string{"python3"}
	for minor := 9; minor <= 14; minor++ {
		names = append(names, fmt.Sprintf("python3.%d", minor))
	}
	seen := map[string]bool{}
	var found []string
	for _, name := range names {
		// A version manager's shim may be there for a version that is not.
		version, err := exec.CommandContext(t.Context(), name, "-c", "import sys; print(sys.version)").Output()
		if said := strings.TrimSpace(string(version)); err == nil && !seen[said] {
			seen[said] = true
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		t.Fatal("no Python is found: the tests need python3")
	}
	return found
}
