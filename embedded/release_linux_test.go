package embedded

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestRelease: a process that has started keeps little of its program in memory, and goes on.
func TestRelease(t *testing.T) {
	mapped := func() int {
		t.Helper()
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
		if m == nil {
			t.Fatalf("the kernel does not tell: %s", status)
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := mapped()
	release()
	if after := mapped(); after >= before {
		t.Errorf("%d kB of files are mapped, before it were %d", after, before)
	}
}
