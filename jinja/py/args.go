package py

import (
	"fmt"
	"strings"
)

// Bind matches arguments against parameters as Python does and answers their values in order.
// A parameter "x" is required, "x?" optional (absent values are the Go value [Missing]); after "*",
// parameters are by keyword only.
// The error messages are those of a function written in Python.
func Bind(name string, a Args, params ...string) ([]Value, error) {
	names, req, kwOnly := splitParams(params)
	out := make([]Value, len(names))
	for i := range out {
		out[i] = Missing
	}
	nPos := len(names)
	if kwOnly >= 0 {
		nPos = kwOnly
	}
	if len(a.Pos) > nPos {
		return nil, tooMany(name, nPos, requiredCount(req[:nPos]), len(a.Pos))
	}
	copy(out, a.Pos)
	for _, kw := range a.Kw {
		i := indexOf(names, kw.Name)
		if i < 0 {
			return nil, TypeError("%s() got an unexpected keyword argument '%s'", name, kw.Name)
		}
		if out[i] != nil && !isMissing(out[i]) || i < len(a.Pos) {
			return nil, TypeError("%s() got multiple values for argument '%s'", name, kw.Name)
		}
		out[i] = kw.Value
	}
	var missing []string
	for i, v := range out {
		if req[i] && isMissing(v) {
			missing = append(missing, "'"+names[i]+"'")
		}
	}
	if len(missing) > 0 {
		return nil, TypeError("%s() missing %d required positional argument%s: %s", name, len(missing), plural(len(missing)), andList(missing))
	}
	return out, nil
}

type missing struct{}

// Missing stands for an optional argument that was not given; see [Bind].
var Missing Value = missing{}

func isMissing(v Value) bool { _, ok := v.(missing); return ok }

// Or answers v, or def when v is [Missing].
func Or(v, def Value) Value {
	if isMissing(v) {
		return def
	}
	return v
}

func splitParams(params []string) (names []string, req []bool, kwOnly int) {
	kwOnly = -1
	for _, p := range params {
		if p == "*" {
			kwOnly = len(names)
			continue
		}
		n := strings.TrimSuffix(p, "?")
		names = append(names, n)
		req = append(req, n == p)
	}
	return names, req, kwOnly
}

func requiredCount(req []bool) int {
	n := 0
	for _, r := range req {
		if r {
			n++
		}
	}
	return n
}

func tooMany(name string, max, req, got int) error {
	takes := fmt.Sprint(max)
	if req != max {
		takes = fmt.Sprintf("from %d to %d", req, max)
	}
	was := "were"
	if got == 1 {
		was = "was"
	}
	s := plural(max)
	if req != max {
		s = "s"
	}
	return TypeError("%s() takes %s positional argument%s but %d %s given", name, takes, s, got, was)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func andList(s []string) string {
	switch len(s) {
	case 1:
		return s[0]
	case 2:
		return s[0] + " and " + s[1]
	}
	return strings.Join(s[:len(s)-1], ", ") + ", and " + s[len(s)-1]
}

func indexOf(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

// BindNative is [Bind] with the messages of a function written in C; positional counts only.
func BindNative(name string, a Args, min, max int) ([]Value, error) {
	if len(a.Kw) > 0 {
		return nil, TypeError("%s() takes no keyword arguments", name)
	}
	short := name[strings.LastIndexByte(name, '.')+1:]
	n := len(a.Pos)
	switch {
	case max == 0 && n > 0:
		return nil, TypeError("%s() takes no arguments (%d given)", name, n)
	case min == max && max == 1 && n != 1:
		return nil, TypeError("%s() takes exactly one argument (%d given)", name, n)
	case min == max && n != min:
		return nil, TypeError("%s expected %d arguments, got %d", short, min, n)
	case n < min:
		return nil, TypeError("%s expected at least %d argument%s, got %d", short, min, plural(min), n)
	case n > max:
		return nil, TypeError("%s expected at most %d argument%s, got %d", short, max, plural(max), n)
	}
	out := make([]Value, max)
	for i := range out {
		out[i] = Missing
	}
	copy(out, a.Pos)
	return out, nil
}
