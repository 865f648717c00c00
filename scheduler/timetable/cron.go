package timetable

import (
	"fmt"
	"math/bits"
)

// maxYears is how far from its start a search looks for a match, as in Airflow: an
// expression that matches less often counts as one that never does.
const maxYears = 50

const (
	firstYear = 1970 // of the year field
	lastYear  = 2099
)

// cron is a compiled cron expression. All searches work on naive local time, given
// as seconds since 1970-01-01T00:00:00 of that local time.
type cron struct {
	// text is the expression as Airflow keeps it: its six presets expanded.
	text string

	seconds, minutes uint64 // bit n is value n
	hours            uint32
	days             uint32 // bits 1 to 31
	months           uint16 // bits 1 to 12
	weekdays         uint8  // bit 0 is Sunday
	years            [3]uint64

	// lastDay is L in the day field; nearest is n of nW there, or 0.
	lastDay bool
	nearest int
	// nth are bit sets of 1 to 5 for each weekday (FRI#2); bit 6 is the last one (L5).
	// hasNth says that one of them is set.
	nth    [7]uint8
	hasNth bool

	anyDay, anyWeekday, anyYear bool
	// also is a second expression whose ticks count as well; see split.
	also *cron
	// everyHour says that the hour field is * in effect, which changes how a result
	// becomes an instant (see zone.after).
	everyHour bool
}

// split follows Airflow in what the day fields mean when both are restricted. Either
// of them is enough then, but FRI#2 and 15W hold on both sides of that "or": they are
// two expressions, and when one of them never matches the whole does not.
func (c *cron) split() {
	if c.anyDay || c.anyWeekday || !c.hasNth && c.nearest == 0 {
		return
	}
	byWeekday := *c
	byWeekday.anyDay = true
	c.anyWeekday, c.also = true, &byWeekday
}

// next returns the first match after t (t itself excluded).
func (c *cron) next(t int64) (int64, error) {
	at, err := c.searchNext(t + 1)
	if err != nil || c.also == nil {
		return at, err
	}
	other, err := c.also.searchNext(t + 1)
	return min(at, other), err
}

// prev returns the last match before t (t itself excluded).
func (c *cron) prev(t int64) (int64, error) {
	at, err := c.searchPrev(t - 1)
	if err != nil || c.also == nil {
		return at, err
	}
	other, err := c.also.searchPrev(t - 1)
	return max(at, other), err
}

// searchNext returns the first match at t or later.
func (c *cron) searchNext(t int64) (int64, error) {
	y, m, d := civil(floorDiv(t, 86400))
	limit := min(y+maxYears, 9999)
	rest := int(t - floorDiv(t, 86400)*86400)
	for fresh := false; y <= limit; y, m, d = y+1, 1, 1 {
		if !c.hasYear(y) {
			fresh = true
			continue
		}
		for ; m <= 12; m, d = m+1, 1 {
			if c.months>>m&1 == 0 {
				fresh = true
				continue
			}
			for mask := c.dayMask(y, m) >> d << d; mask != 0; mask &= mask - 1 {
				day := bits.TrailingZeros32(mask)
				from := rest
				if fresh || day > d {
					from = 0
				}
				if s, ok := c.timeFrom(from); ok {
					return dayNumber(y, m, day)*86400 + int64(s), nil
				}
			}
			fresh = true
		}
	}
	return 0, c.noMatch("after")
}

// searchPrev returns the last match at t or earlier.
func (c *cron) searchPrev(t int64) (int64, error) {
	y, m, d := civil(floorDiv(t, 86400))
	limit := max(y-maxYears, 1)
	rest := int(t - floorDiv(t, 86400)*86400)
	for fresh := false; y >= limit; y, m, d = y-1, 12, 31 {
		if !c.hasYear(y) {
			fresh = true
			continue
		}
		for ; m >= 1; m, d = m-1, 31 {
			if c.months>>m&1 == 0 {
				fresh = true
				continue
			}
			for mask := c.dayMask(y, m) & (1<<(d+1) - 1); mask != 0; {
				day := 31 - bits.LeadingZeros32(mask)
				mask &^= 1 << day
				until := rest
				if fresh || day < d {
					until = 86399
				}
				if s, ok := c.timeUntil(until); ok {
					return dayNumber(y, m, day)*86400 + int64(s), nil
				}
			}
			fresh = true
		}
	}
	return 0, c.noMatch("before")
}

func (c *cron) noMatch(direction string) error {
	return &NoMatchError{Expression: c.text, direction: direction}
}

// NoMatchError says that an expression is valid, but has no tick within 50 years.
type NoMatchError struct {
	Expression string
	direction  string
}

func (e *NoMatchError) Error() string {
	return fmt.Sprintf("cron expression %q has no tick within %d years %s this time: check its day, month and year fields", e.Expression, maxYears, e.direction)
}

func (c *cron) hasYear(y int) bool {
	if c.anyYear {
		return true
	}
	n := y - firstYear
	return n >= 0 && y <= lastYear && c.years[n/64]>>(n%64)&1 == 1
}

// timeFrom returns the first matching second of the day from second s on.
func (c *cron) timeFrom(s int) (int, bool) {
	h, m, sec := s/3600, s/60%60, s%60
	if c.hours>>h&1 == 1 {
		if c.minutes>>m&1 == 1 {
			if left := c.seconds >> sec << sec; left != 0 {
				return h*3600 + m*60 + bits.TrailingZeros64(left), true
			}
		}
		if left := c.minutes >> (m + 1) << (m + 1); left != 0 {
			return h*3600 + bits.TrailingZeros64(left)*60 + bits.TrailingZeros64(c.seconds), true
		}
	}
	left := c.hours >> (h + 1) << (h + 1)
	if left == 0 {
		return 0, false
	}
	return bits.TrailingZeros32(left)*3600 + bits.TrailingZeros64(c.minutes)*60 + bits.TrailingZeros64(c.seconds), true
}

// timeUntil returns the last matching second of the day up to second s.
func (c *cron) timeUntil(s int) (int, bool) {
	h, m, sec := s/3600, s/60%60, s%60
	high := func(x uint64) int { return 63 - bits.LeadingZeros64(x) }
	if c.hours>>h&1 == 1 {
		if c.minutes>>m&1 == 1 {
			if left := c.seconds & (1<<(sec+1) - 1); left != 0 {
				return h*3600 + m*60 + high(left), true
			}
		}
		if left := c.minutes & (1<<m - 1); left != 0 {
			return h*3600 + high(left)*60 + high(c.seconds), true
		}
	}
	left := c.hours & (1<<h - 1)
	if left == 0 {
		return 0, false
	}
	return high(uint64(left))*3600 + high(c.minutes)*60 + high(c.seconds), true
}

// dayMask returns the matching days of a month as bits 1 to 31.
func (c *cron) dayMask(y, m int) uint32 {
	length := daysIn(y, m)
	all := uint32(1)<<(length+1) - 2
	if c.anyDay && c.anyWeekday && !c.hasNth && c.nearest == 0 {
		return all
	}
	first := weekday(dayNumber(y, m, 1))
	days, weekdays := c.monthDays(first, length), c.weekdayMask(first)
	if c.hasNth {
		weekdays = c.nthMask(first, length)
	}
	if !c.anyDay && !c.anyWeekday {
		return (days | weekdays) & all
	}
	return days & weekdays & all
}

// weekdayMask returns the days that fall on the weekdays of the expression; first is
// the weekday of day 1.
func (c *cron) weekdayMask(first int) uint32 {
	if c.anyWeekday {
		return 1<<32 - 2
	}
	week := uint64(c.weekdays)
	week = (week>>first | week<<(7-first)) & 127
	week |= week<<7 | week<<14 | week<<21 | week<<28
	return uint32(week << 1)
}

func (c *cron) nthMask(first, length int) uint32 {
	var mask uint32
	for wd, set := range c.nth {
		day := 1 + (wd-first+7)%7
		for n := 1; day <= length; n, day = n+1, day+7 {
			if set>>n&1 == 1 || set>>6 == 1 && day+7 > length {
				mask |= 1 << day
			}
		}
	}
	return mask
}

// monthDays returns the days that the day field alone asks for.
func (c *cron) monthDays(first, length int) uint32 {
	switch {
	case c.nearest > 0:
		return 1 << nearestWeekday(c.nearest, first, length)
	case c.anyDay:
		return 1<<32 - 2
	case c.lastDay:
		return c.days | 1<<length
	}
	return c.days
}

// nearestWeekday is the working day nearest to a day of a month, within that month; a
// day that the month does not have means its last.
func nearestWeekday(day, first, length int) int {
	day = min(day, length)
	switch (first + day - 1) % 7 {
	case 6: // Saturday
		if day == 1 {
			return 3
		}
		return day - 1
	case 0: // Sunday
		if day == length {
			return day - 2
		}
		return day + 1
	}
	return day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func isLeap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func daysIn(y, m int) int {
	if m == 2 {
		if isLeap(y) {
			return 29
		}
		return 28
	}
	return 30 + (m+m>>3)&1
}

// weekday of a day number; Sunday is 0.
func weekday(day int64) int {
	return int((day%7 + 11) % 7) // 1970-01-01 was a Thursday
}

// dayNumber counts the days from 1970-01-01 in the Gregorian calendar. The year is
// taken to begin in March, so that a leap day is its last.
func dayNumber(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := int(floorDiv(int64(y), 400))
	ofEra := y - era*400
	ofYear := (153*(m-3)+2)/5 + d - 1
	return int64(era)*146097 + int64(ofEra*365+ofEra/4-ofEra/100+ofYear) - 719468
}

// civil is the inverse of dayNumber.
func civil(day int64) (y, m, d int) {
	day += 719468
	era := floorDiv(day, 146097)
	doe := int(day - era*146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	y = yoe + int(era)*400
	if m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}
