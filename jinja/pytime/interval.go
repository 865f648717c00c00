package pytime

import "time"

// span is how far b is from a in the units of the calendar, and in days as dates count them.
type span struct {
	parts
	days int64
}

// preciseDiff is pendulum's algorithm: the clock on the wall, unless the zones differ or the day is the same.
// What is missing to a month is counted in days of the month before the later date's.
func preciseDiff(a, b *DateTime) span {
	sign := int64(1)
	if b.t.Before(a.t) {
		sign, a, b = -1, b, a
	}
	x, y := wall(a.t), wall(b.t)
	total := dayNumber(y) - dayNumber(x)
	same := a.zone != nil && b.zone != nil && a.zone.name == b.zone.name
	if a.zone != nil && b.zone != nil && (!same || total == 0) {
		x, y = wall(a.t.UTC()), wall(b.t.UTC())
	}
	clock := y.Sub(midnight(y)) - x.Sub(midnight(x))
	days := int64(y.Day() - x.Day())
	if clock < 0 {
		clock += 24 * time.Hour
		days--
	}
	months := int64(y.Year()-x.Year())*12 + int64(y.Month()-x.Month())
	if days < 0 {
		last, this := int64(daysIn(y.Year(), y.Month()-1)), int64(daysIn(y.Year(), y.Month()))
		switch {
		case days < this-last && last < int64(x.Day()):
			days += int64(x.Day())
		case days == this-last:
			days = 0
			months++
		default:
			days += last
		}
		months--
	}
	us := clock.Microseconds()
	return span{parts{
		sign * (months / 12), sign * (months % 12), sign * (days / 7), sign * (days % 7),
		sign * (us / hour), sign * (us / minute % 60), sign * (us / second % 60), sign * (us % second),
	}, sign * total}
}

func dayNumber(t time.Time) int64 { return midnight(t).Unix() / 86400 }
