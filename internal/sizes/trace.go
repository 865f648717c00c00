package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"
)

// Start is what a program does before its main begins.
type Start struct {
	// Packages are those that do anything.
	Packages, Allocations, Bytes int
	// Most is the package that allocates most often.
	Most string
}

// traced starts a program and reads what the runtime tells of its packages.
func traced(ctx context.Context, file, dir string) (Start, error) {
	out, _, err := complaint(ctx, file, dir, "GODEBUG=inittrace=1")
	if err != nil {
		return Start{}, err
	}
	return parseTrace(out)
}

// parseTrace reads the lines of GODEBUG=inittrace=1 (package runtime describes them), such as
// "init net @0.42 ms, 0.017 ms clock, 1768 bytes, 23 allocs". Other lines are the program's.
func parseTrace(out []byte) (Start, error) {
	var s Start
	most := 0
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "init ") {
			continue
		}
		var name string
		var at, took float64
		var size, allocs int
		if _, err := fmt.Sscanf(lines.Text(), "init %s @%f ms, %f ms clock, %d bytes, %d allocs", &name, &at, &took, &size, &allocs); err != nil {
			return Start{}, fmt.Errorf("read the trace of a start: %q: %w", lines.Text(), err)
		}
		s.Packages, s.Allocations, s.Bytes = s.Packages+1, s.Allocations+allocs, s.Bytes+size
		if allocs > most {
			most, s.Most = allocs, name
		}
	}
	if s.Packages == 0 {
		return Start{}, fmt.Errorf("the program told nothing of its start: %.200s", out)
	}
	return s, lines.Err()
}
