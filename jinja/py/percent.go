package py

import (
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// percent runs one s % args.
type percent struct {
	th    *Thread
	s     string
	pos   int
	args  []Value
	next  int
	dict  Value
	tuple bool
}

// Percent is Python's s % args.
func Percent(th *Thread, s string, arg Value) (string, error) {
	p := &percent{th: th, s: s, args: []Value{arg}}
	switch x := arg.(type) {
	case Tuple:
		p.args, p.tuple = x, true
	case *Dict, *List:
		p.dict = arg
	case HasItem:
		p.dict = arg
	}
	return p.run()
}

func (p *percent) run() (string, error) {
	var b strings.Builder
	for p.pos < len(p.s) {
		i := strings.IndexByte(p.s[p.pos:], '%')
		if i < 0 {
			b.WriteString(p.s[p.pos:])
			break
		}
		b.WriteString(p.s[p.pos : p.pos+i])
		p.pos += i + 1
		out, err := p.directive()
		if err != nil {
			return "", err
		}
		if err := p.th.Alloc(len(out)); err != nil {
			return "", err
		}
		b.WriteString(out)
	}
	if p.next < len(p.args) && p.dict == nil {
		return "", TypeError("not all arguments converted during string formatting")
	}
	return b.String(), nil
}

func (p *percent) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

var errIncomplete = ValueError("incomplete format")

// directive reads %(key)flags width .precision type and prints its argument.
func (p *percent) directive() (string, error) {
	f := spec{fill: " ", precision: -1}
	var keyed Value
	hasKey := false
	if p.peek() == '(' {
		v, err := p.key()
		if err != nil {
			return "", err
		}
		keyed, hasKey = v, true
	}
	left, zero, err := p.flags(&f)
	if err != nil {
		return "", err
	}
	for c := p.peek(); c == 'h' || c == 'l' || c == 'L'; c = p.peek() {
		p.pos++
	}
	if p.pos >= len(p.s) {
		return "", errIncomplete
	}
	r, n := utf8.DecodeRuneInString(p.s[p.pos:])
	at := p.pos
	p.pos += n
	if r == '%' {
		return "%", nil
	}
	v := keyed
	if !hasKey {
		if v, err = p.arg(); err != nil {
			return "", err
		}
	}
	f.align = '>'
	if left {
		f.align = '<'
	}
	if strings.ContainsRune("diouxXeEfFgG", r) {
		if zero && !left {
			f.fill, f.align = "0", '='
		}
		return p.number(v, f, byte(r))
	}
	return p.text(r, at, v, f)
}

// text prints an argument as the directives s, r, a and c do; at is where r stands.
func (p *percent) text(r rune, at int, v Value, f spec) (s string, err error) {
	switch r {
	case 's':
		s, err = Str(p.th, v)
	case 'r':
		s, err = Repr(p.th, v)
	case 'a':
		s, err = Repr(p.th, v)
		s = ASCII(s)
	case 'c':
		f.precision = -1
		s, err = percentChar(v)
	default:
		return "", ValueError("unsupported format character '%c' (0x%x) at index %d", r, r, utf8.RuneCountInString(p.s[:at]))
	}
	if err != nil {
		return "", err
	}
	if f.precision >= 0 {
		if rs := []rune(s); len(rs) > f.precision {
			s = string(rs[:f.precision])
		}
	}
	return f.pad(p.th, "", s, '>')
}

func percentChar(v Value) (string, error) {
	if s, ok := IsString(v); ok {
		if utf8.RuneCountInString(s) != 1 {
			return "", TypeError("%%c requires int or char")
		}
		return s, nil
	}
	n, ok := AsInt(v)
	if !ok {
		return "", TypeError("%%c requires int or char")
	}
	if n < 0 || n > utf8.MaxRune {
		return "", Errorf("OverflowError", "%%c arg not in range(0x110000)")
	}
	return string(rune(n)), nil
}

func (p *percent) key() (Value, error) {
	depth, start := 0, p.pos+1
	for ; p.pos < len(p.s); p.pos++ {
		switch p.s[p.pos] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			break
		}
	}
	if depth != 0 {
		return nil, ValueError("incomplete format key")
	}
	name := p.s[start:p.pos]
	p.pos++
	if p.dict == nil {
		return nil, TypeError("format requires a mapping")
	}
	return Item(p.th, p.dict, name)
}

func (p *percent) flags(f *spec) (left, zero bool, err error) {
loop:
	for {
		switch p.peek() {
		case '-':
			left = true
		case '0':
			zero = true
		case '+':
			f.sign = '+'
		case ' ':
			if f.sign == 0 {
				f.sign = ' '
			}
		case '#':
			f.alt = true
		default:
			break loop
		}
		p.pos++
	}
	if f.width, err = p.count(0); err != nil {
		return left, zero, err
	}
	if f.width < 0 {
		left, f.width = true, -f.width
	}
	if p.peek() == '.' {
		p.pos++
		if f.precision, err = p.count(0); err != nil {
			return left, zero, err
		}
		f.precision = max(f.precision, 0)
	}
	return left, zero, nil
}

func (p *percent) count(def int) (int, error) {
	if p.peek() == '*' {
		p.pos++
		v, err := p.arg()
		if err != nil {
			return 0, err
		}
		n, ok := v.(int)
		if !ok {
			return 0, TypeError("* wants int")
		}
		if n > math.MaxInt32 || n < -math.MaxInt32 {
			return 0, Errorf("OverflowError", "Python int too large to convert to C int")
		}
		return n, nil
	}
	n, rest, err := digits(p.s[p.pos:], def)
	if err != nil {
		return 0, ValueError("width too big")
	}
	p.pos = len(p.s) - len(rest)
	return n, nil
}

func (p *percent) arg() (Value, error) {
	if p.dict != nil && p.next == 0 && !p.tuple {
		p.next++
		return p.args[0], nil
	}
	if p.next >= len(p.args) {
		return nil, TypeError("not enough arguments for format string")
	}
	p.next++
	return p.args[p.next-1], nil
}

func (p *percent) number(v Value, f spec, kind byte) (string, error) {
	if o, ok := v.(HasNumber); ok {
		var err error
		if v, err = o.Number(p.th); err != nil {
			return "", err
		}
	}
	x, ok := AsFloat(v)
	if strings.IndexByte("eEfFgG", kind) >= 0 {
		if !ok {
			return "", TypeError("must be real number, not %s", TypeOf(v).longName())
		}
		f.kind = kind
		return formatFloat(p.th, x, f, "float")
	}
	b, isInt := asBig(v)
	if !isInt {
		hex := strings.IndexByte("xXo", kind) >= 0
		switch {
		case !ok && !hex:
			return "", TypeError("%%%c format: a real number is required, not %s", kind, TypeOf(v).Name)
		case hex:
			return "", TypeError("%%%c format: an integer is required, not %s", kind, TypeOf(v).Name)
		case math.IsInf(x, 0):
			return "", Errorf("OverflowError", "cannot convert float infinity to integer")
		case math.IsNaN(x):
			return "", ValueError("cannot convert float NaN to integer")
		}
		b, _ = big.NewFloat(x).Int(nil)
	}
	return p.integer(b, f, kind)
}

func (p *percent) integer(b *big.Int, f spec, kind byte) (string, error) {
	base, prefix := 10, ""
	switch kind {
	case 'x', 'X':
		base, prefix = 16, "0"+string(kind)
	case 'o':
		base, prefix = 8, "0o"
	}
	if base == 10 {
		if _, err := bigString(p.th, b); err != nil {
			return "", err
		}
	}
	s := new(big.Int).Abs(b).Text(base)
	if kind == 'X' {
		s = strings.ToUpper(s)
	}
	if f.precision > len(s) {
		if err := p.th.Alloc(f.precision); err != nil {
			return "", err
		}
		s = strings.Repeat("0", f.precision-len(s)) + s
	}
	sign := f.signOf(b.Sign() < 0)
	if f.alt {
		sign += prefix
	}
	return f.pad(p.th, sign, s, '>')
}
