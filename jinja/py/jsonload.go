package py

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader is json.loads: it keeps the order of keys and fails as Python does.
type jsonReader struct {
	th *Thread
	s  string
	i  int
}

// LoadJSON is json.loads.
func LoadJSON(th *Thread, s string) (Value, error) {
	r := &jsonReader{th: th, s: s}
	r.space()
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	r.space()
	if r.i < len(s) {
		return nil, r.fail("Extra data", r.i)
	}
	return v, nil
}

func (r *jsonReader) fail(msg string, at int) error {
	line := strings.Count(r.s[:at], "\n") + 1
	col := utf8.RuneCountInString(r.s[strings.LastIndexByte(r.s[:at], '\n')+1:at]) + 1
	return Errorf("json.decoder.JSONDecodeError", "%s: line %d column %d (char %d)", msg, line, col, utf8.RuneCountInString(r.s[:at]))
}

func (r *jsonReader) space() {
	for r.i < len(r.s) && strings.IndexByte(" \t\n\r", r.s[r.i]) >= 0 {
		r.i++
	}
}

func (r *jsonReader) value() (Value, error) {
	if err := r.th.Step(); err != nil {
		return nil, err
	}
	rest := r.s[r.i:]
	for _, w := range []struct {
		text string
		v    Value
	}{{"null", nil}, {"true", true}, {"false", false}} {
		if strings.HasPrefix(rest, w.text) {
			r.i += len(w.text)
			return w.v, nil
		}
	}
	for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
		if strings.HasPrefix(rest, w) {
			r.i += len(w)
			return Float(r.th, strings.TrimSuffix(w, "inity"))
		}
	}
	if rest == "" {
		return nil, r.fail("Expecting value", r.i)
	}
	switch c := rest[0]; c {
	case '"':
		r.i++
		return r.str()
	case '{', '[':
		if err := r.th.Enter(); err != nil {
			return nil, err
		}
		defer r.th.Leave()
		r.i++
		if c == '{' {
			return r.object()
		}
		return r.array()
	}
	return r.number()
}

func (r *jsonReader) number() (Value, error) {
	start, i := r.i, r.i
	digits := func() bool {
		from := i
		for i < len(r.s) && r.s[i] >= '0' && r.s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(r.s) && r.s[i] == '-' {
		i++
	}
	if i < len(r.s) && r.s[i] == '0' {
		i++
	} else if !digits() {
		return nil, r.fail("Expecting value", start)
	}
	end, isFloat := i, false
	if i < len(r.s) && r.s[i] == '.' {
		i++
		if digits() {
			end, isFloat = i, true
		}
		i = end
	}
	if i < len(r.s) && (r.s[i] == 'e' || r.s[i] == 'E') {
		i++
		if i < len(r.s) && (r.s[i] == '-' || r.s[i] == '+') {
			i++
		}
		if digits() {
			end, isFloat = i, true
		}
	}
	r.i = end
	text := r.s[start:end]
	if isFloat {
		return Float(r.th, text)
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	b, ok := new(big.Int).SetString(text, 10)
	if !ok || len(text) > maxIntDigits {
		return nil, ValueError("Exceeds the limit (%d digits) for integer string conversion", maxIntDigits)
	}
	return b, nil
}

func (r *jsonReader) str() (string, error) {
	start := r.i - 1
	var b strings.Builder
	for r.i < len(r.s) {
		c := r.s[r.i]
		switch {
		case c == '"':
			r.i++
			return b.String(), r.th.Alloc(b.Len())
		case c < ' ':
			return "", r.fail("Invalid control character at", r.i)
		case c != '\\':
			b.WriteByte(c)
			r.i++
		default:
			if err := r.escape(&b, start); err != nil {
				return "", err
			}
		}
	}
	return "", r.fail("Unterminated string starting at", start)
}

func (r *jsonReader) escape(b *strings.Builder, start int) error {
	if r.i+1 >= len(r.s) {
		return r.fail("Unterminated string starting at", start)
	}
	c := r.s[r.i+1]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		r.i += 2
		return nil
	}
	if c != 'u' {
		return r.fail("Invalid \\escape", r.i)
	}
	u, ok := r.hex(r.i + 2)
	if !ok {
		return r.fail("Invalid \\uXXXX escape", r.i+1)
	}
	r.i += 6
	if utf16.IsSurrogate(u) && strings.HasPrefix(r.s[r.i:], `\u`) {
		if low, ok := r.hex(r.i + 2); ok {
			if full := utf16.DecodeRune(u, low); full != utf8.RuneError {
				u = full
				r.i += 6
			}
		}
	}
	b.WriteRune(u)
	return nil
}

func (r *jsonReader) hex(at int) (rune, bool) {
	if at+4 > len(r.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(r.s[at:at+4], 16, 32)
	return rune(n), err == nil
}

func (r *jsonReader) array() (Value, error) {
	out := &List{}
	r.space()
	if r.i < len(r.s) && r.s[r.i] == ']' {
		r.i++
		return out, nil
	}
	for {
		r.space()
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, v)
		r.space()
		if r.i < len(r.s) && r.s[r.i] == ']' {
			r.i++
			return out, r.th.Alloc(16 * len(out.Items))
		}
		if r.i >= len(r.s) || r.s[r.i] != ',' {
			return nil, r.fail("Expecting ',' delimiter", r.i)
		}
		r.i++
	}
}

func (r *jsonReader) object() (Value, error) {
	d := NewDict()
	r.space()
	if r.i < len(r.s) && r.s[r.i] == '}' {
		r.i++
		return d, nil
	}
	for {
		r.space()
		if r.i >= len(r.s) || r.s[r.i] != '"' {
			return nil, r.fail("Expecting property name enclosed in double quotes", r.i)
		}
		r.i++
		key, err := r.str()
		if err != nil {
			return nil, err
		}
		r.space()
		if r.i >= len(r.s) || r.s[r.i] != ':' {
			return nil, r.fail("Expecting ':' delimiter", r.i)
		}
		r.i++
		r.space()
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		d.SetStr(key, v)
		r.space()
		if r.i < len(r.s) && r.s[r.i] == '}' {
			r.i++
			return d, r.th.Alloc(64 * d.Count())
		}
		if r.i >= len(r.s) || r.s[r.i] != ',' {
			return nil, r.fail("Expecting ',' delimiter", r.i)
		}
		r.i++
	}
}
