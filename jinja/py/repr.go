package py

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Str is Python's str(v).
func Str(th *Thread, v Value) (string, error) {
	switch x := v.(type) {
	case string:
		return x, nil
	case int:
		return strconv.Itoa(x), nil
	case Markup:
		return string(x), nil
	case HasStr:
		return x.Str(th)
	}
	return Repr(th, v)
}

// Repr is Python's repr(v).
func Repr(th *Thread, v Value) (string, error) {
	switch v.(type) {
	case *List, Tuple, *Dict, *Set:
		p := printer{th: th}
		if err := p.repr(v); err != nil {
			return "", err
		}
		return p.b.String(), nil
	}
	return reprScalar(th, v)
}

func reprScalar(th *Thread, v Value) (string, error) {
	switch x := v.(type) {
	case nil:
		return "None", nil
	case bool:
		if x {
			return "True", nil
		}
		return "False", nil
	case int:
		return strconv.Itoa(x), nil
	case *big.Int:
		return bigString(th, x)
	case float64:
		return FloatRepr(x), nil
	case string:
		return quote(x), nil
	case Markup:
		return "Markup(" + quote(string(x)) + ")", nil
	case Bytes:
		return quoteBytes(string(x)), nil
	case Complex:
		return complexRepr(complex128(x)), nil
	case *Range:
		s := "range(" + strconv.Itoa(x.Start) + ", " + strconv.Itoa(x.Stop)
		if x.Step != 1 {
			s += ", " + strconv.Itoa(x.Step)
		}
		return s + ")", nil
	case HasRepr:
		return x.Repr(th)
	}
	return defaultRepr(v), nil
}

// maxIntDigits is Python's limit for printing whole numbers (sys.set_int_max_str_digits).
const maxIntDigits = 4300

func bigString(th *Thread, x *big.Int) (string, error) {
	if x.BitLen() > maxIntDigits*10/3 {
		return "", ValueError("Exceeds the limit (%d digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit", maxIntDigits)
	}
	return x.String(), th.Alloc(x.BitLen() / 3)
}

// printer writes containers; seen are those that are open, so that a list in itself prints [...].
type printer struct {
	th   *Thread
	b    strings.Builder
	seen []Value
}

func (p *printer) repr(v Value) error {
	if err := p.th.Step(); err != nil {
		return err
	}
	switch x := v.(type) {
	case *List:
		return p.nested(x, "[", "]", x.Items)
	case Tuple:
		if len(x) == 1 {
			return p.nested(nil, "(", ",)", x)
		}
		return p.nested(nil, "(", ")", x)
	case *Set:
		if x.d.Count() == 0 {
			p.b.WriteString("set()")
			return nil
		}
		return p.nested(nil, "{", "}", x.Items())
	case *Dict:
		return p.dict(x)
	}
	s, err := reprScalar(p.th, v)
	if err != nil {
		return err
	}
	p.b.WriteString(s)
	return p.th.Alloc(len(s))
}

func (p *printer) enter(v Value, open, end string) (again bool, err error) {
	if v != nil {
		for _, o := range p.seen {
			if o == v {
				p.b.WriteString(open + "..." + end)
				return true, nil
			}
		}
		p.seen = append(p.seen, v)
	}
	return false, p.th.Enter()
}

func (p *printer) leave(v Value) {
	p.th.Leave()
	if v != nil {
		p.seen = p.seen[:len(p.seen)-1]
	}
}

func (p *printer) nested(self Value, open, end string, items []Value) error {
	again, err := p.enter(self, open, end)
	if again || err != nil {
		return err
	}
	defer p.leave(self)
	p.b.WriteString(open)
	for i, v := range items {
		if i > 0 {
			p.b.WriteString(", ")
		}
		if err := p.repr(v); err != nil {
			return err
		}
	}
	p.b.WriteString(end)
	return nil
}

func (p *printer) dict(d *Dict) error {
	again, err := p.enter(d, "{", "}")
	if again || err != nil {
		return err
	}
	defer p.leave(d)
	p.b.WriteString("{")
	first := true
	for k, v := range d.All {
		if !first {
			p.b.WriteString(", ")
		}
		first = false
		if err = p.repr(k); err != nil {
			return err
		}
		p.b.WriteString(": ")
		if err = p.repr(v); err != nil {
			return err
		}
	}
	p.b.WriteString("}")
	return nil
}

// FloatRepr is Python's repr of a float: the shortest text that reads back as the same number.
func FloatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exp, err := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if err != nil || exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func complexRepr(c complex128) string {
	part := func(f float64) string { return strings.TrimSuffix(FloatRepr(f), ".0") }
	if real(c) == 0 && !math.Signbit(real(c)) {
		return part(imag(c)) + "j"
	}
	im := part(imag(c))
	if !strings.HasPrefix(im, "-") {
		im = "+" + im
	}
	return "(" + part(real(c)) + im + "j)"
}

const hexDigits = "0123456789abcdef"

func quote(s string) string {
	q := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		q = '"'
	}
	b := make([]byte, 0, len(s)+2)
	b = append(b, q)
	for _, r := range s {
		switch {
		case r == rune(q) || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'x', hexDigits[r>>4], hexDigits[r&15])
		case r < 0x7f || unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		default:
			b = appendEscape(b, r)
		}
	}
	return string(append(b, q))
}

func appendEscape(b []byte, r rune) []byte {
	kind, n := byte('x'), 2
	switch {
	case r > 0xffff:
		kind, n = 'U', 8
	case r > 0xff:
		kind, n = 'u', 4
	}
	b = append(b, '\\', kind)
	for i := n - 1; i >= 0; i-- {
		b = append(b, hexDigits[r>>(4*i)&15])
	}
	return b
}

func quoteBytes(s string) string {
	q := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		q = '"'
	}
	b := []byte{'b', q}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == q || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ' || c >= 0x7f:
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(append(b, q))
}
