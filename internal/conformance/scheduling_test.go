package conformance

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScheduling(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scheduling/*.jsonl.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, f := range files {
		family := strings.TrimSuffix(filepath.Base(f), ".jsonl.gz")
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			total, agree, shown := 0, 0, 0
			for line := range lines(t, f) {
				total++
				if err := replayScenario(line); err != nil {
					if shown++; shown <= 5 {
						t.Log(err)
					}
					continue
				}
				agree++
			}
			fmt.Printf("%s %d/%d\n", family, agree, total)
		})
	}
}

func lines(t *testing.T, file string) func(func([]byte) bool) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(z)
	sc.Buffer(nil, 1<<24)
	return func(yield func([]byte) bool) {
		for sc.Scan() {
			if !yield(sc.Bytes()) {
				return
			}
		}
		if err := sc.Err(); err != nil {
			t.Error(err)
		}
	}
}
