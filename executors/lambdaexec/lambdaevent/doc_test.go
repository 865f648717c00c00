package lambdaevent

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
	for _, e := range ends {
		row := fmt.Sprintf("| `%s` | %s | %s |\n", e.kind+e.message, e.cause, strings.ReplaceAll(e.reason, "function %s", "the function"))
		i := strings.Index(string(b[at:]), row)
		if i < 0 {
			t.Errorf("docs/aws-executors.md lacks, or has in another order: %s", row)
			continue
		}
		at += i
	}
}
