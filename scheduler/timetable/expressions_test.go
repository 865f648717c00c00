package timetable

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
)

// TestExpressions compares with what croniter 7.0.0 and cron_descriptor 2.2.1 (as
// Airflow calls them) say of 4,000 random expressions, good and bad: validity,
// description, and the ticks after and before three times each (null: none within 50
// years).
func TestExpressions(t *testing.T) {
	t.Parallel()
	n := 0
	readLines(t, "testdata/expressions.jsonl.gz", func(line []byte) {
		var want struct {
			Expression  string
			Valid       bool
			EveryHour   bool `json:"every_hour"`
			Description string
			Searches    [][3]*int64
		}
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		n++
		c, err := parseCron(want.Expression)
		if (err == nil) != want.Valid {
			t.Errorf("%q: valid %v, got %v", want.Expression, want.Valid, err)
		}
		if err != nil || !want.Valid {
			return
		}
		if c.everyHour != want.EveryHour {
			t.Errorf("%q: every hour %v", want.Expression, c.everyHour)
		}
		if got := describe(c.text); got != want.Description {
			t.Errorf("%q:\ngot  %q\nwant %q", want.Expression, got, want.Description)
		}
		for _, s := range want.Searches {
			checkSearch(t, c, "next", *s[0], c.next, s[1])
			checkSearch(t, c, "prev", *s[0], c.prev, s[2])
		}
	})
	if n != 4000 {
		t.Errorf("%d expressions", n)
	}
}

func checkSearch(t *testing.T, c *cron, name string, from int64, search func(int64) (int64, error), want *int64) {
	t.Helper()
	got, err := search(from)
	switch {
	case want == nil && err == nil:
		t.Errorf("%q: %s of %d is %d, want none", c.text, name, from, got)
	case want != nil && (err != nil || got != *want):
		t.Errorf("%q: %s of %d is %d %v, want %d", c.text, name, from, got, err, *want)
	}
}

// readLines calls each with every line of a packed file.
func readLines(t *testing.T, file string, each func(line []byte)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		each(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
