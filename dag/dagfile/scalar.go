package dagfile

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// moment is a date or a datetime as YAML and Python have it: maybe without a time of
// day, maybe without a zone.
type moment struct {
	// t is the wall clock, in UTC when naive.
	t     time.Time
	naive bool
	date  bool
}

var (
	yamlInt = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[-+]?(?:0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*(?::[0-5]?[0-9])*)$`)
	})
	// An exponent needs a point before it and a sign: 1e3 is a text in YAML 1.1.
	yamlFloat = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$`)
	})
	yamlTime = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|[-+]\d\d?(?::\d\d)?))?)?$`)
	})
)

// resolvePlain gives a plain scalar the type that YAML 1.1 gives it.
func resolvePlain(s string) (kind, any) {
	if s == "" {
		return kindNull, nil
	}
	switch c := s[0]; {
	case c == '~' || c == 'n' || c == 'N' || c == 't' || c == 'T' || c == 'f' || c == 'F' || c == 'y' || c == 'Y' || c == 'o' || c == 'O':
		return resolveWord(s)
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		return resolveNumber(s)
	}
	return kindText, nil
}

func resolveWord(s string) (kind, any) {
	switch s {
	case "~", "null", "Null", "NULL":
		return kindNull, nil
	case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return kindBool, true
	case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return kindBool, false
	}
	return kindText, nil
}

func resolveNumber(s string) (kind, any) {
	switch strings.TrimLeft(s, "+-") {
	case ".inf", ".Inf", ".INF":
		if strings.HasPrefix(s, "-") {
			return kindFloat, math.Inf(-1)
		}
		return kindFloat, math.Inf(1)
	case ".nan", ".NaN", ".NAN":
		if s[0] == '.' {
			return kindFloat, math.NaN()
		}
	}
	switch {
	case yamlInt().MatchString(s):
		return parseInt(s)
	case yamlFloat().MatchString(s):
		return kindFloat, parseFloat(s)
	case len(s) >= 8 && s[0] >= '0' && s[0] <= '9' && s[4] == '-':
		if m, ok := parseYAMLTime(s); ok {
			return kindTime, m
		}
	}
	return kindText, nil
}

func parseInt(s string) (kind, any) {
	digits := strings.ReplaceAll(s, "_", "")
	negative := strings.HasPrefix(digits, "-")
	digits = strings.TrimLeft(digits, "+-")
	n := new(big.Int)
	ok := true
	switch {
	case strings.HasPrefix(digits, "0b"):
		_, ok = n.SetString(digits[2:], 2)
	case strings.HasPrefix(digits, "0x"):
		_, ok = n.SetString(digits[2:], 16)
	case len(digits) > 1 && digits[0] == '0':
		_, ok = n.SetString(digits, 8)
	default:
		for part := range strings.SplitSeq(digits, ":") {
			v, err := strconv.ParseInt(part, 10, 64)
			if err != nil {
				if strings.Contains(digits, ":") {
					return kindText, nil
				}
				_, ok = n.SetString(part, 10)
				break
			}
			n.Add(n.Mul(n, big.NewInt(60)), big.NewInt(v))
		}
	}
	if !ok {
		return kindText, nil
	}
	if negative {
		n.Neg(n)
	}
	if !n.IsInt64() {
		f, _ := new(big.Float).SetInt(n).Float64()
		return kindFloat, f
	}
	return kindInt, n.Int64()
}

func parseFloat(s string) float64 {
	digits := strings.ReplaceAll(s, "_", "")
	sign := 1.0
	if strings.HasPrefix(digits, "-") {
		sign = -1
	}
	digits = strings.TrimLeft(digits, "+-")
	total := 0.0
	for part := range strings.SplitSeq(digits, ":") {
		f, _ := strconv.ParseFloat(part, 64) // out of range is ±Inf, as in Python
		total = total*60 + f
	}
	return sign * total
}

func parseYAMLTime(s string) (moment, bool) {
	m := yamlTime().FindStringSubmatch(s)
	if m == nil {
		return moment{}, false
	}
	n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
	out := moment{naive: true, date: m[4] == ""}
	if out.date && len(s) != 10 {
		return moment{}, false // 2024-1-2 is a text unless it has a time of day
	}
	loc := time.UTC
	if m[8] != "" {
		out.naive = false
		loc = zoneOf(m[8])
	}
	fraction, _ := strconv.Atoi((m[7] + "000000")[:6])
	if !validDate(n(1), n(2), n(3)) || n(4) > 23 || n(5) > 59 || n(6) > 59 {
		return moment{}, false
	}
	out.t = time.Date(n(1), time.Month(n(2)), n(3), n(4), n(5), n(6), fraction*1000, loc)
	return out, true
}

func validDate(y, m, d int) bool {
	return y >= 1 && m >= 1 && m <= 12 && d >= 1 && d <= daysIn(y, m)
}

func daysIn(y, m int) int { return time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// zoneOf reads Z, +hh, +hhmm and +hh:mm.
func zoneOf(s string) *time.Location {
	if s == "Z" || s == "z" {
		return time.UTC
	}
	digits := strings.ReplaceAll(s[1:], ":", "")
	if len(digits) == 1 || len(digits) == 3 {
		digits = "0" + digits
	}
	h, _ := strconv.Atoi(digits[:2])
	minutes := 0
	if len(digits) >= 4 {
		minutes, _ = strconv.Atoi(digits[2:4])
	}
	seconds := h*3600 + minutes*60
	if s[0] == '-' {
		seconds = -seconds
	}
	if seconds == 0 {
		return time.UTC
	}
	name := time.Unix(0, 0).In(time.FixedZone("", seconds)).Format("-07:00")
	return time.FixedZone(name, seconds)
}
