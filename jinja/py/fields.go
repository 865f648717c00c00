package py

import (
	"strconv"
	"strings"
)

// formatter runs one str.format call.
type formatter struct {
	th   *Thread
	pos  []Value
	kw   Value // a dict, or what format_map was given
	auto int   // the next automatic number
	hand bool  // numbers were given
}

// Format is Python's s.format(*pos, **kw). Attribute and item access inside fields go through the
// thread's Getattr and Getitem when they are set.
func Format(th *Thread, s string, pos []Value, kw Value) (string, error) {
	f := &formatter{th: th, pos: pos, kw: kw}
	return f.run(s, 2)
}

func (f *formatter) run(s string, depth int) (string, error) {
	if depth < 0 {
		return "", ValueError("Max string recursion exceeded")
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		c := s[i]
		s = s[i+1:]
		if s != "" && s[0] == c {
			b.WriteByte(c)
			s = s[1:]
			continue
		}
		if c == '}' {
			return "", ValueError("Single '}' encountered in format string")
		}
		if s == "" {
			return "", ValueError("Single '{' encountered in format string")
		}
		end := closing(s)
		if end < 0 {
			return "", ValueError("expected '}' before end of string")
		}
		out, err := f.field(s[:end], depth)
		if err != nil {
			return "", err
		}
		if err := f.th.Alloc(len(out)); err != nil {
			return "", err
		}
		b.WriteString(out)
		s = s[end+1:]
	}
	return b.String(), nil
}

// closing finds the brace that ends a field, behind nested ones.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

func (f *formatter) field(s string, depth int) (string, error) {
	name, sp, conv := s, "", byte(0)
	if i := fieldEnd(s); i >= 0 {
		name = s[:i]
		if s[i] == '!' {
			rest := s[i+1:]
			if rest == "" {
				return "", ValueError("end of string while looking for conversion specifier")
			}
			conv = rest[0]
			switch {
			case len(rest) > 1 && rest[1] != ':':
				return "", ValueError("expected ':' after conversion specifier")
			case len(rest) > 1:
				sp = rest[2:]
			}
		} else {
			sp = s[i+1:]
		}
	}
	v, err := f.lookup(name)
	if err != nil {
		return "", err
	}
	if conv != 0 {
		if v, err = convert(f.th, v, conv); err != nil {
			return "", err
		}
	}
	if strings.ContainsAny(sp, "{}") {
		if sp, err = f.run(sp, depth-1); err != nil {
			return "", err
		}
	}
	return FormatValue(f.th, v, sp)
}

// fieldEnd finds the '!' or ':' that ends a field's name, outside of brackets.
func fieldEnd(s string) int {
	in := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			in = true
		case ']':
			in = false
		case '!', ':':
			if !in {
				return i
			}
		}
	}
	return -1
}

func convert(th *Thread, v Value, conv byte) (Value, error) {
	switch conv {
	case 's':
		return Str(th, v)
	case 'r':
		return Repr(th, v)
	case 'a':
		s, err := Repr(th, v)
		return ASCII(s), err
	}
	return nil, ValueError("Unknown conversion specifier %c", conv)
}

// ASCII escapes what is not ASCII in a repr.
func ASCII(s string) string {
	if isASCII(s) {
		return s
	}
	var b []byte
	for _, r := range s {
		if r < 0x80 {
			b = append(b, byte(r))
		} else {
			b = appendEscape(b, r)
		}
	}
	return string(b)
}

func (f *formatter) lookup(name string) (Value, error) {
	i := strings.IndexAny(name, ".[")
	if i < 0 {
		i = len(name)
	}
	v, err := f.first(name[:i])
	if err != nil {
		return nil, err
	}
	rest := name[i:]
	for rest != "" {
		if rest[0] == '.' {
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			if end == 1 {
				return nil, ValueError("Empty attribute in format string")
			}
			if v, err = f.attr(v, rest[1:end]); err != nil {
				return nil, err
			}
			rest = rest[end:]
			continue
		}
		end := strings.IndexByte(rest, ']')
		if rest[0] != '[' {
			return nil, ValueError("Only '.' or '[' may follow ']' in format field specifier")
		}
		if end < 0 {
			return nil, ValueError("Missing ']' in format string")
		}
		if end == 1 {
			return nil, ValueError("Empty attribute in format string")
		}
		var key Value = rest[1:end]
		if n, err := strconv.Atoi(rest[1:end]); err == nil && rest[1] != '-' && rest[1] != '+' {
			key = n
		}
		if v, err = f.item(v, key); err != nil {
			return nil, err
		}
		rest = rest[end+1:]
	}
	return v, nil
}

func (f *formatter) attr(v Value, name string) (Value, error) {
	return f.th.Getattr(f.th, v, name)
}

func (f *formatter) item(v, key Value) (Value, error) {
	return f.th.Getitem(f.th, v, key)
}

func (f *formatter) first(name string) (Value, error) {
	n, err := strconv.Atoi(name)
	switch {
	case name == "":
		if f.hand {
			return nil, ValueError("cannot switch from manual field specification to automatic field numbering")
		}
		n = f.auto
		f.auto++
	case err != nil || name[0] == '-' || name[0] == '+':
		return Item(f.th, f.kw, name)
	default:
		if f.auto > 0 {
			return nil, ValueError("cannot switch from automatic field numbering to manual field specification")
		}
		f.hand = true
	}
	if n >= len(f.pos) {
		return nil, Errorf("IndexError", "Replacement index %d out of range for positional args tuple", n)
	}
	return f.pos[n], nil
}
