package dag

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Delta is a length of time: a fixed one (Python's timedelta) or a calendar one
// (dateutil's relativedelta).
type Delta struct {
	// Fixed counts when Relative is nil. Fractions of a microsecond are ignored, as
	// Python has none.
	Fixed    time.Duration  `json:"fixed,omitempty"`
	Relative *DeltaRelative `json:"relative,omitempty"`
}

// DeltaRelative is a relativedelta: plural fields are added, singular ones (nil when
// absent) replace, and Weekday moves the result to such a day.
type DeltaRelative struct {
	Years        int   `json:"years,omitempty"`
	Months       int   `json:"months,omitempty"`
	Days         int   `json:"days,omitempty"`
	Hours        int   `json:"hours,omitempty"`
	Minutes      int   `json:"minutes,omitempty"`
	Seconds      int   `json:"seconds,omitempty"`
	Microseconds int64 `json:"microseconds,omitempty"`
	// LeapDays are added after February of a leap year.
	LeapDays int `json:"leapdays,omitempty"`

	Year        *int          `json:"year,omitempty"`
	Month       *int          `json:"month,omitempty"`
	Day         *int          `json:"day,omitempty"`
	Hour        *int          `json:"hour,omitempty"`
	Minute      *int          `json:"minute,omitempty"`
	Second      *int          `json:"second,omitempty"`
	Microsecond *int          `json:"microsecond,omitempty"`
	Weekday     *DeltaWeekday `json:"weekday,omitempty"`
}

// DeltaWeekday is relativedelta's weekday: MO is {0, 0}, FR(-1) is {4, -1}.
type DeltaWeekday struct {
	// Day counts from Monday, 0.
	Day int `json:"day"`
	// Nth is 0 when not said, which means 1: the first such day, counted from the
	// date itself; negative ones count backwards.
	Nth int `json:"nth,omitempty"`
}

// DeltaTimedelta builds a fixed Delta from the keyword arguments of datetime.timedelta:
// integers, floats or json.Number. Errors name the argument.
func DeltaTimedelta(kwargs map[string]any) (Delta, error) {
	units := map[string]int64{
		"weeks": 7 * 86400e6, "days": 86400e6, "hours": 3600e6, "minutes": 60e6,
		"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1,
	}
	total := new(big.Rat)
	for name, v := range kwargs {
		unit, ok := units[name]
		if !ok {
			return Delta{}, fmt.Errorf("timedelta has no argument %q: use weeks, days, hours, minutes, seconds, milliseconds or microseconds", name)
		}
		r, err := deltaNumber("timedelta", name, v)
		if err != nil {
			return Delta{}, err
		}
		total.Add(total, r.Mul(r, new(big.Rat).SetInt64(unit)))
	}
	us := deltaRound(total)
	if !us.IsInt64() || us.Int64() > math.MaxInt64/1000 || us.Int64() < math.MinInt64/1000 {
		return Delta{}, errors.New("timedelta is too long: at most 292 years")
	}
	return Delta{Fixed: time.Duration(us.Int64()) * time.Microsecond}, nil
}

// DeltaRelativedelta builds a calendar Delta from the keyword arguments of dateutil's
// relativedelta. weekday is a number (0 is Monday), a name ("FR", "MO(+1)"), or a list
// of number and nth. Errors name the argument.
func DeltaRelativedelta(kwargs map[string]any) (Delta, error) {
	var r DeltaRelative
	fraction := new(big.Rat) // microseconds, of fractional days to seconds
	for name, v := range kwargs {
		if name == "weekday" {
			w, err := deltaWeekday(v)
			if err != nil {
				return Delta{}, err
			}
			r.Weekday = w
			continue
		}
		x, err := deltaNumber("relativedelta", name, v)
		if err != nil {
			return Delta{}, err
		}
		if err := r.set(name, x, fraction); err != nil {
			return Delta{}, err
		}
	}
	us := deltaRound(fraction)
	if !us.IsInt64() {
		return Delta{}, errors.New("relativedelta is too long")
	}
	r.Microseconds += us.Int64()
	r.normalize()
	return Delta{Relative: &r}, nil
}

// deltaMax bounds every argument: beyond it, no date could hold the result.
const deltaMax = 400_000_000_000

func (r *DeltaRelative) set(name string, x, fraction *big.Rat) error {
	day := int64(86400e6)
	plural := map[string]struct {
		to   *int
		unit int64
	}{
		"years": {&r.Years, 0}, "months": {&r.Months, 0}, "leapdays": {&r.LeapDays, 0}, "weeks": {nil, 7 * day}, "days": {&r.Days, day},
		"hours": {&r.Hours, 3600e6}, "minutes": {&r.Minutes, 60e6}, "seconds": {&r.Seconds, 1e6}, "microseconds": {nil, 1},
	}
	singular := map[string]**int{
		"year": &r.Year, "month": &r.Month, "day": &r.Day, "hour": &r.Hour, "minute": &r.Minute, "second": &r.Second, "microsecond": &r.Microsecond,
	}
	whole := new(big.Int).Quo(x.Num(), x.Denom()).Int64()
	if p, ok := plural[name]; ok {
		rest := new(big.Rat).Sub(x, new(big.Rat).SetInt64(whole))
		if rest.Sign() != 0 && p.unit == 0 {
			return fmt.Errorf("relativedelta: %s must be a whole number", name)
		}
		fraction.Add(fraction, rest.Mul(rest, new(big.Rat).SetInt64(p.unit)))
		switch name {
		case "weeks":
			r.Days += 7 * int(whole)
		case "microseconds":
			r.Microseconds += whole
		default:
			*p.to += int(whole)
		}
		return nil
	}
	p, ok := singular[name]
	if !ok {
		return fmt.Errorf("relativedelta has no argument %q: use years, months, weeks, days, leapdays, hours, minutes, seconds, microseconds, their singulars, or weekday", name)
	}
	if !x.IsInt() {
		return fmt.Errorf("relativedelta: %s must be a whole number", name)
	}
	n := int(whole)
	if name == "month" && (n < 1 || n > 12) {
		return fmt.Errorf("relativedelta: month is %d, must be in 1-12", n)
	}
	*p = &n
	return nil
}

// normalize carries 90 minutes to 1 hour 30, as relativedelta does; days are never
// carried to months.
func (r *DeltaRelative) normalize() {
	carry := func(low int64, base int64, high *int) int64 {
		*high += int(low / base)
		return low % base
	}
	r.Microseconds = carry(r.Microseconds, 1e6, &r.Seconds)
	r.Seconds = int(carry(int64(r.Seconds), 60, &r.Minutes))
	r.Minutes = int(carry(int64(r.Minutes), 60, &r.Hours))
	r.Hours = int(carry(int64(r.Hours), 24, &r.Days))
	r.Months = int(carry(int64(r.Months), 12, &r.Years))
}

func deltaNumber(class, name string, v any) (*big.Rat, error) {
	r := new(big.Rat)
	switch v := v.(type) {
	case int:
		r.SetInt64(int64(v))
	case int64:
		r.SetInt64(v)
	case uint64:
		r.SetUint64(v)
	case float64:
		if r.SetFloat64(v) == nil {
			return nil, fmt.Errorf("%s: %s is not a finite number", class, name)
		}
	case json.Number:
		// Python reads a number with a point or an exponent as a binary float first.
		if n, err := v.Int64(); err == nil {
			r.SetInt64(n)
			break
		}
		f, err := v.Float64()
		if err != nil || r.SetFloat64(f) == nil {
			return nil, fmt.Errorf("%s: %s is %s, not a number", class, name, v)
		}
	default:
		return nil, fmt.Errorf("%s: %s is %T %v, must be a number", class, name, v, v)
	}
	limit := int64(deltaMax)
	if name == "microseconds" || name == "milliseconds" {
		limit = math.MaxInt64
	}
	if new(big.Rat).Abs(r).Cmp(new(big.Rat).SetInt64(limit)) > 0 {
		return nil, fmt.Errorf("%s: %s is out of range", class, name)
	}
	return r, nil
}

// deltaRound rounds half to even, as timedelta does.
func deltaRound(r *big.Rat) *big.Int {
	twice := new(big.Int).Lsh(r.Num(), 1)
	twice.Add(twice, r.Denom())
	div := new(big.Int).Lsh(r.Denom(), 1)
	q, rest := new(big.Int).DivMod(twice, div, new(big.Int))
	if rest.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

var deltaWeekdayText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(MO|TU|WE|TH|FR|SA|SU)(?:\(([+-]?\d{1,4})\))?$`) })

func deltaWeekday(v any) (*DeltaWeekday, error) {
	fault := fmt.Errorf("relativedelta: weekday is %v: use a number from 0 (Monday) to 6, or a name such as FR or MO(+1)", v)
	var w DeltaWeekday
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		m := deltaWeekdayText().FindStringSubmatch(strings.ToUpper(v))
		if m == nil {
			return nil, fault
		}
		w.Day = slices.Index([]string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}, m[1])
		if m[2] != "" {
			w.Nth, _ = strconv.Atoi(m[2])
			if w.Nth == 0 {
				return nil, fault
			}
		}
		return &w, nil
	case []any:
		if len(v) < 1 || len(v) > 2 {
			return nil, fault
		}
		parts := [2]int{}
		for i, e := range v {
			n, err := deltaNumber("relativedelta", "weekday", e)
			if err != nil || !n.IsInt() {
				return nil, fault
			}
			parts[i] = int(n.Num().Int64())
		}
		w.Day, w.Nth = parts[0], parts[1]
		if len(v) == 2 && w.Nth == 0 {
			return nil, fault
		}
	default:
		n, err := deltaNumber("relativedelta", "weekday", v)
		if err != nil || !n.IsInt() {
			return nil, fault
		}
		w.Day = int(n.Num().Int64())
	}
	if w.Day < 0 || w.Day > 6 || w.Nth > 9999 || w.Nth < -9999 {
		return nil, fault
	}
	return &w, nil
}
