package dagfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// date reads a DAG's or default_args' start_date or end_date. The wall clock counts and
// whatever offset it has is replaced by the zone's, as in dag-factory.
func (l *loader) date(p place, n *node, loc *time.Location) (*time.Time, bool) {
	switch n.kind {
	case kindNull:
		return nil, true
	case kindTime:
		t := inZone(n.val.(moment).t, loc)
		return &t, true
	case kindText:
		if t, ok := parseISO(n.text); ok {
			t = inZone(t, loc)
			return &t, true
		}
		return l.relativeDate(p, n, loc)
	}
	hint := "write a date such as 2024-03-01"
	if n.kind == kindInt {
		hint += ", or put it in quotes"
	}
	l.wrong(p, n, "a date", hint)
	return nil, false
}

func inZone(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.Date()
	return wallTime([7]int{y, int(m), d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1000}, loc)
}

// relativeDate is today's midnight minus words such as "2 days".
func (l *loader) relativeDate(p place, n *node, loc *time.Location) (*time.Time, bool) {
	d, rest, ok := deltaWords(n.text)
	switch {
	case !ok:
		l.problem(n.at, p.task, fmt.Sprintf("`%s` is %s, which is neither a date nor a relative time", p.name, n.describe()), "write a date such as 2024-03-01, or words such as \"2 days\"")
		return nil, false
	case l.o.Now == nil:
		l.problem(n.at, p.task, fmt.Sprintf("`%s` is relative to today, which is not known here", p.name), "write a date")
		return nil, false
	case rest != "":
		l.warning(n.at, p.task, fmt.Sprintf("`%s`: only the first unit counts: %q is ignored", p.name, rest), "write one number and one unit")
	}
	y, m, day := l.o.Now().In(loc).Date()
	t := wallTime([7]int{y, int(m), day, 0, 0, 0, 0}, loc).Add(-d)
	return &t, true
}

var deltaWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^(\d{1,9})\s+(hour|minute|second|day)s?`) })

// deltaWords reads "2 hours"; rest is what follows.
func deltaWords(s string) (d time.Duration, rest string, ok bool) {
	m := deltaWord().FindStringSubmatch(s)
	if m == nil {
		return 0, "", false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit := map[string]time.Duration{"hour": time.Hour, "minute": time.Minute, "second": time.Second, "day": 24 * time.Hour}[strings.ToLower(m[2])]
	if err != nil || n > int64(1<<62)/int64(unit) {
		return 0, "", false
	}
	return time.Duration(n) * unit, strings.TrimSpace(s[len(m[0]):]), true
}

var (
	isoDate = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(\d{4})(?:-?(?:W(\d\d)(?:-?(\d))?)|-?(\d{3})|-(\d\d?)(?:-(\d\d?))?|(\d\d)(\d\d))?$`)
	})
	isoTime = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(\d\d?)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|z|[-+]\d\d(?::?\d\d)?)?$`)
	})
)

// parseISO reads the texts that pendulum takes for dates: ISO 8601 with calendar, week
// and ordinal dates, compact or not. The time has the offset of the text, or UTC.
func parseISO(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	day, clock := s, ""
	if i := strings.IndexAny(s, "T "); i > 0 {
		day, clock = s[:i], strings.TrimSpace(s[i+1:])
		if clock == "" {
			return time.Time{}, false
		}
	}
	y, m, d, ok := isoDay(day)
	if !ok {
		return time.Time{}, false
	}
	f := [7]int{y, m, d}
	loc := time.UTC
	if clock != "" {
		c := isoTime().FindStringSubmatch(clock)
		if c == nil {
			return time.Time{}, false
		}
		f[3], f[4], f[5] = atoi(c[1]), atoi(c[2]), atoi(c[3])
		f[6] = atoi((c[4] + "000000")[:6])
		if f[3] > 23 || f[4] > 59 || f[5] > 59 {
			return time.Time{}, false
		}
		if c[5] != "" {
			loc = zoneOf(c[5])
		}
	}
	return time.Date(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], f[6]*1000, loc), true
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func isoDay(s string) (y, m, d int, ok bool) {
	g := isoDate().FindStringSubmatch(s)
	if g == nil {
		return 0, 0, 0, false
	}
	y, m, d = atoi(g[1]), 1, 1
	switch {
	case g[2] != "":
		return isoWeek(y, atoi(g[2]), g[3])
	case g[4] != "":
		n := atoi(g[4])
		t := time.Date(y, 1, n, 0, 0, 0, 0, time.UTC)
		return y, int(t.Month()), t.Day(), n > 0 && t.Year() == y
	case g[5] != "":
		m = atoi(g[5])
		if g[6] != "" {
			d = atoi(g[6])
		}
	case g[7] != "":
		m, d = atoi(g[7]), atoi(g[8])
	}
	return y, m, d, validDate(y, m, d)
}

func isoWeek(y, week int, weekday string) (int, int, int, bool) {
	wd := 1
	if weekday != "" {
		wd = atoi(weekday)
	}
	// The 4th of January is always in week 1.
	fourth := time.Date(y, 1, 4, 0, 0, 0, 0, time.UTC)
	monday := fourth.AddDate(0, 0, -(int(fourth.Weekday())+6)%7)
	t := monday.AddDate(0, 0, (week-1)*7+wd-1)
	isoYear, isoWeek := t.ISOWeek()
	return t.Year(), int(t.Month()), t.Day(), wd >= 1 && wd <= 7 && isoYear == y && isoWeek == week
}
