package py

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrNotLiteral says that a text is not a Python literal.
var ErrNotLiteral = errors.New("not a Python literal")

// literalParser reads Python literals: what ast.literal_eval(ast.parse(s, mode="eval")) accepts.
type literalParser struct {
	th    *Thread
	s     string
	i     int
	depth int // open brackets, in which newlines count as blanks
	nest  int
	// fault is a key or element that cannot be hashed: it counts if the text is a literal otherwise.
	fault error
}

// Literal reads a Python literal; any other text is [ErrNotLiteral].
func Literal(th *Thread, s string) (Value, error) {
	// A text that begins with a blank is an indented line, which Python refuses; empty lines may precede.
	p := &literalParser{th: th, s: s}
	if strings.IndexByte(s, 0) >= 0 {
		return nil, ErrNotLiteral
	}
	p.blankLines()
	if p.i < len(s) && (s[p.i] == ' ' || s[p.i] == '\t') {
		return nil, ErrNotLiteral
	}
	v, err := p.tupleOrOne(0)
	if err != nil {
		return nil, err
	}
	for p.i < len(s) {
		p.spaces()
		if p.i < len(s) && s[p.i] == '\n' {
			p.i++
			continue
		}
		if p.i < len(s) {
			return nil, ErrNotLiteral
		}
	}
	return v, p.fault
}

// blankLines skips lines that hold nothing but blanks or a comment.
func (p *literalParser) blankLines() {
	for {
		j := p.i
		for j < len(p.s) && (p.s[j] == ' ' || p.s[j] == '\t' || p.s[j] == '\f') {
			j++
		}
		if j < len(p.s) && p.s[j] == '#' {
			for j < len(p.s) && p.s[j] != '\n' {
				j++
			}
		}
		if j >= len(p.s) || p.s[j] != '\n' && p.s[j] != '\r' {
			return
		}
		p.i = j + 1
	}
}

func (p *literalParser) spaces() {
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == ' ' || c == '\t' || c == '\f':
			p.i++
		case (c == '\n' || c == '\r') && p.depth > 0:
			p.i++
		case c == '\r':
			p.i++
		case c == '\\' && p.i+1 < len(p.s) && p.s[p.i+1] == '\n':
			p.i += 2
		case c == '#':
			for p.i < len(p.s) && p.s[p.i] != '\n' {
				p.i++
			}
		default:
			return
		}
	}
}

func (p *literalParser) peek() byte {
	p.spaces()
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// tupleOrOne reads one value, or several with commas as a tuple, up to end.
func (p *literalParser) tupleOrOne(end byte) (Value, error) {
	v, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.peek() != ',' {
		return v, nil
	}
	t := Tuple{v}
	for p.peek() == ',' {
		p.i++
		c := p.peek()
		if c == end || c == 0 || c == '\n' {
			break
		}
		if v, err = p.sum(); err != nil {
			return nil, err
		}
		t = append(t, v)
	}
	return t, nil
}

// sum reads a value, or a complex number as "real + imaginary".
func (p *literalParser) sum() (Value, error) {
	if err := p.th.Step(); err != nil {
		return nil, err
	}
	v, err := p.signed()
	if err != nil {
		return nil, err
	}
	c := p.peek()
	if c != '+' && c != '-' {
		return v, nil
	}
	re, ok := AsFloat(v)
	if _, isBool := v.(bool); isBool || !ok {
		return nil, ErrNotLiteral
	}
	p.i++
	w, err := p.atom()
	if err != nil {
		return nil, err
	}
	im, ok := w.(Complex)
	if !ok || p.peek() == '+' || p.peek() == '-' {
		return nil, ErrNotLiteral
	}
	if c == '-' {
		im = -im
	}
	return Complex(complex(re, 0)) + im, nil
}

func (p *literalParser) signed() (Value, error) {
	c := p.peek()
	if c != '+' && c != '-' {
		return p.atom()
	}
	p.i++
	v, err := p.atom()
	if err != nil {
		return nil, err
	}
	if _, isBool := v.(bool); isBool {
		return nil, ErrNotLiteral
	}
	if z, ok := v.(Complex); ok {
		if c == '-' {
			z = -z
		}
		return z, nil
	}
	if !IsNumber(v) {
		return nil, ErrNotLiteral
	}
	return Unary(p.th, string(c), v)
}

func (p *literalParser) atom() (Value, error) {
	c := p.peek()
	switch {
	case c >= '0' && c <= '9' || c == '.':
		if strings.HasPrefix(p.s[p.i:], "...") {
			p.i += 3
			return Ellipsis, nil
		}
		return p.number()
	case c == '(' || c == '[' || c == '{':
		p.nest++
		if p.nest > 90 {
			return nil, ErrNotLiteral
		}
		p.depth++
		p.i++
		v, err := p.bracket(c)
		p.nest--
		return v, err
	case c == '\'' || c == '"' || stringPrefix(p.s[p.i:]) > 0:
		return p.strings()
	}
	for _, w := range []struct {
		name string
		v    Value
	}{{"True", true}, {"False", false}, {"None", nil}} {
		if strings.HasPrefix(p.s[p.i:], w.name) && !identAt(p.s, p.i+len(w.name)) {
			p.i += len(w.name)
			return w.v, nil
		}
	}
	if strings.HasPrefix(p.s[p.i:], "set") {
		j := p.i
		p.i += 3
		if p.peek() == '(' {
			p.i++
			if p.peek() == ')' {
				p.i++
				return NewSet()
			}
		}
		p.i = j
	}
	return nil, ErrNotLiteral
}

func identAt(s string, i int) bool {
	r, n := utf8.DecodeRuneInString(s[i:])
	return n > 0 && IsIdentifier("_"+string(r))
}

func (p *literalParser) close(end byte) error {
	if p.peek() != end {
		return ErrNotLiteral
	}
	p.depth--
	p.i++
	return nil
}

func (p *literalParser) bracket(open byte) (Value, error) {
	switch open {
	case '(':
		if p.peek() == ')' {
			return Tuple{}, p.close(')')
		}
		v, err := p.tupleOrOne(')')
		if err != nil {
			return nil, err
		}
		return v, p.close(')')
	case '[':
		items, err := p.items(']')
		if err != nil {
			return nil, err
		}
		return &List{Items: items}, p.close(']')
	}
	return p.dictOrSet()
}

func (p *literalParser) items(end byte) ([]Value, error) {
	var out []Value
	for p.peek() != end {
		v, err := p.sum()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if p.peek() != ',' {
			break
		}
		p.i++
	}
	return out, nil
}

func (p *literalParser) dictOrSet() (Value, error) {
	d := NewDict()
	if p.peek() == '}' {
		return d, p.close('}')
	}
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.peek() != ':' {
		items := []Value{first}
		if p.peek() == ',' {
			p.i++
			rest, err := p.items('}')
			if err != nil {
				return nil, err
			}
			items = append(items, rest...)
		}
		s, err := NewSet(items...)
		if err != nil {
			p.fault = err
		}
		return s, p.close('}')
	}
	key := first
	for {
		if p.peek() != ':' {
			return nil, ErrNotLiteral
		}
		p.i++
		v, err := p.sum()
		if err != nil {
			return nil, err
		}
		if err := d.Set(key, v); err != nil {
			p.fault = err
		}
		if p.peek() != ',' {
			break
		}
		p.i++
		if p.peek() == '}' {
			break
		}
		if key, err = p.sum(); err != nil {
			return nil, err
		}
	}
	return d, p.close('}')
}

func (p *literalParser) number() (Value, error) {
	start := p.i
	s := p.s[start:]
	if len(s) > 1 && s[0] == '0' && strings.IndexByte("xXoObB", s[1]) >= 0 {
		end := 2
		for end < len(s) && (s[end] == '_' || isHex(s[end])) {
			end++
		}
		p.i += end
		return ParseInt(s[:end], 0, identAt(p.s, p.i))
	}
	end, isFloat := 0, false
	scan := func() {
		for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '_' && end > 0) {
			end++
		}
	}
	scan()
	if end < len(s) && s[end] == '.' {
		isFloat = true
		end++
		scan()
	}
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		j := end + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && s[j] >= '0' && s[j] <= '9' {
			isFloat, end = true, j
			scan()
		}
	}
	text := s[:end]
	p.i += end
	if strings.Contains(text, "__") || strings.HasSuffix(text, "_") || strings.Contains(text, "_.") || strings.Contains(text, "._") {
		return nil, ErrNotLiteral
	}
	imag := end < len(s) && (s[end] == 'j' || s[end] == 'J')
	if imag {
		p.i++
	}
	if identAt(p.s, p.i) {
		return nil, ErrNotLiteral
	}
	if isFloat || imag {
		f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
		if err != nil && !math.IsInf(f, 0) {
			return nil, ErrNotLiteral
		}
		if imag {
			return Complex(complex(0, f)), nil
		}
		return f, nil
	}
	if len(text) > 1 && text[0] == '0' && strings.Trim(text, "0_") != "" {
		return nil, ErrNotLiteral // 05
	}
	return ParseInt(text, 10, false)
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// ParseInt reads an integer literal as Go and Python write it; bad makes it fail.
func ParseInt(s string, base int, bad bool) (Value, error) {
	if bad || len(s) > maxIntDigits {
		return nil, ErrNotLiteral
	}
	if base == 10 {
		s = strings.ReplaceAll(s, "_", "")
	}
	if n, err := strconv.ParseInt(s, base, 64); err == nil {
		return int(n), nil
	}
	b, ok := new(big.Int).SetString(s, base)
	if !ok {
		return nil, ErrNotLiteral
	}
	return Norm(b), nil
}

// stringPrefix is the length of a prefix such as r, b or rb before a quote.
func stringPrefix(s string) int {
	for i := 0; i < len(s) && i < 3; i++ {
		if s[i] == '\'' || s[i] == '"' {
			return i
		}
		if strings.IndexByte("rRbBuU", s[i]) < 0 {
			return 0
		}
	}
	return 0
}

// strings reads one or more adjacent string literals.
func (p *literalParser) strings() (Value, error) {
	var b strings.Builder
	isBytes := false
	for n := 0; ; n++ {
		c := p.peek()
		pre := 0
		if c != '\'' && c != '"' {
			if pre = stringPrefix(p.s[p.i:]); pre == 0 {
				break
			}
		}
		if c == 0 {
			break
		}
		prefix := strings.ToLower(p.s[p.i : p.i+pre])
		nowBytes := strings.Contains(prefix, "b")
		if n > 0 && nowBytes != isBytes || prefix == "ur" || prefix == "ub" || prefix == "ru" || prefix == "bu" || len(prefix) == 2 && prefix[0] == prefix[1] {
			return nil, ErrNotLiteral
		}
		isBytes = nowBytes
		p.i += pre
		s, err := p.quoted(strings.Contains(prefix, "r"), isBytes)
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	if isBytes {
		return Bytes(b.String()), nil
	}
	return b.String(), nil
}

func (p *literalParser) quoted(raw, isBytes bool) (string, error) {
	q := p.s[p.i : p.i+1]
	if strings.HasPrefix(p.s[p.i:], q+q+q) {
		q = q + q + q
	}
	p.i += len(q)
	start := p.i
	for p.i < len(p.s) {
		switch {
		case p.s[p.i] == '\\':
			p.i += 2
			continue
		case p.s[p.i] == '\n' && len(q) == 1:
			return "", ErrNotLiteral
		case isBytes && p.s[p.i] >= utf8.RuneSelf:
			return "", ErrNotLiteral
		case strings.HasPrefix(p.s[p.i:], q):
			body := p.s[start:p.i]
			p.i += len(q)
			if raw {
				return body, nil
			}
			return Unquote(body, isBytes)
		}
		p.i++
	}
	return "", ErrNotLiteral
}
