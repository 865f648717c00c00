package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
)

func TestTableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	records := []record{{
		{"dag_id", "etl"}, {"start_date", time.Date(2026, 1, 31, 6, 0, 0, 123456000, time.UTC)},
		{"reason", "it waits for a slot of the pool that all others want, too"}, {"last", "x"},
	}}
	for _, tt := range []struct {
		columns int
		want    string // the row, spaces folded
	}{
		{0, "etl │ 2026-01-31T06:00:00.123456+00:00 │ it waits for a slot of the pool that all others want, too │ x"},
		{200, "etl │ 2026-01-31T06:00:00.123456+00:00 │ it waits for a slot of the pool that all others want, too │ x"},
		{100, "etl │ 2026-01-31T06:00:00Z │ it waits for a slot of the pool that all others want, too │ x"},
		{80, "etl │ 2026-01-31T06:00:00Z │ it waits for a slot of the pool that │ x │ │ all others want, too │"},
		{40, "etl │ 2026-01-31T06:00:00Z │ it wai… │ │ the po… │ │ want, …"},
	} {
		a := &app{World: World{
			Terminal: true, Size: func() (int, int) { return tt.columns, 24 },
			Lookup: func(string) (string, bool) { return "1", true },
		}}
		out := a.drawTable(records)
		_, rows, _ := strings.Cut(out, "\n")
		_, rows, _ = strings.Cut(rows, "\n")
		if got := strings.Join(strings.Fields(rows), " "); got != tt.want {
			t.Errorf("%d columns: %q, want %q", tt.columns, got, tt.want)
		}
		if n := text.LongestLineLen(out); tt.columns > 0 && n > tt.columns {
			t.Errorf("%d columns: a line of %d", tt.columns, n)
		}
	}
}
