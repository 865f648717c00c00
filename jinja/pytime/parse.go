package pytime

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// strptimeState collects what the directives of a format read.
type strptimeState struct {
	year, month, day, hour, minute, second, us int
	yearDay                                    int
	isoYear, isoWeek, week, weekday            int
	weekFrom                                   byte // 'U' or 'W'
	pm, am, twelve                             bool
	offset                                     *int
	zone                                       string
}

var strptimeNumbers = map[byte]string{
	'Y': `\d{4}`, 'y': `\d\d`, 'm': `1[0-2]|0[1-9]|[1-9]`, 'd': `3[01]|[12]\d|0[1-9]|[1-9]| [1-9]`, 'H': `2[0-3]|[01]\d|\d`,
	'I': `1[0-2]|0[1-9]|[1-9]`, 'M': `[0-5]\d|\d`, 'S': `6[01]|[0-5]\d|\d`, 'f': `\d{1,6}`,
	'j': `36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]`, 'w': `[0-6]`, 'u': `[1-7]`, 'G': `\d{4}`,
	'V': `5[0-3]|0[1-9]|[1-4]\d|\d`, 'U': `5[0-3]|[0-4]\d|\d`, 'W': `5[0-3]|[0-4]\d|\d`,
	'z': `([+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?)|(?-i:Z)`, 'Z': `utc|gmt`, 'p': `am|pm`,
	'a': `mon|tue|wed|thu|fri|sat|sun`, 'A': `monday|tuesday|wednesday|thursday|friday|saturday|sunday`,
	'b': `jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec`,
	'B': `january|february|march|april|may|june|july|august|september|october|november|december`,
}

// strptimeRegexp turns a format into an expression and the order of its directives.
func strptimeRegexp(format string) (*regexp.Regexp, []byte, error) {
	format = strings.NewReplacer("%c", "%a %b %d %H:%M:%S %Y", "%x", "%m/%d/%y", "%X", "%H:%M:%S", "%h", "%b", "%T", "%H:%M:%S", "%D", "%m/%d/%y", "%R", "%H:%M", "%F", "%Y-%m-%d").Replace(format)
	var b strings.Builder
	var order []byte
	b.WriteString("^(?i)")
	for i := 0; i < len(format); i++ {
		c := format[i]
		switch {
		case c == '%' && i+1 < len(format):
			i++
			if format[i] == '%' {
				b.WriteString("%")
				continue
			}
			re, ok := strptimeNumbers[format[i]]
			if !ok {
				return nil, nil, py.ValueError("'%c' is a bad directive in format '%s'", format[i], format)
			}
			re = strings.ReplaceAll(re, "([+-]", "(?:[+-]")
			b.WriteString("(" + re + ")")
			order = append(order, format[i])
		case c == '%':
			return nil, nil, py.ValueError("stray %% in format '%s'", format)
		case c == ' ' || c == '\t' || c == '\n':
			b.WriteString(`\s+`)
			for i+1 < len(format) && (format[i+1] == ' ' || format[i+1] == '\t' || format[i+1] == '\n') {
				i++
			}
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, nil, py.ValueError("bad format '%s'", format)
	}
	return re, order, nil
}

// Strptime is datetime.strptime.
func (c *Clock) Strptime(s, format string) (*DateTime, error) {
	re, order, err := strptimeRegexp(format)
	if err != nil {
		return nil, err
	}
	m := re.FindStringSubmatch(s)
	if m == nil {
		return nil, py.ValueError("time data %s does not match format %s", reprText(s), reprText(format))
	}
	if len(m[0]) != len(s) {
		return nil, py.ValueError("unconverted data remains: %s", s[len(m[0]):])
	}
	st := strptimeState{year: -1, month: 1, day: 1, isoYear: -1, isoWeek: -1, week: -1, weekday: -1}
	for i, d := range order {
		st.read(d, m[i+1])
	}
	return st.finish(c)
}

func reprText(s string) string {
	r, err := py.Repr(py.Detached(py.Limits{}), s)
	if err != nil {
		return "'" + s + "'"
	}
	return r
}

func (st *strptimeState) read(d byte, s string) {
	n, _ := strconv.Atoi(strings.TrimSpace(s))
	low := strings.ToLower(s)
	switch d {
	case 'Y':
		st.year = n
	case 'y':
		st.year = 1900 + n
		if n <= 68 {
			st.year = 2000 + n
		}
	case 'm':
		st.month = n
	case 'd':
		st.day = n
	case 'H':
		st.hour = n
	case 'I':
		st.hour, st.twelve = n%12, true
	case 'M':
		st.minute = n
	case 'S':
		st.second = n
	case 'f':
		st.us, _ = strconv.Atoi(s + strings.Repeat("0", 6-len(s)))
	case 'j':
		st.yearDay = n
	case 'p':
		st.pm, st.am = low == "pm", low == "am"
	case 'b', 'B':
		st.month = strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", low[:3])/3 + 1
	case 'a', 'A':
		st.weekday = strings.Index("montuewedthufrisatsun", low[:3]) / 3
	case 'w':
		st.weekday = (n + 6) % 7
	case 'u':
		st.weekday = n - 1
	case 'G':
		st.isoYear = n
	case 'V':
		st.isoWeek = n
	case 'U', 'W':
		st.week, st.weekFrom = n, d
	case 'z':
		off := parseOffset(s)
		st.offset = &off
	case 'Z':
		st.zone = strings.ToUpper(s)
	}
}

// parseOffset reads Z, +0900, +09:00 or +09:00:30 as seconds.
func parseOffset(s string) int {
	if s == "Z" || s == "z" {
		return 0
	}
	d := strings.NewReplacer(":", "", "+", "", "-", "").Replace(s)
	if i := strings.IndexByte(d, '.'); i >= 0 {
		d = d[:i]
	}
	d += strings.Repeat("0", max(0, 6-len(d)))
	h, _ := strconv.Atoi(d[:2])
	m, _ := strconv.Atoi(d[2:4])
	sec, _ := strconv.Atoi(d[4:6])
	n := h*3600 + m*60 + sec
	if strings.HasPrefix(s, "-") {
		n = -n
	}
	return n
}

func (st *strptimeState) finish(c *Clock) (*DateTime, error) {
	if st.twelve && st.pm {
		st.hour += 12
	}
	leapGuess := st.year < 0 && st.month == 2 && st.day == 29
	if st.year < 0 {
		st.year = 1900
	}
	switch {
	case st.yearDay > 0:
		t := time.Date(st.year, 1, st.yearDay, 0, 0, 0, 0, time.UTC)
		st.year, st.month, st.day = t.Year(), int(t.Month()), t.Day()
	case st.isoYear >= 0 && st.isoWeek > 0 && st.weekday >= 0:
		jan4 := time.Date(st.isoYear, 1, 4, 0, 0, 0, 0, time.UTC)
		monday := jan4.AddDate(0, 0, -(int(jan4.Weekday())+6)%7)
		t := monday.AddDate(0, 0, 7*(st.isoWeek-1)+st.weekday)
		st.year, st.month, st.day = t.Year(), int(t.Month()), t.Day()
	case st.week >= 0 && st.weekday >= 0:
		jan1 := time.Date(st.year, 1, 1, 0, 0, 0, 0, time.UTC)
		first, wd := (int(jan1.Weekday())+6)%7, st.weekday
		if st.weekFrom == 'U' {
			first, wd = int(jan1.Weekday()), (st.weekday+1)%7
		}
		t := jan1.AddDate(0, 0, (7-first)%7+7*(st.week-1)+wd)
		if first == 0 {
			t = jan1.AddDate(0, 0, 7*(st.week-1)+wd)
		}
		st.year, st.month, st.day = t.Year(), int(t.Month()), t.Day()
	}
	if leapGuess || st.day > daysIn(st.year, time.Month(st.month)) {
		return nil, py.ValueError("day is out of range for month")
	}
	d := &DateTime{kind: datetimeType, clock: c}
	switch {
	case st.offset != nil:
		d.zone = offsetZone(*st.offset, fixedZone)
	}
	if st.second > 59 {
		return nil, py.ValueError("second must be in 0..59")
	}
	d.t = d.in(time.Date(st.year, time.Month(st.month), st.day, st.hour, st.minute, st.second, st.us*1000, time.UTC))
	return d, nil
}

var isoForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,6})\d*)?)?)?(Z|[+-]\d\d:?\d\d(?::?\d\d)?)?)?$`)
})

// FromISO is datetime.fromisoformat.
func (c *Clock) FromISO(s string) (*DateTime, error) {
	m := isoForm().FindStringSubmatch(s)
	if m == nil {
		return nil, py.ValueError("Invalid isoformat string: %s", reprText(s))
	}
	a := make([]py.Value, 7)
	for i := range a {
		a[i] = py.Missing
		if m[i+1] != "" {
			text := m[i+1]
			if i == 6 {
				text += strings.Repeat("0", 6-len(text))
			}
			a[i], _ = strconv.Atoi(text)
		}
	}
	w, err := fields(a, []int{0, 0, 0, 0, 0, 0, 0})
	if err != nil {
		return nil, err
	}
	d := &DateTime{kind: datetimeType, clock: c}
	if m[8] != "" {
		d.zone = offsetZone(parseOffset(m[8]), fixedZone)
	}
	d.t = d.in(w)
	return d, nil
}
