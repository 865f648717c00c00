package py

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spec is a parsed format specification: [[fill]align][sign][z][#][0][width][grouping][.precision][type].
type spec struct {
	fill      string
	align     byte // 0 when not given
	sign      byte
	alt       bool
	noNegZero bool
	width     int
	group     byte
	precision int // -1 when not given
	kind      byte
}

func parseSpec(s, typeName string) (spec, error) {
	f := spec{fill: " ", precision: -1}
	orig := s
	if r, n := utf8.DecodeRuneInString(s); n > 0 && len(s) > n && strings.IndexByte("<>=^", s[n]) >= 0 {
		f.fill, f.align, s = string(r), s[n], s[n+1:]
	} else if s != "" && strings.IndexByte("<>=^", s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	take := func(set string) byte {
		if s == "" || strings.IndexByte(set, s[0]) < 0 {
			return 0
		}
		c := s[0]
		s = s[1:]
		return c
	}
	f.sign = take("+- ")
	f.noNegZero = take("z") != 0
	f.alt = take("#") != 0
	if take("0") != 0 && f.align == 0 {
		f.fill, f.align = "0", '='
	}
	var err error
	if f.width, s, err = digits(s, 0); err != nil {
		return f, err
	}
	f.group = take(",_")
	if f.group != 0 && s != "" && (s[0] == ',' || s[0] == '_') {
		if s[0] == f.group {
			return f, ValueError("Cannot specify '%c' with '%c'.", f.group, s[0])
		}
		return f, ValueError("Cannot specify both ',' and '_'.")
	}
	if take(".") != 0 {
		if s == "" || s[0] < '0' || s[0] > '9' {
			return f, ValueError("Format specifier missing precision")
		}
		if f.precision, s, err = digits(s, 0); err != nil {
			return f, err
		}
	}
	if utf8.RuneCountInString(s) > 1 {
		return f, ValueError("Invalid format specifier '%s' for object of type '%s'", orig, typeName)
	}
	if s != "" {
		f.kind = s[0]
	}
	return f, nil
}

func digits(s string, def int) (int, string, error) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	if i == 0 {
		return def, s, nil
	}
	n, err := strconv.Atoi(s[:i])
	if err != nil || n > math.MaxInt32 {
		return 0, s, ValueError("Too many decimal digits in format string")
	}
	return n, s[i:], nil
}

// FormatValue is Python's format(v, spec).
func FormatValue(th *Thread, v Value, sp string) (string, error) {
	if f, ok := v.(HasFormat); ok {
		return f.Format(th, sp)
	}
	if sp == "" {
		return Str(th, v)
	}
	name := TypeOf(v).Name
	if _, isStr := IsString(v); !isStr && !IsNumber(v) {
		return "", TypeError("unsupported format string passed to %s.__format__", TypeOf(v).longName())
	}
	f, err := parseSpec(sp, name)
	if err != nil {
		return "", err
	}
	if s, ok := IsString(v); ok {
		return formatStr(th, s, f)
	}
	if x, ok := v.(float64); ok {
		return formatFloat(th, x, f, name)
	}
	if b, ok := v.(bool); ok && f.kind == 0 && f.width >= 0 {
		if s, _ := Str(th, b); f.sign == 0 && f.group == 0 && !f.alt && f.precision < 0 && f.align == 0 && f.width == 0 {
			return s, nil
		}
	}
	b, _ := asBig(v)
	return formatInt(th, b, f, name)
}

func formatStr(th *Thread, s string, f spec) (string, error) {
	switch {
	case f.kind != 0 && f.kind != 's':
		return "", unknownCode(f.kind, "str")
	case f.sign == ' ':
		return "", ValueError("Space not allowed in string format specifier")
	case f.sign != 0:
		return "", ValueError("Sign not allowed in string format specifier")
	case f.alt:
		return "", ValueError("Alternate form (#) not allowed in string format specifier")
	case f.align == '=' && f.fill != "0":
		return "", ValueError("'=' alignment not allowed in string format specifier")
	case f.group != 0:
		return "", ValueError("Cannot specify '%c' with 's'.", f.group)
	}
	if f.precision >= 0 {
		if r := []rune(s); len(r) > f.precision {
			s = string(r[:f.precision])
		}
	}
	return f.pad(th, "", s, '<')
}

func unknownCode(kind byte, name string) error {
	return ValueError("Unknown format code '%c' for object of type '%s'", kind, name)
}

// pad fills to the width; sign stands before the fill when the alignment is '='.
func (f spec) pad(th *Thread, sign, body string, def byte) (string, error) {
	align := f.align
	if align == 0 {
		align = def
	}
	n := f.width - utf8.RuneCountInString(sign) - utf8.RuneCountInString(body)
	if n <= 0 {
		return sign + body, nil
	}
	if err := th.Alloc(n * len(f.fill)); err != nil {
		return "", err
	}
	fill := func(k int) string { return strings.Repeat(f.fill, k) }
	switch align {
	case '<':
		return sign + body + fill(n), nil
	case '>':
		return fill(n) + sign + body, nil
	case '^':
		return fill(n/2) + sign + body + fill(n-n/2), nil
	}
	if def == '<' { // text with "0": zeros go behind
		return sign + body + fill(n), nil
	}
	return sign + fill(n) + body, nil
}

// padNumber also groups digits, and lets zeros of the fill be grouped.
func (f spec) padNumber(th *Thread, sign, whole, rest string, each int) (string, error) {
	if f.group == 0 {
		return f.pad(th, sign, whole+rest, '>')
	}
	if f.fill == "0" && f.align == '=' {
		if err := th.Alloc(2 * f.width); err != nil {
			return "", err
		}
		for len(sign)+len(grouped(whole, f.group, each))+len(rest) < f.width {
			if len(sign)+len(grouped("0"+whole, f.group, each))+len(rest) > f.width+1 {
				break
			}
			whole = "0" + whole
		}
	}
	return f.pad(th, sign, grouped(whole, f.group, each)+rest, '>')
}

func grouped(s string, sep byte, each int) string {
	if len(s) <= each {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i > 0 && (len(s)-i)%each == 0 {
			b.WriteByte(sep)
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func (f spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '+':
		return "+"
	case f.sign == ' ':
		return " "
	}
	return ""
}

func formatInt(th *Thread, b *big.Int, f spec, name string) (string, error) {
	switch f.kind {
	case 'e', 'E', 'f', 'F', 'g', 'G', '%':
		x, _ := AsFloat(b)
		if math.IsInf(x, 0) {
			return "", Errorf("OverflowError", "int too large to convert to float")
		}
		return formatFloat(th, x, f, name)
	}
	if f.precision >= 0 {
		return "", ValueError("Precision not allowed in integer format specifier")
	}
	base, prefix, each := 10, "", 3
	switch f.kind {
	case 0, 'd', 'n':
	case 'x', 'X':
		base, prefix, each = 16, "0"+string(f.kind), 4
	case 'o':
		base, prefix, each = 8, "0o", 4
	case 'b':
		base, prefix, each = 2, "0b", 4
	case 'c':
		return formatChar(th, b, f)
	default:
		return "", unknownCode(f.kind, name)
	}
	if f.group == ',' && base != 10 {
		return "", ValueError("Cannot specify ',' with '%c'.", f.kind)
	}
	if b.BitLen() > maxIntDigits*10/3 && base == 10 {
		return bigString(th, b)
	}
	s := new(big.Int).Abs(b).Text(base)
	if f.kind == 'X' {
		s = strings.ToUpper(s)
	}
	sign := f.signOf(b.Sign() < 0)
	if f.alt {
		sign += prefix
	}
	return f.padNumber(th, sign, s, "", each)
}

func formatChar(th *Thread, b *big.Int, f spec) (string, error) {
	if f.sign != 0 {
		return "", ValueError("Sign not allowed with integer format specifier 'c'")
	}
	if !b.IsInt64() || b.Sign() < 0 || b.Int64() > utf8.MaxRune {
		return "", Errorf("OverflowError", "%%c arg not in range(0x110000)")
	}
	return f.pad(th, "", string(rune(b.Int64())), '<')
}

func formatFloat(th *Thread, x float64, f spec, name string) (string, error) {
	kind, prec := f.kind, f.precision
	switch kind {
	case 0, 'e', 'E', 'f', 'F', 'g', 'G', 'n', '%':
	default:
		return "", unknownCode(kind, name)
	}
	if prec > 1<<16 {
		return "", ValueError("precision too big")
	}
	body := FloatText(math.Abs(x), kind, prec, f.alt)
	neg := math.Signbit(x) && !math.IsNaN(x)
	if f.noNegZero && neg && strings.Trim(body, "0.%eE+") == "" {
		neg = false
	}
	cutAt := strings.IndexFunc(body, func(r rune) bool { return r < '0' || r > '9' })
	if cutAt < 0 {
		cutAt = len(body)
	}
	return f.padNumber(th, f.signOf(neg), body[:cutAt], body[cutAt:], 3)
}

// FloatText writes a number that is not negative in one of Python's float formats; kind 0 is that of
// format() without a type, prec -1 the default.
func FloatText(x float64, kind byte, prec int, alt bool) string {
	upper := kind == 'E' || kind == 'F' || kind == 'G'
	suffix := ""
	if kind == '%' {
		x, kind, suffix = x*100, 'f', "%"
	}
	var s string
	switch {
	case math.IsInf(x, 0):
		s = "inf"
	case math.IsNaN(x):
		s = "nan"
	case kind == 0 && prec < 0:
		s = FloatRepr(x)
	case kind == 0:
		s = general(x, max(prec, 1), alt, true)
	case kind == 'g' || kind == 'G' || kind == 'n':
		if prec < 0 {
			prec = 6
		}
		s = general(x, max(prec, 1), alt, false)
	default:
		if prec < 0 {
			prec = 6
		}
		s = strconv.FormatFloat(x, kind|0x20, prec, 64)
		if alt && prec == 0 {
			i := strings.IndexByte(s+"e", 'e')
			s = s[:i] + "." + s[i:]
		}
	}
	if upper {
		s = strings.ToUpper(s)
	}
	return s + suffix
}

// general is %g with prec significant digits; point keeps one decimal, as str() does.
func general(x float64, prec int, alt, point bool) string {
	s := strconv.FormatFloat(x, 'e', prec-1, 64)
	i := strings.IndexByte(s, 'e')
	exp, err := strconv.Atoi(s[i+1:])
	limit := prec
	if point && prec == 1 {
		limit = prec // one digit still prints as 1e+00 only from 10 on
	}
	if err != nil || exp < -4 || exp >= limit {
		m := s[:i]
		if !alt && strings.Contains(m, ".") {
			m = strings.TrimRight(strings.TrimRight(m, "0"), ".")
		}
		return m + s[i:]
	}
	s = strconv.FormatFloat(x, 'f', prec-1-exp, 64)
	if !alt && strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if alt && !strings.Contains(s, ".") {
		s += "."
	}
	if point && !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
