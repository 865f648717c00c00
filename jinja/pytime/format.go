package pytime

import (
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// strftime is Python's strftime on Linux in the C locale, with glibc's flags - _ 0 ^ #.
func (d *DateTime) strftime(f string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b.WriteByte(f[i])
			continue
		}
		i++
		flag := byte(0)
		for i < len(f) && strings.IndexByte("-_0^#", f[i]) >= 0 {
			flag = f[i]
			i++
		}
		if i >= len(f) {
			b.WriteByte('%')
			break
		}
		if f[i] == ':' && i+1 < len(f) && f[i+1] == 'z' { // since Python 3.12
			i++
			if d.zone != nil {
				b.WriteString(offsetText(d.offset(), ":"))
			}
			continue
		}
		s, known := d.directive(f[i])
		if !known {
			b.WriteString("%" + f[i:i+1])
			continue
		}
		b.WriteString(flagged(s, flag))
	}
	return b.String(), nil
}

// flagged changes the padding or the case of what a directive gave.
func flagged(s string, flag byte) string {
	switch flag {
	case '-', '_':
		t := strings.TrimLeft(s, "0 ")
		if t == "" || t[0] < '0' || t[0] > '9' {
			if t == "" && s != "" {
				t = "0"
			} else {
				return s
			}
		}
		if flag == '-' {
			return t
		}
		return strings.Repeat(" ", len(s)-len(t)) + t
	case '0':
		t := strings.TrimLeft(s, " ")
		return strings.Repeat("0", len(s)-len(t)) + t
	case '^':
		return strings.ToUpper(s)
	case '#':
		if s == strings.ToUpper(s) {
			return strings.ToLower(s)
		}
		return strings.ToUpper(s)
	}
	return s
}

func (d *DateTime) directive(c byte) (string, bool) {
	t := d.t
	isoYear, isoWeek := t.ISOWeek()
	switch c {
	case 'Y':
		return padInt(t.Year(), 4), true
	case 'C':
		return two(t.Year() / 100), true
	case 'y':
		return two(t.Year() % 100), true
	case 'm':
		return two(int(t.Month())), true
	case 'd':
		return two(t.Day()), true
	case 'e':
		return fmt.Sprintf("%2d", t.Day()), true
	case 'j':
		return padInt(t.YearDay(), 3), true
	case 'H':
		return two(t.Hour()), true
	case 'k':
		return fmt.Sprintf("%2d", t.Hour()), true
	case 'I':
		return two((t.Hour()+11)%12 + 1), true
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1), true
	case 'M':
		return two(t.Minute()), true
	case 'S':
		return two(t.Second()), true
	case 'f':
		return padInt(t.Nanosecond()/1000, 6), true
	case 'p':
		return t.Format("PM"), true
	case 'P':
		return t.Format("pm"), true
	case 'a':
		return t.Format("Mon"), true
	case 'A':
		return t.Format("Monday"), true
	case 'b', 'h':
		return t.Format("Jan"), true
	case 'B':
		return t.Format("January"), true
	case 'u':
		return itoa(d.weekday() + 1), true
	case 'w':
		return itoa(int(t.Weekday())), true
	case 'U':
		return two((t.YearDay() + 6 - int(t.Weekday())) / 7), true
	case 'W':
		return two((t.YearDay() + 6 - d.weekday()) / 7), true
	case 'G':
		return padInt(isoYear, 4), true
	case 'g':
		return two(isoYear % 100), true
	case 'V':
		return two(isoWeek), true
	}
	return d.directive2(c)
}

func (d *DateTime) directive2(c byte) (string, bool) {
	t := d.t
	switch c {
	case 'z':
		if d.zone == nil {
			return "", true
		}
		return offsetText(d.offset(), ""), true
	case 'Z':
		s, _ := d.zoneName().(string)
		return s, true
	case 's':
		return itoa(int(wall(t).Unix())), true // as mktime, where local time is UTC
	case 'c':
		return t.Format("Mon Jan _2 15:04:05 2006"), true
	case 'x', 'D':
		return t.Format("01/02/06"), true
	case 'X', 'T':
		return t.Format("15:04:05"), true
	case 'F':
		return fmt.Sprintf("%d-%02d-%02d", t.Year(), t.Month(), t.Day()), true
	case 'R':
		return t.Format("15:04"), true
	case 'r':
		return t.Format("03:04:05 PM"), true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case '%':
		return "%", true
	}
	return "", false
}

// pendulumTokens are those of DateTime.format, longest first where one begins with another.
var pendulumTokens = []string{
	"MMMM", "MMM", "MM", "Mo", "M", "DDDD", "DDDo", "DDD", "DD", "Do", "D", "dddd", "ddd", "dd", "do", "d", "eo", "e", "EEEE", "EEE", "EE", "E",
	"wo", "w", "Wo", "W", "Qo", "Q", "YYYY", "YY", "Y", "ggggg", "gggg", "gg", "GGGGG", "GGGG", "GG", "a", "A", "hh", "h", "HH", "H", "kk", "k",
	"mm", "m", "ss", "s", "SSSSSSSSS", "SSSSSSSS", "SSSSSSS", "SSSSSS", "SSSSS", "SSSS", "SSS", "SS", "S", "x", "X", "zz", "z", "ZZ", "Z",
	"LTS", "LT", "LLLL", "LLL", "LL", "L",
}

// tokens is pendulum's own format language.
func (d *DateTime) tokens(f string) string {
	var b strings.Builder
	for f != "" {
		if f[0] == '[' {
			if i := strings.IndexByte(f[1:], ']'); i >= 0 && !strings.Contains(f[1:1+i], "[") {
				b.WriteString(f[1 : 1+i])
				f = f[i+2:]
				continue
			}
		}
		if f[0] == '\\' && len(f) > 1 {
			b.WriteByte(f[1])
			f = f[2:]
			continue
		}
		tok := ""
		for _, t := range pendulumTokens {
			if strings.HasPrefix(f, t) {
				tok = t
				break
			}
		}
		if tok == "" {
			b.WriteByte(f[0])
			f = f[1:]
			continue
		}
		b.WriteString(d.token(tok))
		f = f[len(tok):]
	}
	return b.String()
}

func ordinalText(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return itoa(n) + suffix
}

func (d *DateTime) token(tok string) string { //nolint:funlen // a case a token
	t := d.t
	if layout, ok := map[string]string{
		"LTS": "h:mm:ss A", "LT": "h:mm A", "L": "MM/DD/YYYY", "LL": "MMMM D, YYYY", "LLL": "MMMM D, YYYY h:mm A", "LLLL": "dddd, MMMM D, YYYY h:mm A",
	}[tok]; ok {
		return d.tokens(layout)
	}
	if layout, ok := map[string]string{
		"MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "DD": "02", "D": "2", "dddd": "Monday", "ddd": "Mon", "HH": "15", "hh": "03", "h": "3",
		"mm": "04", "m": "4", "ss": "05", "s": "5", "A": "PM",
	}[tok]; ok {
		return t.Format(layout)
	}
	wd := d.weekday()
	switch tok {
	case "YYYY":
		return padInt(t.Year(), 4)
	case "YY":
		return two(t.Year() % 100)
	case "Y":
		return itoa(t.Year())
	case "Q":
		return itoa((int(t.Month())-1)/3 + 1)
	case "Qo":
		return ordinalText((int(t.Month())-1)/3 + 1)
	case "Mo":
		return ordinalText(int(t.Month()))
	case "DDDD":
		return padInt(t.YearDay(), 3)
	case "DDD":
		return itoa(t.YearDay())
	case "DDDo":
		return ordinalText(t.YearDay())
	case "Do":
		return ordinalText(t.Day())
	case "dd":
		return t.Format("Monday")[:2]
	case "d", "E", "e": // Thursday is 4 in all three
		return itoa(map[string]int{"d": int(t.Weekday()), "E": wd + 1, "e": (wd + 1) % 7}[tok])
	case "do":
		return ordinalText(int(t.Weekday()))
	case "eo":
		return ordinalText(int(t.Weekday()) + 1)
	case "wo":
		_, w := t.ISOWeek()
		return ordinalText(w)
	case "H":
		return itoa(t.Hour())
	case "X":
		return itoa(int(t.Unix()))
	case "x":
		return itoa(int(t.UnixMilli()))
	case "Z":
		return offsetText(d.offset(), ":")
	case "ZZ":
		return offsetText(d.offset(), "")
	case "zz":
		s, _ := d.zoneName().(string)
		return s
	case "z":
		if d.zone == nil {
			return ""
		}
		return d.zone.name
	}
	if tok[0] == 'S' && len(tok) <= 6 {
		return padInt(t.Nanosecond()/1000, 6)[:len(tok)]
	}
	return tok
}

// DatetimeClass is the class datetime.datetime.
func (c *Clock) DatetimeClass() *py.Type {
	fn := func(name string, do func(th *py.Thread, a []py.Value) (py.Value, error), params ...string) *py.Func {
		return &py.Func{Name: name, Native: true, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
			args, err := py.Bind(name, a, params...)
			if err != nil {
				return nil, err
			}
			return do(th, args)
		}}
	}
	naive := func(t time.Time) *DateTime { return &DateTime{t: micro(t), kind: datetimeType, clock: c} }
	return &py.Type{Module: "datetime", Name: "datetime", Static: true, New: c.newDatetime, Attrs: map[string]py.Value{
		"min":        naive(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)),
		"max":        naive(time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)),
		"resolution": timedelta(1),
		"strptime": fn("strptime", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			s, ok1 := py.IsString(a[0])
			f, ok2 := py.IsString(a[1])
			if !ok1 {
				return nil, py.TypeError("strptime() argument 1 must be str, not %s", py.TypeOf(a[0]).Name)
			}
			if !ok2 {
				return nil, py.TypeError("strptime() argument 2 must be str, not %s", py.TypeOf(a[1]).Name)
			}
			return c.Strptime(s, f)
		}, "date_string", "format"),
		"fromisoformat": fn("fromisoformat", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			s, ok := py.IsString(a[0])
			if !ok {
				return nil, py.TypeError("fromisoformat: argument must be str")
			}
			return c.FromISO(s)
		}, "date_string"),
		"now": fn("now", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			now, err := c.now()
			if err != nil {
				return nil, err
			}
			z, ok := py.Or(a[0], nil).(*Zone)
			if !ok {
				return naive(now.UTC()), nil
			}
			return &DateTime{t: micro(now.In(z.loc)), zone: z, kind: datetimeType, clock: c}, nil
		}, "tz?"),
		"utcnow": fn("utcnow", func(*py.Thread, []py.Value) (py.Value, error) { now, err := c.now(); return naive(now.UTC()), err }),
		"today":  fn("today", func(*py.Thread, []py.Value) (py.Value, error) { now, err := c.now(); return naive(now.UTC()), err }),
		"fromtimestamp": fn("fromtimestamp", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			return c.fromTimestamp(a[0], py.Or(a[1], nil))
		}, "timestamp", "tz?"),
		"utcfromtimestamp": fn("utcfromtimestamp", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			return c.fromTimestamp(a[0], nil)
		}, "timestamp"),
		"combine": fn("combine", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			d, ok1 := a[0].(*Date)
			t, ok2 := a[1].(*Time)
			if !ok1 || !ok2 {
				return nil, py.TypeError("combine() needs a date and a time")
			}
			return naive(d.t.Add(time.Duration(t.sinceMidnight()) * time.Microsecond)), nil
		}, "date", "time"),
	}}
}

func (c *Clock) newDatetime(_ *py.Thread, a py.Args) (py.Value, error) {
	args, err := py.Bind("datetime", a, "year", "month", "day", "hour?", "minute?", "second?", "microsecond?", "tzinfo?", "*", "fold?")
	if err != nil {
		return nil, err
	}
	w, err := fields(args, []int{0, 0, 0, 0, 0, 0, 0})
	if err != nil {
		return nil, err
	}
	d := &DateTime{kind: datetimeType, clock: c}
	if z, ok := py.Or(args[7], nil).(*Zone); ok {
		d.zone = z
	}
	d.t = d.in(w)
	return d, nil
}

func (c *Clock) fromTimestamp(v, zone py.Value) (py.Value, error) {
	f, ok := py.AsFloat(v)
	if !ok {
		return nil, py.TypeError("'%s' object cannot be interpreted as an integer", py.TypeOf(v).Name)
	}
	if f > 253402300799 || f < -62135596800 {
		return nil, py.ValueError("year is out of range")
	}
	t := time.UnixMicro(int64(f * 1e6)).UTC()
	d := &DateTime{t: t, kind: datetimeType, clock: c}
	if z, ok := zone.(*Zone); ok {
		d.zone, d.t = z, t.In(z.loc)
	}
	return d, nil
}
