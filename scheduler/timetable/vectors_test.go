package timetable_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	_ "time/tzdata" // the vectors need no host

	"github.com/updraft-dev/updraft/internal/conformance"
)

// TestMain makes the time zones those of testdata (tz 2025b or later, which the vectors
// ask for), whatever the host has.
func TestMain(m *testing.M) {
	if err := os.Setenv("ZONEINFO", filepath.Join("testdata", "zoneinfo.zip")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestVectors replays recorded answers of a real Airflow 3.3.2: all agree, but for eight
// in which Airflow stops by a fault of its own.
func TestVectors(t *testing.T) {
	t.Parallel()
	var differing strings.Builder
	r := conformance.Runner{Module: "../..", Out: &differing}
	for _, f := range conformance.Families() {
		want := map[string]string{"timetables": "timetables 3970/3970 (8 of them by the rules above)", "run_ids": "run_ids 240/240"}[f.Name]
		if want == "" {
			continue
		}
		rules := conformance.Rules{"stopped-timetable": true}
		tally, ok, err := r.Replay(t.Context(), f, rules)
		if err != nil || !ok {
			t.Fatalf("%s: %v %v", f.Name, ok, err)
		}
		if tally.String() != want {
			t.Errorf("%v (%v), want %s\n%s", tally, tally.ByRule, want, &differing)
		}
	}
}
