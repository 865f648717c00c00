package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A trace as the runtime writes it, among what the program says itself.
const trace = `init internal/bytealg @0.003 ms, 0 ms clock, 0 bytes, 0 allocs
init example.com/large @1.9 ms, 5.2 ms clock, 1702336 bytes, 21296 allocs
{"level":"INFO","msg":"init is over"}
init net @7.1 ms, 0.017 ms clock, 1768 bytes, 23 allocs
error: setting store is missing
`

func TestParseTrace(t *testing.T) {
	t.Parallel()
	got, err := parseTrace([]byte(trace))
	want := Start{Packages: 3, Allocations: 21_319, Bytes: 1_704_104, Most: "example.com/large"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "error: no configuration\n", "init net @soon\n"} {
		if _, err := parseTrace([]byte(bad)); err == nil {
			t.Errorf("%q is read as a trace", bad)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	p := program{"functions/x", 20, 100}
	fits := measured{size: map[string]int64{"arm64": 20e6, "amd64": 1}, start: Start{Allocations: 100}}
	if all := p.judge(fits); len(all) > 0 {
		t.Errorf("what is at its limits is refused: %v", all)
	}
	over := measured{size: map[string]int64{"arm64": 20e6 + 1, "amd64": 21e6}, start: Start{Allocations: 101, Most: "example.com/large"}}
	text := errors.Join(p.judge(over)...).Error()
	for _, want := range []string{"for arm64 has 20.0 MB, 20 at most", "for amd64 has 21.0 MB", "allocates 101 times before main, 100 at most; most of it is in example.com/large"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}

// TestPrograms: no function is without limits.
func TestPrograms(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("../../functions/*/main.go")
	if err != nil || len(folders) == 0 {
		t.Fatal(folders, err)
	}
	for _, f := range folders {
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(f)), "../../")
		if !slices.ContainsFunc(programs(), func(p program) bool { return p.folder == folder }) {
			t.Errorf("%s has no limits", folder)
		}
	}
	for _, p := range programs() {
		if _, err := os.Stat(filepath.Join("../..", p.folder, "main.go")); err != nil {
			t.Error(err)
		}
	}
}
