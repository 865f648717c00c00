package pytime

import (
	"strconv"
	"time"
)

// between splits the time from a to b into calendar units.
func between(a, b *DateTime) parts {
	sign := int64(1)
	x, y := a.t, b.t
	if y.Before(x) {
		sign, x, y = -1, y, x
	}
	if a.zone != nil && b.zone != nil && a.zone.name != b.zone.name {
		x, y = x.UTC(), y.UTC()
	}
	months := (y.Year()-x.Year())*12 + int(y.Month()-x.Month())
	from := func(n int) time.Time { return addMonths(x, n) }
	for months > 0 && from(months).After(y) {
		months--
	}
	rest := wall(y).Sub(wall(from(months)))
	us := rest.Microseconds()
	days := us / day
	return parts{
		sign * int64(months/12), sign * int64(months%12), sign * (days / 7), sign * (days % 7),
		sign * (us / hour % 24), sign * (us / minute % 60), sign * (us / second % 60), sign * (us % second),
	}
}

// wall forgets the zone, so that differences are those of the clock on the wall.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// addMonths keeps the day of the month, or takes the last one.
func addMonths(t time.Time, n int) time.Time {
	m := t.Year()*12 + int(t.Month()) - 1 + n
	y, mo := m/12, time.Month(m%12+1)
	d := min(t.Day(), daysIn(y, mo))
	return time.Date(y, mo, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
}

func daysIn(y int, m time.Month) int { return time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day() }

func itoa(n int) string { return strconv.Itoa(n) }

func padInt(n, width int) string {
	s := strconv.Itoa(n)
	for len(s) < width {
		s = "0" + s
	}
	return s
}
