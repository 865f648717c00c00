package pytime

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

var (
	dateWord  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\d+(?:\.\d+)?|[A-Za-z]+|\s+|.`) })
	clockPart = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*([ap]\.?m\.?)?|(\d{1,2})\s*([ap]\.?m\.?)\b`)
	})
	zonePart = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(?:^|[\s\d])(Z|UTC|GMT)\b|\s*([+-]\d\d(?::?\d\d)?)$`)
	})
	compact = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?)?$`) })
)

// ParseAny is dateutil.parser.parse for dates in digits and English. Absent parts are today's. Two numbers
// that could be month or day are month first, unless dayFirst.
func (c *Clock) ParseAny(s string, dayFirst, yearFirst bool) (*DateTime, error) {
	bad := py.Errorf("dateutil.parser._parser.ParserError", "Unknown string format: %s", s)
	st := strptimeState{year: -1, month: -1, day: -1, weekday: -1}
	text := strings.TrimSpace(s)
	if text == "" {
		return nil, py.Errorf("dateutil.parser._parser.ParserError", "String does not contain a date: %s", s)
	}
	zone := (*Zone)(nil)
	if m := compact().FindStringSubmatch(text); m != nil {
		text = m[1] + "-" + m[2] + "-" + m[3]
		if m[4] != "" {
			text += " " + m[4] + ":" + m[5]
			if m[6] != "" {
				text += ":" + m[6]
			}
		}
	}
	hasClock := clockPart().MatchString(text)
	if m := zonePart().FindStringSubmatchIndex(text); m != nil && hasClock {
		zone = zoneOf(text, m)
		start := m[2]
		if start < 0 {
			start = m[4]
		}
		text = strings.TrimSpace(text[:start] + " " + text[m[1]:])
	}
	if m := clockPart().FindStringSubmatchIndex(text); m != nil {
		if !st.clock(clockPart().FindStringSubmatch(text)) {
			return nil, bad
		}
		text = strings.TrimRight(text[:m[0]], "T ") + " " + text[m[1]:]
	}
	if !st.date(text, dayFirst, yearFirst) {
		return nil, bad
	}
	return st.complete(c, zone, bad)
}

func zoneOf(text string, m []int) *Zone {
	if m[2] >= 0 {
		return &Zone{loc: time.UTC, name: "UTC", kind: dateutilUTC}
	}
	off := parseOffset(text[m[4]:m[5]])
	if off == 0 {
		return &Zone{loc: time.UTC, name: "UTC", kind: dateutilUTC}
	}
	return offsetZone(off, dateutilOff)
}

func (st *strptimeState) clock(m []string) bool {
	h, mi, half := m[1], m[2], strings.ToLower(m[5])
	if h == "" {
		h, mi, half = m[6], "0", strings.ToLower(m[7])
	}
	st.hour, _ = strconv.Atoi(h)
	st.minute, _ = strconv.Atoi(mi)
	st.second, _ = strconv.Atoi("0" + m[3])
	if m[4] != "" {
		st.us, _ = strconv.Atoi((m[4] + "000000")[:6])
	}
	if half != "" {
		if st.hour < 1 || st.hour > 12 {
			return false
		}
		st.hour %= 12
		if half[0] == 'p' {
			st.hour += 12
		}
	}
	return st.hour < 24 && st.minute < 60 && st.second < 60
}

// date reads the words of a date.
func (st *strptimeState) date(text string, dayFirst, yearFirst bool) bool {
	var nums []string
	monthAt := -1
	for _, w := range dateWord().FindAllString(text, -1) {
		low := strings.ToLower(w)
		switch c := w[0]; {
		case c >= '0' && c <= '9':
			if strings.Contains(w, ".") { // 05.01.2023
				nums = append(nums, strings.Split(w, ".")...)
				continue
			}
			nums = append(nums, w)
		case len(low) >= 3 && monthIndex(low) > 0:
			if st.month > 0 {
				return false
			}
			st.month, monthAt = monthIndex(low), len(nums)
		case len(low) >= 3 && weekdayIndex(low) >= 0:
			st.weekday = weekdayIndex(low)
		case strings.TrimSpace(w) == "" || strings.Contains(",-/.", w):
		case low == "st" || low == "nd" || low == "rd" || low == "th" || low == "t" || low == "of" || low == "at" || low == "and" || low == "on":
		default:
			return false
		}
	}
	return st.numbers(nums, monthAt, dayFirst, yearFirst)
}

func monthIndex(s string) int {
	for m := time.January; m <= time.December; m++ {
		name := strings.ToLower(m.String())
		if s == name || s == name[:3] || m == time.September && s == "sept" {
			return int(m)
		}
	}
	return 0
}

func weekdayIndex(s string) int {
	for i := range 7 {
		name := strings.ToLower(weekdayName(i))
		if s == name || s == name[:3] {
			return i
		}
	}
	return -1
}

func year4(s string) int {
	n, _ := strconv.Atoi(s)
	if len(s) <= 2 {
		if n < 69 {
			return 2000 + n
		}
		return 1900 + n
	}
	return n
}

// numbers decides which number is the year, the month and the day: the rules of dateutil,
// in its order.
func (st *strptimeState) numbers(nums []string, monthAt int, dayFirst, yearFirst bool) bool {
	val := make([]int, len(nums))
	for i, s := range nums {
		n, err := strconv.Atoi(s)
		if err != nil || len(s) > 4 {
			return false
		}
		val[i] = n
	}
	isYear := func(i int) bool { return len(nums[i]) > 2 || val[i] > 31 }
	switch {
	case len(nums) == 0:
	case len(nums) == 1 && isYear(0):
		st.year = year4(nums[0])
	case len(nums) == 1:
		st.day = val[0]
	case monthAt >= 0 && len(nums) == 2:
		y, d := 1, 0
		if isYear(0) || yearFirst {
			y, d = 0, 1
		}
		st.year, st.day = year4(nums[y]), val[d]
	case monthAt >= 0:
		return false
	case len(nums) == 2 && isYear(0):
		st.year, st.month = year4(nums[0]), val[1]
	case len(nums) == 2 && isYear(1):
		st.month, st.year = val[0], year4(nums[1])
	case len(nums) == 2 && (val[0] > 12 || dayFirst):
		st.day, st.month = val[0], val[1]
	case len(nums) == 2:
		st.month, st.day = val[0], val[1]
	case len(nums) > 3:
		return false
	case isYear(0) || yearFirst:
		st.year, st.month, st.day = year4(nums[0]), val[1], val[2]
		if st.month > 12 {
			st.month, st.day = st.day, st.month
		}
	case val[0] > 12 || dayFirst && val[1] <= 12:
		st.day, st.month, st.year = val[0], val[1], year4(nums[2])
	default:
		st.month, st.day, st.year = val[0], val[1], year4(nums[2])
	}
	return true
}

func (st *strptimeState) complete(c *Clock, zone *Zone, bad error) (*DateTime, error) {
	if st.year < 0 || st.month < 0 || st.day < 0 {
		now, err := c.now()
		if err != nil {
			return nil, err
		}
		day := st.day
		if st.year < 0 {
			st.year = now.Year()
		}
		if st.month < 0 {
			st.month = int(now.Month())
		}
		if st.month < 1 || st.month > 12 {
			return nil, bad
		}
		if day < 0 {
			st.day = min(now.Day(), daysIn(st.year, time.Month(st.month)))
		}
		if day < 0 && st.weekday >= 0 {
			t := toWeekday(time.Date(st.year, time.Month(st.month), st.day, 0, 0, 0, 0, time.UTC), st.weekday, 1)
			st.year, st.month, st.day = t.Year(), int(t.Month()), t.Day()
		}
	}
	if st.year < 1 || st.month < 1 || st.month > 12 || st.day < 1 || st.day > daysIn(st.year, time.Month(st.month)) {
		return nil, bad
	}
	d := &DateTime{kind: datetimeType, clock: c, zone: zone}
	d.t = d.in(time.Date(st.year, time.Month(st.month), st.day, st.hour, st.minute, st.second, st.us*1000, time.UTC))
	return d, nil
}
