package template

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// dsFormatLocale is macros.ds_format_locale: a date by a pattern of CLDR, as Babel writes it.
func (r *Renderer) dsFormatLocale(th *py.Thread, a []py.Value) (py.Value, error) {
	d, err := r.strptime(th, a[0], a[1])
	if err != nil {
		return nil, err
	}
	pattern, ok := py.IsString(a[2])
	if !ok {
		return nil, py.TypeError("ds_format_locale() needs a str as output_format, not %s", py.TypeOf(a[2]).Name)
	}
	name := "en_US"
	if v := py.Or(a[3], nil); v != nil {
		if name, ok = py.IsString(v); !ok {
			return nil, py.TypeError("ds_format_locale() needs a str as locale, not %s", py.TypeOf(v).Name)
		}
	}
	l, ok := localeOf(name)
	if !ok {
		return nil, fmt.Errorf("macros.ds_format_locale does not know locale %q: use one of %s", name, strings.Join(localeNames(), " "))
	}
	switch pattern {
	case "full", "long", "medium", "short":
		return nil, fmt.Errorf("macros.ds_format_locale does not know the format %q: write a pattern such as EEEE dd MMMM yyyy", pattern)
	}
	if err := th.Alloc(64 * len(pattern)); err != nil {
		return nil, err
	}
	return l.format(d.Time(), pattern)
}

// format writes a date by a pattern: letters stand for fields, and text is in single quotes.
func (l *locale) format(t time.Time, pattern string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			text, n := quotedText(pattern[i:])
			b.WriteString(text)
			i += n
		case isField(c):
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			s, err := l.field(t, c, n)
			if err != nil {
				return "", err
			}
			b.WriteString(s)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}

// quotedText reads a quoted text at the start of s and says how long it is there.
func quotedText(s string) (string, int) {
	if strings.HasPrefix(s, "''") {
		return "'", 2
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1
	}
	return b.String(), len(s)
}

func isField(c byte) bool { return strings.IndexByte("GyYuQqMLwWdDFgEecabBhHKkmsSAzZOvVxX", c) >= 0 }

// field is one field of n letters.
func (l *locale) field(t time.Time, c byte, n int) (string, error) {
	week := (int(t.Weekday()) + 6) % 7
	number := map[byte]int{
		'd': t.Day(), 'D': t.YearDay(), 'H': t.Hour(), 'k': (t.Hour()+23)%24 + 1, 'K': t.Hour() % 12, 'h': (t.Hour()+11)%12 + 1,
		'm': t.Minute(), 's': t.Second(), 'y': t.Year(), 'u': t.Year(), 'F': (t.Day()-1)/7 + 1,
		'A': ((t.Hour()*60+t.Minute())*60+t.Second())*1000 + t.Nanosecond()/1e6,
		'Q': (int(t.Month())-1)/3 + 1, 'q': (int(t.Month())-1)/3 + 1, 'M': int(t.Month()), 'L': int(t.Month()),
	}
	v, numeric := number[c]
	switch {
	case c == 'M' && n == 3:
		return l.shortMonths[t.Month()-1], nil
	case c == 'M' && n == 4:
		return l.months[t.Month()-1], nil
	case c == 'L' && n == 3:
		return l.aloneShortMonths[t.Month()-1], nil
	case c == 'L' && n == 4:
		return l.aloneMonths[t.Month()-1], nil
	case c == 'E' && n <= 3, c == 'e' && n == 3:
		return l.shortDays[week], nil
	case (c == 'E' || c == 'e') && n == 4:
		return l.days[week], nil
	case c == 'a' && n <= 3:
		return l.noon[t.Hour()/12], nil
	case c == 'Z' && n <= 3:
		return t.Format("-0700"), nil
	case c == 'S' && n <= 9:
		return fmt.Sprintf("%09d", t.Nanosecond())[:n], nil
	case c == 'y' && n == 2:
		return fmt.Sprintf("%02d", v%100), nil
	case numeric && n <= fieldWidth(c):
		s := strconv.Itoa(v)
		return strings.Repeat("0", max(0, n-len(s))) + s, nil
	}
	return "", fmt.Errorf("macros.ds_format_locale does not know %q in a pattern", strings.Repeat(string(c), n))
}

// fieldWidth is how many letters a field may have to be a number.
func fieldWidth(c byte) int {
	switch c {
	case 'F':
		return 1
	case 'D':
		return 3
	case 'y', 'u', 'A':
		return 16
	}
	return 2
}
