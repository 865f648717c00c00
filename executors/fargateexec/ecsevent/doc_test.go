package ecsevent

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocument holds the table for people to the one that is used.
func TestDocument(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../../docs/aws-executors.md")
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, f := range failures() {
		key := "`" + f.code + "`"
		if f.detail != "" {
			key += " with `" + f.detail + "`"
		}
		row := fmt.Sprintf("| %s | %s | %s |\n", key, f.cause, f.reason)
		i := strings.Index(string(b[at:]), row)
		if i < 0 {
			t.Errorf("docs/aws-executors.md lacks, or has in another order: %s", row)
			continue
		}
		at += i
	}
	if n := strings.Count(string(b), "exit code 75"); n == 0 || ExitUnreported != 75 {
		t.Errorf("docs/aws-executors.md has another exit code than %d", ExitUnreported)
	}
}
