package py

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// Upper is s.upper(), with the long forms of letters such as ß.
func Upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

// Lower is s.lower().
func Lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

func casefold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Fold().String(s)
}

// Capitalize is s.capitalize().
func Capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return titleFirst(s[:n]) + Lower(s[n:])
}

// titleFirst writes one letter as a word begins with it.
func titleFirst(c string) string {
	if isASCII(c) {
		return strings.ToUpper(c)
	}
	r, _ := utf8.DecodeRuneInString(c)
	if t := unicode.ToTitle(r); t != r {
		return string(t)
	}
	up := Upper(c)
	_, n := utf8.DecodeRuneInString(up)
	return up[:n] + Lower(up[n:])
}

func isCased(r rune) bool {
	return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r)
}

func title(s string) string {
	var b strings.Builder
	inWord := false
	for _, r := range s {
		switch {
		case inWord:
			b.WriteString(Lower(string(r)))
		default:
			b.WriteString(titleFirst(string(r)))
		}
		inWord = isCased(r)
	}
	return b.String()
}

func swapcase(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) || unicode.IsTitle(r) {
			b.WriteString(Lower(string(r)))
		} else {
			b.WriteString(Upper(string(r)))
		}
	}
	return b.String()
}

// IsUpper is s.isupper().
func IsUpper(s string) bool {
	cased := false
	for _, r := range s {
		if unicode.IsLower(r) || unicode.IsTitle(r) {
			return false
		}
		cased = cased || unicode.IsUpper(r)
	}
	return cased
}

// IsLower is s.islower().
func IsLower(s string) bool {
	cased := false
	for _, r := range s {
		if unicode.IsUpper(r) || unicode.IsTitle(r) {
			return false
		}
		cased = cased || unicode.IsLower(r)
	}
	return cased
}

func isTitle(s string) bool {
	cased, prev := false, false
	for _, r := range s {
		switch {
		case unicode.IsUpper(r) || unicode.IsTitle(r):
			if prev {
				return false
			}
			cased, prev = true, true
		case unicode.IsLower(r):
			if !prev {
				return false
			}
		default:
			prev = false
		}
	}
	return cased
}

// isDigit also takes superscripts, as str.isdigit does.
func isDigit(r rune) bool {
	switch {
	case r == 0xb2 || r == 0xb3 || r == 0xb9 || r == 0x2070, r >= 0x2074 && r <= 0x2079, r >= 0x2080 && r <= 0x2089:
		return true
	}
	return unicode.IsDigit(r)
}

// IsIdentifier is s.isidentifier().
func IsIdentifier(s string) bool {
	for i, r := range s {
		if r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) {
			continue
		}
		if i == 0 || !(unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r) || unicode.Is(unicode.Pc, r)) {
			return false
		}
	}
	return s != ""
}

func expandTabs(th *Thread, self Value, a []Value) (Value, error) {
	size, err := AsIndex(Or(a[0], 8))
	if err != nil {
		return nil, err
	}
	s, _ := IsString(self)
	var b strings.Builder
	col := 0
	for _, r := range s {
		switch r {
		case '\t':
			if size > 0 {
				n := size - col%size
				if err := th.Alloc(n); err != nil {
					return nil, err
				}
				b.WriteString(strings.Repeat(" ", n))
				col += n
			}
		case '\n', '\r':
			b.WriteRune(r)
			col = 0
		default:
			b.WriteRune(r)
			col++
		}
	}
	return b.String(), nil
}

func encode(_ *Thread, self Value, a []Value) (Value, error) {
	s, _ := IsString(self)
	enc, err := needStr("encode() argument 'encoding'", Or(a[0], "utf-8"))
	if err != nil {
		return nil, err
	}
	mode, err := needStr("encode() argument 'errors'", Or(a[1], "strict"))
	if err != nil {
		return nil, err
	}
	var limit rune
	name := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(enc))
	switch name {
	case "utf8":
		return Bytes(s), nil
	case "ascii", "usascii":
		limit, name = 0x7f, "ascii"
	case "latin1", "iso88591":
		limit, name = 0xff, "latin-1"
	default:
		return nil, Errorf("LookupError", "unknown encoding: %s", enc)
	}
	return encodeNarrow(s, name, mode, limit)
}

func encodeNarrow(s, name, mode string, limit rune) (Value, error) {
	var b []byte
	pos := 0
	for _, r := range s {
		switch {
		case r <= limit:
			b = append(b, byte(r))
		case mode == "ignore":
		case mode == "replace":
			b = append(b, '?')
		case mode == "backslashreplace":
			b = appendEscape(b, r)
		default:
			return nil, Errorf("UnicodeEncodeError", "'%s' codec can't encode character '%s' in position %d: ordinal not in range(%d)", name, appendEscape(nil, r), pos, limit+1)
		}
		pos++
	}
	return Bytes(b), nil
}

func translate(th *Thread, s string, a []Value) (Value, error) {
	var b strings.Builder
	for _, r := range s {
		v, err := Item(th, a[0], int(r))
		if IsClass(err, "LookupError") {
			b.WriteRune(r)
			continue
		}
		if err != nil {
			return nil, err
		}
		switch x := v.(type) {
		case nil:
		case int:
			b.WriteRune(rune(x))
		case string:
			b.WriteString(x)
		default:
			return nil, TypeError("character mapping must return integer, None or str")
		}
	}
	return b.String(), th.Alloc(b.Len())
}

func makeTrans(_ *Thread, _ Value, a []Value) (Value, error) {
	out := NewDict()
	if d, ok := a[0].(*Dict); ok && isMissing(a[1]) {
		for k, v := range d.All {
			if s, isStr := k.(string); isStr {
				r, _ := utf8.DecodeRuneInString(s)
				k = int(r)
			}
			if err := out.Set(k, v); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	from, ok1 := IsString(a[0])
	to, ok2 := IsString(Or(a[1], nil))
	if !ok1 || !ok2 {
		return nil, TypeError("if you give only one argument to maketrans it must be a dict")
	}
	x, y := []rune(from), []rune(to)
	if len(x) != len(y) {
		return nil, ValueError("the first two maketrans arguments must have equal length")
	}
	for i, r := range x {
		if err := out.Set(int(r), int(y[i])); err != nil {
			return nil, err
		}
	}
	drop, _ := IsString(Or(a[2], ""))
	for _, r := range drop {
		if err := out.Set(int(r), nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// markupMethods are those of str; what makes text stays Markup.
var markupMethods = makeMarkupMethods()

func makeMarkupMethods() map[string]method {
	out := make(map[string]method, len(strMethods)+2)
	for name, m := range strMethods {
		out[name] = markupMethod(m)
	}
	// These insert other values, which are escaped first.
	for _, name := range []string{"join", "replace"} {
		m := strMethods[name]
		out[name] = func(th *Thread, self Value, a Args) (Value, error) {
			esc := Args{Kw: a.Kw}
			for _, v := range a.Pos {
				e, err := escapeMember(th, v)
				if err != nil {
					return nil, err
				}
				esc.Pos = append(esc.Pos, e)
			}
			return markupMethod(m)(th, self, esc)
		}
	}
	out["striptags"] = fixed("Markup.striptags", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) {
		return StripTags(string(v.(Markup))), nil
	})
	out["unescape"] = fixed("Markup.unescape", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) {
		return Unescape(string(v.(Markup))), nil
	})
	return out
}

func escapeMember(th *Thread, v Value) (Value, error) {
	if _, ok := IsString(v); ok {
		m, err := ToMarkup(th, v)
		return string(m), err
	}
	if _, ok := AsInt(v); ok {
		return v, nil
	}
	items, err := Collect(th, v)
	if err != nil {
		return nil, err
	}
	out := make([]Value, len(items))
	for i, x := range items {
		m, err := ToMarkup(th, x)
		if err != nil {
			return nil, err
		}
		out[i] = string(m)
	}
	return &List{Items: out}, nil
}

func markupMethod(m method) method {
	return func(th *Thread, self Value, a Args) (Value, error) {
		v, err := m(th, self, a)
		return toMarkups(v), err
	}
}

func toMarkups(v Value) Value {
	switch x := v.(type) {
	case string:
		return Markup(x)
	case Tuple:
		for i := range x {
			x[i] = toMarkups(x[i])
		}
	case *List:
		for i := range x.Items {
			x.Items[i] = toMarkups(x.Items[i])
		}
	}
	return v
}

var bytesMethods = map[string]method{
	"decode": named("decode", func(_ *Thread, self Value, a []Value) (Value, error) {
		enc, err := needStr("decode() argument 'encoding'", Or(a[0], "utf-8"))
		if err != nil {
			return nil, err
		}
		s := string(self.(Bytes))
		switch strings.ToLower(strings.ReplaceAll(enc, "_", "-")) {
		case "utf-8", "utf8", "ascii":
			if !utf8.ValidString(s) {
				return nil, Errorf("UnicodeDecodeError", "'utf-8' codec can't decode bytes: invalid start byte")
			}
			return s, nil
		case "latin-1", "latin1", "iso-8859-1":
			r := make([]rune, len(s))
			for i := range r {
				r[i] = rune(s[i])
			}
			return string(r), nil
		}
		return nil, Errorf("LookupError", "unknown encoding: %s", enc)
	}, "encoding?", "errors?"),
	"hex": fixed("bytes.hex", 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) {
		var b strings.Builder
		for _, c := range []byte(self.(Bytes)) {
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
		return b.String(), nil
	}),
}
