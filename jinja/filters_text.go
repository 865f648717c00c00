package jinja

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/jinja/py"
)

var textFilters = map[string]filterFunc{
	"upper":      onText("do_upper", py.Upper),
	"lower":      onText("do_lower", py.Lower),
	"capitalize": onText("do_capitalize", py.Capitalize),
	"title":      onText("do_title", titleWords),
	"string":     filterOf("soft_str", func(r *run, a []py.Value) (py.Value, error) { return soft(r, a[0]) }, "s"),
	"trim": filterOf("do_trim", func(r *run, a []py.Value) (py.Value, error) {
		v, err := soft(r, a[0])
		if err != nil {
			return nil, err
		}
		return method(r, v, "strip", py.Or(a[1], nil))
	}, "value", "chars?"),
	"center": filterOf("do_center", func(r *run, a []py.Value) (py.Value, error) {
		s, err := text(r, a[0])
		if err != nil {
			return nil, err
		}
		v, err := method(r, s, "center", py.Or(a[1], 80))
		if s, ok := v.(string); ok {
			return like(a[0], s), err
		}
		return v, err
	}, "value", "width?"),
	"replace":        filterOf("do_replace", replace, "env", "s", "old", "new", "count?"),
	"format":         formatFilter,
	"truncate":       filterOf("do_truncate", truncate, "env", "s", "length?", "killwords?", "end?", "leeway?"),
	"wordcount":      filterOf("do_wordcount", wordcount, "s"),
	"wordwrap":       filterOf("do_wordwrap", wordwrap, "env", "s", "width?", "break_long_words?", "wrapstring?", "break_on_hyphens?"),
	"indent":         filterOf("do_indent", indent, "s", "width?", "first?", "blank?"),
	"pprint":         filterOf("do_pprint", pprint, "value"),
	"filesizeformat": filterOf("do_filesizeformat", filesize, "value", "binary?"),
}

// titleWords is Jinja's title: words begin after blanks, hyphens and opening brackets.
func titleWords(s string) string {
	var b strings.Builder
	start := true
	for i := 0; i < len(s); {
		rn, n := utf8.DecodeRuneInString(s[i:])
		c := s[i : i+n]
		i += n
		switch {
		case strings.ContainsRune("-([{<", rn) || py.TrimSpace(c) == "":
			b.WriteString(c)
			start = true
		case start:
			b.WriteString(py.Upper(c))
			start = false
		default:
			b.WriteString(py.Lower(c))
		}
	}
	return b.String()
}

func replace(r *run, a []py.Value) (py.Value, error) {
	count := py.Or(a[3], nil)
	if count == nil {
		count = -1
	}
	if !r.autoescape {
		s, err := text(r, a[0])
		if err != nil {
			return nil, err
		}
		old, err := text(r, a[1])
		if err != nil {
			return nil, err
		}
		repl, err := text(r, a[2])
		if err != nil {
			return nil, err
		}
		return method(r, s, "replace", old, repl, count)
	}
	v, err := soft(r, a[0])
	if err != nil {
		return nil, err
	}
	repl, err := soft(r, a[2])
	if err != nil {
		return nil, err
	}
	return method(r, v, "replace", a[1], repl, count)
}

// formatFilter is s|format(...): the % operator.
func formatFilter(r *run, v py.Value, a py.Args) (py.Value, error) {
	if len(a.Pos) > 0 && len(a.Kw) > 0 {
		return nil, py.Errorf(classArgument, "can't handle positional and keyword arguments at the same time")
	}
	s, err := soft(r, v)
	if err != nil {
		return nil, err
	}
	if len(a.Kw) > 0 {
		d := py.NewDict()
		return firstOf(py.Binary(r.th, "%", s, d))(py.UpdateDict(r.th, d, "dict", py.Args{Kw: a.Kw}))
	}
	return py.Binary(r.th, "%", s, py.Tuple(a.Pos))
}

// firstOf lets a later error win; see formatFilter.

func truncate(r *run, a []py.Value) (py.Value, error) {
	length, err := intArg(a[1], 255)
	if err != nil {
		return nil, err
	}
	kill, err := truth(r, py.Or(a[2], false))
	if err != nil {
		return nil, err
	}
	end, err := text(r, py.Or(a[3], "..."))
	if err != nil {
		return nil, err
	}
	leeway := 5
	if l := py.Or(a[4], nil); l != nil {
		if leeway, err = py.AsIndex(l); err != nil {
			return nil, err
		}
	}
	endLen := utf8.RuneCountInString(end)
	if length < endLen {
		return nil, py.Errorf("AssertionError", "expected length >= %d, got %d", endLen, length)
	}
	if leeway < 0 {
		return nil, py.Errorf("AssertionError", "expected leeway >= 0, got %d", leeway)
	}
	n, err := py.Len(r.th, a[0])
	if err != nil || n <= length+leeway {
		return a[0], err
	}
	s, err := text(r, a[0])
	if err != nil {
		return nil, err
	}
	cut := string([]rune(s)[:length-endLen])
	if !kill {
		if i := strings.LastIndexByte(cut, ' '); i >= 0 {
			cut = cut[:i]
		}
	}
	return like(a[0], cut+end), nil
}

func wordcount(r *run, a []py.Value) (py.Value, error) {
	s, err := text(r, a[0])
	n, in := 0, false
	for _, c := range s {
		word := c == '_' || isWord(c)
		if word && !in {
			n++
		}
		in = word
	}
	return n, err
}

func indent(r *run, a []py.Value) (py.Value, error) {
	by, ok := py.IsString(py.Or(a[1], 4))
	if !ok {
		n, err := intArg(a[1], 4)
		if err != nil {
			return nil, err
		}
		if by, err = py.Pad(r.th, "", n, " ", '<'); err != nil {
			return nil, err
		}
	}
	first, err := truth(r, py.Or(a[2], false))
	if err != nil {
		return nil, err
	}
	blank, err := truth(r, py.Or(a[3], false))
	if err != nil {
		return nil, err
	}
	s, ok := py.IsString(a[0])
	if !ok {
		// Jinja adds a newline to the value, so that anything but text fails in that way.
		v, err := py.Binary(r.th, "+", a[0], "\n")
		var e *py.Error
		if errors.As(err, &e) {
			err = &py.Error{Class: e.Class, Msg: strings.Replace(e.Msg, "for +:", "for +=:", 1)}
		}
		return v, err
	}
	var lines []string
	if blank {
		lines = py.SplitLines(s+"\n", false)
		s = strings.Join(lines, "\n"+by)
	} else {
		lines = py.SplitLines(s+"\n", false)
		for i, l := range lines {
			if i > 0 && l != "" {
				lines[i] = by + l
			}
		}
		s = strings.Join(lines, "\n")
	}
	if first {
		s = by + s
	}
	return like(a[0], s), r.th.Alloc(len(s) + len(lines)*len(by))
}

func filesize(r *run, a []py.Value) (py.Value, error) {
	v, err := py.Float(r.th, a[0])
	if err != nil {
		return nil, err
	}
	bytes := v.(float64)
	binary, err := truth(r, py.Or(a[1], false))
	if err != nil {
		return nil, err
	}
	base, prefixes := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if binary {
		base, prefixes = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	if bytes == 1 {
		return "1 Byte", nil
	}
	if bytes < base {
		if math.IsInf(bytes, 0) || math.IsNaN(bytes) {
			return nil, py.Errorf("OverflowError", "cannot convert float infinity to integer")
		}
		return strconv.FormatFloat(math.Trunc(bytes)+0, 'f', 0, 64) + " Bytes", nil
	}
	unit := base
	prefix := ""
	for i, p := range prefixes {
		unit = math.Pow(base, float64(i+2))
		prefix = p
		if bytes < unit {
			break
		}
	}
	return strconv.FormatFloat(base*bytes/unit, 'f', 1, 64) + " " + prefix, nil
}
