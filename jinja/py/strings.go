package py

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// strMethod makes a method of str with min to max positional arguments.
func strMethod(name string, minArgs, maxArgs int, fn func(th *Thread, s string, a []Value) (Value, error)) method {
	return fixed("str."+name, minArgs, maxArgs, func(th *Thread, self Value, a []Value) (Value, error) {
		s, _ := IsString(self)
		if err := th.Alloc(len(s)); err != nil {
			return nil, err
		}
		return fn(th, s, a)
	})
}

func simple(name string, fn func(string) Value) method {
	return strMethod(name, 0, 0, func(_ *Thread, s string, _ []Value) (Value, error) { return fn(s), nil })
}

func every(name string, empty bool, ok func(rune) bool) method {
	return simple(name, func(s string) Value {
		for _, r := range s {
			if !ok(r) {
				return false
			}
		}
		return s != "" || empty
	})
}

var strMethods = map[string]method{
	"upper":        simple("upper", func(s string) Value { return Upper(s) }),
	"lower":        simple("lower", func(s string) Value { return Lower(s) }),
	"casefold":     simple("casefold", func(s string) Value { return casefold(s) }),
	"capitalize":   simple("capitalize", func(s string) Value { return Capitalize(s) }),
	"title":        simple("title", func(s string) Value { return title(s) }),
	"swapcase":     simple("swapcase", func(s string) Value { return swapcase(s) }),
	"isdigit":      every("isdigit", false, isDigit),
	"isdecimal":    every("isdecimal", false, unicode.IsDigit),
	"isnumeric":    every("isnumeric", false, unicode.IsNumber),
	"isalpha":      every("isalpha", false, unicode.IsLetter),
	"isalnum":      every("isalnum", false, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
	"isspace":      every("isspace", false, isSpace),
	"isascii":      every("isascii", true, func(r rune) bool { return r < utf8.RuneSelf }),
	"isprintable":  every("isprintable", true, unicode.IsPrint),
	"isupper":      simple("isupper", func(s string) Value { return IsUpper(s) }),
	"islower":      simple("islower", func(s string) Value { return IsLower(s) }),
	"istitle":      simple("istitle", func(s string) Value { return isTitle(s) }),
	"isidentifier": simple("isidentifier", func(s string) Value { return IsIdentifier(s) }),
	"strip":        strMethod("strip", 0, 1, stripper("strip", true, true)),
	"lstrip":       strMethod("lstrip", 0, 1, stripper("lstrip", true, false)),
	"rstrip":       strMethod("rstrip", 0, 1, stripper("rstrip", false, true)),
	"split":        splitMethod("split", false),
	"rsplit":       splitMethod("rsplit", true),
	"splitlines": named("splitlines", func(th *Thread, self Value, a []Value) (Value, error) {
		keep, err := Truth(th, Or(a[0], false))
		s, _ := IsString(self)
		return strList(SplitLines(s, keep)), err
	}, "keepends?"),
	"join":       strMethod("join", 1, 1, join),
	"replace":    replaceMethod,
	"startswith": strMethod("startswith", 1, 3, affix("startswith", strings.HasPrefix)),
	"endswith":   strMethod("endswith", 1, 3, affix("endswith", strings.HasSuffix)),
	"find":       strMethod("find", 1, 3, search("find", strings.Index, false)),
	"rfind":      strMethod("rfind", 1, 3, search("rfind", strings.LastIndex, false)),
	"index":      strMethod("index", 1, 3, search("index", strings.Index, true)),
	"rindex":     strMethod("rindex", 1, 3, search("rindex", strings.LastIndex, true)),
	"count":      strMethod("count", 1, 3, strCount),
	"center":     strMethod("center", 1, 2, pad("center", '^')),
	"ljust":      strMethod("ljust", 1, 2, pad("ljust", '<')),
	"rjust":      strMethod("rjust", 1, 2, pad("rjust", '>')),
	"zfill":      strMethod("zfill", 1, 1, zfill),
	"partition":  strMethod("partition", 1, 1, partition(strings.Index, false)),
	"rpartition": strMethod("rpartition", 1, 1, partition(strings.LastIndex, true)),
	"expandtabs": named("expandtabs", expandTabs, "tabsize?"),
	"encode":     named("encode", encode, "encoding?", "errors?"),
	"translate":  strMethod("translate", 1, 1, translate),
	"maketrans":  fixed("str.maketrans", 1, 3, makeTrans),
	"format":     func(th *Thread, self Value, a Args) (Value, error) { return formatMethod(th, self, a) },
	"format_map": fixed("str.format_map", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		s, _ := IsString(self)
		return Format(th, s, nil, a[0])
	}),
	"removeprefix": strMethod("removeprefix", 1, 1, func(_ *Thread, s string, a []Value) (Value, error) {
		p, err := needStr("removeprefix() argument", a[0])
		return strings.TrimPrefix(s, p), err
	}),
	"removesuffix": strMethod("removesuffix", 1, 1, func(_ *Thread, s string, a []Value) (Value, error) {
		p, err := needStr("removesuffix() argument", a[0])
		return strings.TrimSuffix(s, p), err
	}),
}

// formatMethod is a function so that the method table and Format do not refer to each other.
func formatMethod(th *Thread, self Value, a Args) (Value, error) {
	s, _ := IsString(self)
	kw := NewDict()
	for _, k := range a.Kw {
		kw.SetStr(k.Name, k.Value)
	}
	return Format(th, s, a.Pos, kw)
}

func needStr(what string, v Value) (string, error) {
	s, ok := IsString(v)
	if !ok {
		return "", TypeError("%s must be str, not %s", what, TypeOf(v).Name)
	}
	return s, nil
}

func strList(parts []string) *List {
	items := make([]Value, len(parts))
	for i, p := range parts {
		items[i] = p
	}
	return &List{Items: items}
}

// isSpace is Python's idea of white space.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

func stripper(name string, left, right bool) func(*Thread, string, []Value) (Value, error) {
	return func(_ *Thread, s string, a []Value) (Value, error) {
		in := isSpace
		if set := Or(a[0], nil); set != nil {
			chars, ok := IsString(set)
			if !ok {
				return nil, TypeError("%s arg must be None or str", name)
			}
			in = func(r rune) bool { return strings.ContainsRune(chars, r) }
		}
		if left {
			s = strings.TrimLeftFunc(s, in)
		}
		if right {
			s = strings.TrimRightFunc(s, in)
		}
		return s, nil
	}
}

// TrimSpace is s.strip().
func TrimSpace(s string) string { return strings.TrimFunc(s, isSpace) }

func splitMethod(name string, right bool) method {
	return named(name, func(th *Thread, self Value, a []Value) (Value, error) {
		s, _ := IsString(self)
		limit, err := AsIndex(Or(a[1], -1))
		if err != nil {
			return nil, err
		}
		var parts []string
		if sep := Or(a[0], nil); sep == nil {
			parts = splitSpace(s, limit, right)
		} else {
			sp, ok := IsString(sep)
			if !ok {
				return nil, TypeError("must be str or None, not %s", TypeOf(sep).Name)
			}
			if sp == "" {
				return nil, ValueError("empty separator")
			}
			parts = splitSep(s, sp, limit, right)
		}
		return strList(parts), th.Alloc(len(s) + 16*len(parts))
	}, "sep?", "maxsplit?")
}

func splitSep(s, sep string, limit int, right bool) []string {
	if limit < 0 {
		return strings.Split(s, sep)
	}
	if !right {
		return strings.SplitN(s, sep, min(limit, math.MaxInt-1)+1)
	}
	var out []string
	for ; limit > 0; limit-- {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		out = append(out, s[i+len(sep):])
		s = s[:i]
	}
	out = append(out, s)
	reverseStrings(out)
	return out
}

func reverseStrings(s []string) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

func splitSpace(s string, limit int, right bool) []string {
	if limit < 0 {
		return strings.FieldsFunc(s, isSpace)
	}
	var out []string
	if right {
		for s = strings.TrimRightFunc(s, isSpace); s != ""; s = strings.TrimRightFunc(s, isSpace) {
			i := strings.LastIndexFunc(s, isSpace)
			if limit == 0 || i < 0 {
				out = append(out, s)
				break
			}
			_, n := utf8.DecodeRuneInString(s[i:])
			out = append(out, s[i+n:])
			s = s[:i]
			limit--
		}
		reverseStrings(out)
		return out
	}
	for s = strings.TrimLeftFunc(s, isSpace); s != ""; s = strings.TrimLeftFunc(s, isSpace) {
		i := strings.IndexFunc(s, isSpace)
		if limit == 0 || i < 0 {
			out = append(out, s)
			break
		}
		out = append(out, s[:i])
		s = s[i:]
		limit--
	}
	return out
}

// SplitLines is s.splitlines(keep).
func SplitLines(s string, keep bool) []string {
	var out []string
	start := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !isLineBreak(r) {
			i += n
			continue
		}
		end := i + n
		if r == '\r' && end < len(s) && s[end] == '\n' {
			end++
		}
		if keep {
			out = append(out, s[start:end])
		} else {
			out = append(out, s[start:i])
		}
		start, i = end, end
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

func isLineBreak(r rune) bool {
	return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
}

func join(th *Thread, s string, a []Value) (Value, error) {
	items, err := Collect(th, a[0])
	if err != nil {
		if IsClass(err, "TypeError") {
			return nil, TypeError("can only join an iterable")
		}
		return nil, err
	}
	var b strings.Builder
	for i, v := range items {
		p, ok := IsString(v)
		if !ok {
			return nil, TypeError("sequence item %d: expected str instance, %s found", i, TypeOf(v).Name)
		}
		if i > 0 {
			b.WriteString(s)
		}
		if err := th.Alloc(len(p) + len(s)); err != nil {
			return nil, err
		}
		b.WriteString(p)
	}
	return b.String(), nil
}

// replaceMethod takes count by keyword too, as Python does since 3.13.
func replaceMethod(th *Thread, self Value, a Args) (Value, error) {
	if len(a.Kw) == 1 && a.Kw[0].Name == "count" && len(a.Pos) == 2 {
		a = Args{Pos: append(a.Pos[:2:2], a.Kw[0].Value)}
	}
	args, err := BindNative("str.replace", a, 2, 3)
	if err != nil {
		return nil, err
	}
	old, ok := IsString(args[0])
	if !ok {
		return nil, TypeError("replace() argument 1 must be str, not %s", TypeOf(args[0]).Name)
	}
	repl, ok := IsString(args[1])
	if !ok {
		return nil, TypeError("replace() argument 2 must be str, not %s", TypeOf(args[1]).Name)
	}
	n, err := AsIndex(Or(args[2], -1))
	if err != nil {
		return nil, err
	}
	s, _ := IsString(self)
	return Replace(th, s, old, repl, n)
}

// Replace is s.replace(old, new, n), bounded.
func Replace(th *Thread, s, old, repl string, n int) (string, error) {
	hits := strings.Count(s, old)
	if n >= 0 {
		hits = min(hits, n)
	}
	if hits > 0 && len(repl) > math.MaxInt/2/hits {
		return "", Errorf("OverflowError", "replace string is too long")
	}
	if err := th.Alloc(len(s) + hits*len(repl)); err != nil {
		return "", err
	}
	return strings.Replace(s, old, repl, n), nil
}

// runeWindow clips s to [start:end] in runes; ok is false when start lies behind the end.
func runeWindow(s string, from, to Value) (sub string, offset int, ok bool, err error) {
	if isMissing(from) && isMissing(to) {
		return s, 0, true, nil
	}
	n := utf8.RuneCountInString(s)
	start, end, err := window(from, to, n)
	if err != nil || start > n {
		return "", 0, false, err
	}
	if n == len(s) {
		return s[start:end], start, true, nil
	}
	return string([]rune(s)[start:end]), start, true, nil
}

func affix(name string, has func(s, p string) bool) func(*Thread, string, []Value) (Value, error) {
	return func(_ *Thread, s string, a []Value) (Value, error) {
		sub, _, ok, err := runeWindow(s, a[1], a[2])
		if err != nil {
			return nil, err
		}
		if p, isStr := IsString(a[0]); isStr {
			return ok && has(sub, p), nil
		}
		t, isTuple := a[0].(Tuple)
		if !isTuple {
			return nil, TypeError("%s first arg must be str or a tuple of str, not %s", name, TypeOf(a[0]).Name)
		}
		for _, v := range t {
			p, isStr := IsString(v)
			if !isStr {
				return nil, TypeError("tuple for %s must only contain str, not %s", name, TypeOf(v).Name)
			}
			if ok && has(sub, p) {
				return true, nil
			}
		}
		return false, nil
	}
}

func search(name string, in func(s, sub string) int, must bool) func(*Thread, string, []Value) (Value, error) {
	return func(_ *Thread, s string, a []Value) (Value, error) {
		p, ok := IsString(a[0])
		if !ok {
			return nil, TypeError("must be str, not %s", TypeOf(a[0]).Name)
		}
		sub, offset, ok, err := runeWindow(s, a[1], a[2])
		if err != nil {
			return nil, err
		}
		if i := in(sub, p); ok && i >= 0 {
			return offset + utf8.RuneCountInString(sub[:i]), nil
		}
		if must {
			return nil, ValueError("substring not found")
		}
		_ = name
		return -1, nil
	}
}

func strCount(_ *Thread, s string, a []Value) (Value, error) {
	p, ok := IsString(a[0])
	if !ok {
		return nil, TypeError("must be str, not %s", TypeOf(a[0]).Name)
	}
	sub, _, ok, err := runeWindow(s, a[1], a[2])
	if err != nil || !ok {
		return 0, err
	}
	return strings.Count(sub, p), nil
}

func pad(name string, align byte) func(*Thread, string, []Value) (Value, error) {
	return func(th *Thread, s string, a []Value) (Value, error) {
		width, err := AsIndex(a[0])
		if err != nil {
			return nil, err
		}
		fill := " "
		if f := Or(a[1], " "); f != nil {
			var ok bool
			if fill, ok = IsString(f); !ok {
				return nil, TypeError("%s() argument 2 must be a unicode character, not %s", "The fill character must be a unicode character", TypeOf(f).Name)
			}
			if utf8.RuneCountInString(fill) != 1 {
				return nil, TypeError("The fill character must be exactly one character long")
			}
		}
		_ = name
		return Pad(th, s, width, fill, align)
	}
}

// Pad fills s to width runes; align is '<', '>' or '^' (which leans as str.center does).
func Pad(th *Thread, s string, width int, fill string, align byte) (string, error) {
	n := width - utf8.RuneCountInString(s)
	if n <= 0 {
		return s, nil
	}
	if n > math.MaxInt/8 {
		return "", Errorf("MemoryError", "")
	}
	if err := th.Alloc(n * len(fill)); err != nil {
		return "", err
	}
	left := 0
	switch align {
	case '>':
		left = n
	case '^':
		left = n/2 + n&width&1
	}
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, n-left), nil
}

func zfill(th *Thread, s string, a []Value) (Value, error) {
	width, err := AsIndex(a[0])
	if err != nil {
		return nil, err
	}
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		sign, s = s[:1], s[1:]
	}
	p, err := Pad(th, s, width-len(sign), "0", '>')
	return sign + p, err
}

func partition(in func(s, sep string) int, right bool) func(*Thread, string, []Value) (Value, error) {
	return func(_ *Thread, s string, a []Value) (Value, error) {
		sep, ok := IsString(a[0])
		if !ok {
			return nil, TypeError("must be str, not %s", TypeOf(a[0]).Name)
		}
		if sep == "" {
			return nil, ValueError("empty separator")
		}
		i := in(s, sep)
		switch {
		case i >= 0:
			return Tuple{s[:i], sep, s[i+len(sep):]}, nil
		case right:
			return Tuple{"", "", s}, nil
		}
		return Tuple{s, "", ""}, nil
	}
}
