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
	out, err := convert(name, v, def)
	if err != nil {
		return def, err
	}
	if t, ok := out.(T); ok {
		return t, nil
	}
	return def, Misconfigured(fmt.Errorf("argument %s is %s, not %s", name, describe(v), kindOf(def)))
}

// convert makes of v what is meant where a value like def is wanted; nil if nothing is.
func convert(name string, v, def any) (any, error) {
	if t, ok := v.(Tuple); ok {
		v = []any(t)
	}
	switch def.(type) {
	case int:
		if f, ok := number(v); ok && f == float64(int(f)) {
			return int(f), nil
		}
	case float64:
		if f, ok := number(v); ok {
			return f, nil
		}
	case time.Duration:
		if f, ok := number(v); ok {
			return time.Duration(f * float64(time.Second)), nil
		}
	case []any:
		if l, ok := v.([]any); ok {
			return l, nil
		}
	case []string:
		return texts(name, v)
	}
	return nil, nil
}

// texts takes a text or a list of texts.
func texts(name string, v any) (any, error) {
	switch l := v.(type) {
	case string:
		return []string{l}, nil
	case []any:
		out := make([]string, len(l))
		for i, e := range l {
			s, ok := e.(string)
			if !ok {
				return nil, Misconfigured(fmt.Errorf("argument %s: element %d is %s, not a text", name, i, describe(e)))
			}
			out[i] = s
		}
		return out, nil
	default:
		return nil, nil
	}
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
