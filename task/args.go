package task

import (
	"fmt"
	"time"
)

// Get returns an argument as T, or def when it is absent or null. A value of
// another type is an error that names the argument; whole floats become ints and
// ints become floats.
func Get[T any](a *Attempt, name string, def T) (T, error) {
	v, ok := a.Args[name]
	if !ok || v == nil {
		return def, nil
	}
	if t, ok := v.(T); ok {
		return t, nil
	}
	var out any
	switch any(def).(type) {
	case int:
		switch n := v.(type) {
		case int64:
			out = int(n)
		case float64:
			if n == float64(int(n)) {
				out = int(n)
			}
		}
	case float64:
		switch n := v.(type) {
		case int64:
			out = float64(n)
		case int:
			out = float64(n)
		}
	case time.Duration:
		switch n := v.(type) {
		case int64:
			out = time.Duration(n) * time.Second
		case int:
			out = time.Duration(n) * time.Second
		case float64:
			out = time.Duration(n * float64(time.Second))
		}
	case []any:
		if l, ok := v.(Tuple); ok {
			out = []any(l)
		}
	case []string:
		if t, ok := v.(Tuple); ok {
			v = []any(t)
		}
		switch l := v.(type) {
		case string:
			out = []string{l}
		case []any:
			texts := make([]string, len(l))
			for i, e := range l {
				s, ok := e.(string)
				if !ok {
					return def, Misconfigured(fmt.Errorf("argument %s: element %d is %s, not a text", name, i, describe(e)))
				}
				texts[i] = s
			}
			out = texts
		}
	}
	if t, ok := out.(T); ok {
		return t, nil
	}
	return def, Misconfigured(fmt.Errorf("argument %s is %s, not %s", name, describe(v), kindOf(def)))
}

// kindOf names what an argument has to be.
func kindOf(def any) string {
	switch def.(type) {
	case int, int64:
		return "a whole number"
	case time.Duration:
		return "a timedelta or a number of seconds"
	case []string:
		return "a text or a list of texts"
	default:
		return describe(def)
	}
}
