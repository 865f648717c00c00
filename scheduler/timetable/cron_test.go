package timetable

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mustCron(t interface{ Fatalf(string, ...any) }, text string) *cron {
	c, err := parseCron(text)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

func TestCivilIsTimeDate(t *testing.T) {
	t.Parallel()
	for day := dayNumber(1, 1, 1); day < dayNumber(9999, 12, 31); day += 13 {
		y, m, d := civil(day)
		at := time.Unix(day*86400, 0).UTC()
		if y != at.Year() || m != int(at.Month()) || d != at.Day() || weekday(day) != int(at.Weekday()) || dayNumber(y, m, d) != day {
			t.Fatalf("day %d is %d-%d-%d, want %s", day, y, m, d, at)
		}
		if want := time.Date(y, time.Month(m+1), 0, 0, 0, 0, 0, time.UTC).Day(); daysIn(y, m) != want {
			t.Fatalf("%d-%d has %d days, want %d", y, m, daysIn(y, m), want)
		}
	}
}

// matches is the obvious evaluator: it asks each field of one instant, with none of
// the searching.
func (c *cron) matches(at time.Time) bool {
	second, minute, hour := at.Clock()
	second, hour = hour, second
	y, m, d := at.Date()
	if c.seconds>>second&1 == 0 || c.minutes>>minute&1 == 0 || c.hours>>hour&1 == 0 || c.months>>int(m)&1 == 0 {
		return false
	}
	if !c.anyYear && (y < firstYear || y > lastYear || c.years[(y-firstYear)/64]>>((y-firstYear)%64)&1 == 0) {
		return false
	}
	return c.matchesDay(at, d) || c.also != nil && c.also.matchesDay(at, d)
}

func (c *cron) matchesDay(at time.Time, d int) bool {
	last := at.AddDate(0, 0, 1).Day() == 1
	day := c.anyDay || c.days>>d&1 == 1 || c.lastDay && last
	if c.nearest > 0 {
		day = isNearest(at, c.nearest)
	}
	wd := c.weekdays>>int(at.Weekday())&1 == 1
	if c.hasNth {
		set := c.nth[at.Weekday()]
		wd = set>>((d-1)/7+1)&1 == 1 || set>>6&1 == 1 && at.AddDate(0, 0, 7).Month() != at.Month()
	}
	switch {
	case c.anyDay || c.anyWeekday:
		return day && (wd || c.anyWeekday && !c.hasNth)
	default:
		return day || wd
	}
}

// isNearest looks for the working day of the month with the smallest distance.
func isNearest(at time.Time, n int) bool {
	y, m, _ := at.Date()
	n = min(n, daysIn(y, int(m)))
	best := 0
	for _, off := range []int{0, -1, 1, -2, 2} {
		x := time.Date(y, m, n+off, 0, 0, 0, 0, time.UTC)
		if best == 0 && x.Month() == m && x.Weekday() != time.Saturday && x.Weekday() != time.Sunday {
			best = x.Day()
		}
	}
	return at.Day() == best
}

// genField draws the text of one field.
func genField(f field) *rapid.Generator[string] {
	r := f.rule()
	number := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(r.min, r.max).Draw(t, "n")) })
	item := rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 5).Draw(t, "form") {
		case 0:
			return "*/" + fmt.Sprint(rapid.IntRange(1, r.max).Draw(t, "step"))
		case 1:
			return number.Draw(t, "a") + "-" + number.Draw(t, "b")
		case 2:
			return number.Draw(t, "a") + "-" + number.Draw(t, "b") + "/" + fmt.Sprint(rapid.IntRange(1, r.max).Draw(t, "step"))
		case 3:
			return number.Draw(t, "a") + "/" + fmt.Sprint(rapid.IntRange(1, r.max).Draw(t, "step"))
		default:
			return number.Draw(t, "a")
		}
	})
	return rapid.Custom(func(t *rapid.T) string {
		switch form := rapid.IntRange(0, 9).Draw(t, "field"); {
		case form < 3:
			return "*"
		case form == 3 && f == fieldDay:
			return rapid.SampledFrom([]string{"L", "1W", "15W", "31W", "?", "1,L"}).Draw(t, "special")
		case form == 3 && f == fieldWeekday:
			return rapid.SampledFrom([]string{"L5", "FRI#2", "MON#5", "1#1,3#2", "?", "SAT-MON", "TUE-THU#3"}).Draw(t, "special")
		default:
			return strings.Join(rapid.SliceOfN(item, 1, 3).Draw(t, "items"), ",")
		}
	})
}

func genExpression(t *rapid.T, fields int) string {
	parts := make([]string, fields)
	for i := range parts {
		parts[i] = genField(field(i)).Draw(t, field(i).rule().name)
	}
	return strings.Join(parts, " ")
}

// TestSearchIsBruteForce compares next and prev with trying every minute (or second).
func TestSearchIsBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.SampledFrom([]int{5, 5, 5, 6}).Draw(t, "fields")
		text := genExpression(t, fields)
		c := mustCron(t, text)
		from := rapid.Int64Range(0, 4_000_000_000).Draw(t, "from")
		step, tries := int64(60), 3_000
		if fields == 6 {
			step = 1
		}
		at := from - from%step
		next, errNext := c.next(from)
		prev, errPrev := c.prev(from)
		for range tries {
			at += step
			if c.matches(time.Unix(at, 0).UTC()) {
				if c.also == nil && errNext != nil || errNext == nil && next != at {
					t.Fatalf("%q: next of %d is %d %v, want %d", text, from, next, errNext, at)
				}
				break
			}
			if errNext == nil && at > next {
				t.Fatalf("%q: next of %d is %d, which does not match", text, from, next)
			}
		}
		at = from + step - 1 - (from+step-1)%step
		for range tries {
			at -= step
			if c.matches(time.Unix(at, 0).UTC()) {
				if c.also == nil && errPrev != nil || errPrev == nil && prev != at {
					t.Fatalf("%q: prev of %d is %d %v, want %d", text, from, prev, errPrev, at)
				}
				break
			}
			if errPrev == nil && at < prev {
				t.Fatalf("%q: prev of %d is %d, which does not match", text, from, prev)
			}
		}
	})
}

// TestSearchIsSymmetric: going to the next tick and back leads over no other.
func TestSearchIsSymmetric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := mustCron(t, genExpression(t, rapid.IntRange(5, 6).Draw(t, "fields")))
		from := rapid.Int64Range(-1_000_000_000, 8_000_000_000).Draw(t, "from")
		next, err := c.next(from)
		if err != nil {
			return
		}
		if next <= from {
			t.Fatalf("%q: next of %d is %d", c.text, from, next)
		}
		prev, err := c.prev(next + 1)
		if err != nil || prev != next {
			t.Fatalf("%q: prev after %d is %d %v", c.text, next, prev, err)
		}
		before, err := c.prev(next)
		if err != nil {
			return
		}
		if before > from {
			t.Fatalf("%q: next of %d is %d, but %d is between", c.text, from, next, before)
		}
		if again, err := c.next(before); err != nil || again != next {
			t.Fatalf("%q: next(prev(%d)) is %d %v", c.text, next, again, err)
		}
	})
}

func TestCronErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", `cron expression "": is empty: use null for a DAG without a schedule`},
		{"None", `cron expression "None": is no schedule: use null for a DAG without one`},
		{" @daily", `cron expression " @daily": has spaces around it: write "@daily"`},
		{"@every 5m", `cron expression "@every 5m": is no preset: use @once, @continuous, @hourly, @daily, @weekly, @monthly, @quarterly or @yearly, or a cron expression`},
		{"* * * *", `cron expression "* * * *": has 4 fields, must have 5 (minute hour day month weekday), 6 (and second) or 7 (and year)`},
		{"60 * * * *", `cron expression "60 * * * *": minute field "60": 60 is out of range: use 0 to 59`},
		{"0 24 * * *", `cron expression "0 24 * * *": hour field "24": 24 is out of range: use 0 to 23`},
		{"0 0 10-40 * *", `cron expression "0 0 10-40 * *": day of month field "10-40": 40 is out of range: use 1 to 31`},
		{"*/0 * * * *", `cron expression "*/0 * * * *": minute field "*/0": a step of 0 never gets anywhere: use 1 or more`},
		{"-5 * * * *", `cron expression "-5 * * * *": minute field "-5": negative numbers are not possible`},
		{"0 0 * JANUARY *", `cron expression "0 0 * JANUARY *": month field "january": "january" is not understood: use numbers from 1 to 12, * or names from JAN to DEC`},
		{"0 0 * * 5L", `cron expression "0 0 * * 5L": day of week field "5l": "5l" is not understood: use numbers from 0 to 6, *, ?, names from SUN to SAT, FRI#2 (second Friday) or L5 (last Friday)`},
		{"0 0 * * MON#6", `cron expression "0 0 * * MON#6": day of week field "mon#6": #6 is not possible: a month has the 1st to 5th of a weekday`},
		{"0 0 * * 1,2#3", `cron expression "0 0 * * 1,2#3": day of week field "1,2#3": plain weekdays cannot be mixed with numbered ones: write MON#1,MON#2,... for all of them`},
		{"0 0 1W,15W * *", `cron expression "0 0 1W,15W * *": day of month field "1w,15w": W takes one day and nothing else, such as 15W`},
		{"0 ? * * *", `cron expression "0 ? * * *": hour field "?": ? is for the day of month and the day of week only: use *`},
		{"H H * * *", `cron expression "H H * * *": minute field "h": H and R choose a value by hash or at random, which would differ from call to call: choose one from 0 to 59`},
	}
	for _, test := range tests {
		_, err := parseCron(test.text)
		if err == nil {
			t.Errorf("%q is no error", test.text)
			continue
		}
		if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Errorf("%q: -want +got\n%s", test.text, diff)
		}
	}
}

func TestNoMatch(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0 0 30 2 *", "0 0 31 4,6 *", "0 0 1 1 * 0 1999", "0 0 21 * L5", "0 0 15W * SUN"} {
		c := mustCron(t, text)
		var none *NoMatchError
		if at, err := c.next(1_700_000_000); !errors.As(err, &none) || none.Expression != text {
			t.Errorf("%q: next is %d %v", text, at, err)
		}
	}
	want := `cron expression "0 0 30 2 *" has no tick within 50 years after this time: check its day, month and year fields`
	if _, err := mustCron(t, "0 0 30 2 *").next(0); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func FuzzCron(f *testing.F) {
	for _, text := range []string{
		"* * * * *", "*/7 1-5,8 L * FRI#2", "0 0 15W 2 *", "59/15 22-4/2 25-5 NOV-FEB SAT-MON", "0 0 1 1 * 0 2024/4", "@daily", "@MIDNIGHT",
		"0 0 ? * L5", "1,,2 * * * *", "H * * * *", "0 0 29 2 MON#5", "0 0 1-30,L * 0-6", "\t0\n0 * * 7", "*,1 * * * *", "0 0 L-3 * *",
	} {
		f.Add(text, int64(1_700_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, at int64) {
		c, err := parseCron(text)
		if err != nil {
			if !strings.Contains(err.Error(), "cron expression") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		describe(c.text)
		at %= 200_000_000_000
		if next, err := c.next(at); err == nil && next <= at {
			t.Errorf("%q: next of %d is %d", text, at, next)
		}
		if prev, err := c.prev(at); err == nil && prev >= at {
			t.Errorf("%q: prev of %d is %d", text, at, prev)
		}
		k := tick{c, zone{time.UTC}}
		from := time.Unix(at, 1000)
		if next, err := k.next(from); err == nil && !next.After(from) {
			t.Errorf("%q: tick after %s is %s", text, from, next)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, text := range []string{"*/5 * * * *", "0 0 * * *", "30 6 * * MON-FRI", "0 0 1 1 *", "0 0 L * *", "0 0 13 * FRI", "0 0 29 2 MON#5", "0 0 30 2 *"} {
		b.Run(text, func(b *testing.B) {
			c := mustCron(b, text)
			b.ReportAllocs()
			at := int64(1_700_000_000)
			for b.Loop() {
				if next, err := c.next(at); err == nil {
					at = next
				}
				if at > 3_000_000_000 {
					at = 1_700_000_000
				}
			}
		})
	}
}

func BenchmarkTick(b *testing.B) {
	for _, name := range []string{"UTC", "Europe/Zurich", "Africa/Casablanca"} {
		z, err := loadZone(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, text := range []string{"30 2 * * *", "0 * * * *"} {
			b.Run(name+" "+text, func(b *testing.B) {
				k := tick{mustCron(b, text), z}
				b.ReportAllocs()
				start := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
				at := start
				for b.Loop() {
					next, err := k.next(at)
					if err != nil {
						b.Fatal(err)
					}
					if at = next; at.Year() > 2040 {
						at = start
					}
				}
			})
		}
	}
}
