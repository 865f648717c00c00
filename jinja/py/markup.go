package py

import "strings"

// Markup is markupsafe's Markup: text that is already safe for HTML. Joining it with plain text escapes that.
type Markup string

// Type is markupsafe.Markup.
func (Markup) Type() *Type { return markupType }

const htmlChars = "&<>\"'"

// Escape replaces the five characters that HTML gives a meaning.
func Escape(s string) Markup {
	if !strings.ContainsAny(s, htmlChars) {
		return Markup(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '"':
			b.WriteString("&#34;")
		case '\'':
			b.WriteString("&#39;")
		default:
			b.WriteByte(c)
		}
	}
	return Markup(b.String())
}

// ToMarkup is markupsafe's escape(v): Markup stays as it is.
func ToMarkup(th *Thread, v Value) (Markup, error) {
	if m, ok := v.(Markup); ok {
		return m, nil
	}
	s, err := Str(th, v)
	return Escape(s), err
}

// Binary joins, repeats and formats.
func (m Markup) Binary(th *Thread, op string, other Value, reflected bool) (Value, bool, error) {
	switch op {
	case "+":
		if _, ok := IsString(other); !ok {
			return nil, false, nil
		}
		o, err := ToMarkup(th, other)
		if err != nil {
			return nil, true, err
		}
		if reflected {
			return o + m, true, nil
		}
		return m + o, true, nil
	case "*":
		n, ok := AsInt(other)
		if !ok {
			return nil, false, nil
		}
		v, err := repeat(th, string(m), n)
		if err != nil {
			return nil, true, err
		}
		return Markup(v.(string)), true, nil
	case "%":
		if reflected {
			return nil, false, nil
		}
		arg, err := escapeArgs(th, other)
		if err != nil {
			return nil, true, err
		}
		s, err := Percent(th, string(m), arg)
		return Markup(s), true, err
	}
	return nil, false, nil
}

// escapeArgs escapes every text that % is going to insert.
func escapeArgs(th *Thread, v Value) (Value, error) {
	switch x := v.(type) {
	case Tuple:
		out := make(Tuple, len(x))
		for i, item := range x {
			e, err := escapeArgs(th, item)
			if err != nil {
				return nil, err
			}
			out[i] = e
		}
		return out, nil
	case *Dict:
		out := NewDict()
		for k, item := range x.All {
			e, err := escapeArgs(th, item)
			if err != nil {
				return nil, err
			}
			if err := out.Set(k, e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case int, float64, bool:
		return v, nil
	}
	m, err := ToMarkup(th, v)
	return string(m), err
}
