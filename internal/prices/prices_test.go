package prices

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestUSEast1(t *testing.T) {
	t.Parallel()
	l, err := USEast1()
	if err != nil {
		t.Fatal(err)
	}
	if l.Region != "us-east-1" || l.Date.Year() < 2026 {
		t.Errorf("prices of %s, %s", l.Region, l.Date)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"two write units a task", l.Dollars(Counts{WriteUnits: 2e6}), 1.25},
		{"everything", l.Dollars(Counts{WriteUnits: 1e6, ReadUnits: 1e6, QueueRequests: 1e6, Invocations: 1e6, GBSeconds: 1e6, Puts: 1e6, Gets: 1e6}),
			0.625 + 0.125 + 0.4 + 0.2 + 13.3334 + 5 + 0.4},
		{"times", l.Dollars(Counts{ReadUnits: 2, Gets: 1}.Times(1e6)), 0.25 + 0.4},
		{"a million short tasks on Fargate", 1e6 * l.Fargate(time.Second, 0.25, 0.5), 164.58},
		{"free requests", l.QueueRequest.Month(900_000), 0},
		{"a month of requests", l.QueueRequest.Month(3_500_000), 1},
		{"an hour on Fargate", l.Fargate(time.Hour, 1, 2), 0.0395},
	} {
		if math.Abs(c.got-c.want) > 0.005 {
			t.Errorf("%s: $%.4f, want $%.4f", c.name, c.got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	good := string(usEast1)
	for _, c := range []struct{ name, from, to, want string }{
		{"no JSON", "{", "", "read prices"},
		{"unknown field", `"note"`, `"notes"`, "unknown field"},
		{"date", "2026-11-30", "yesterday", "date"},
		{"missing", "dynamodb_write_unit", "dynamodb_write", "price dynamodb_write_unit is missing"},
		{"not known", "dynamodb_write_unit", "dynamodb_write", "price dynamodb_write is not known"},
		{"no price", `"usd": 5.00`, `"usd": 0`, "price s3_put has to have usd"},
	} {
		_, err := parse([]byte(strings.Replace(good, c.from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
