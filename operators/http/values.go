package http

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/task"
)

// form encodes a dict, or a list of pairs, as forms and queries are: an element that is
// a list gives its name once for each, None gives nothing. A dict's names are sorted,
// because a dict here has no order.
func form(what string, v any) (string, error) {
	var b strings.Builder
	add := func(name string, values any) {
		l, ok := list(values)
		if m, isMap := values.(map[string]any); isMap {
			ok = true
			for _, k := range slices.Sorted(maps.Keys(m)) {
				l = append(l, k) // a dict is its keys
			}
		}
		if !ok {
			l = []any{values}
		}
		for _, e := range l {
			if e == nil {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(task.PythonText(e)))
		}
	}
	if m, ok := v.(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			add(name, m[name])
		}
		return b.String(), nil
	}
	pairs, ok := list(v)
	if !ok {
		return "", task.Misconfigured(fmt.Errorf("%s is %s, not a text, a dict or a list of pairs", what, task.PythonText(v)))
	}
	for i, p := range pairs {
		pair, ok := list(p)
		if !ok || len(pair) != 2 {
			return "", task.Misconfigured(fmt.Errorf("%s: element %d is no pair of a name and a value", what, i))
		}
		add(task.PythonText(pair[0]), pair[1])
	}
	return b.String(), nil
}

// empty says that a value counts as nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	default:
		l, ok := list(v)
		return ok && len(l) == 0
	}
}

// textMap reads a dict of texts; names with None are left out.
func textMap(m map[string]any) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		if v != nil {
			out[k] = task.PythonText(v)
		}
	}
	return out
}

// merge puts over on top of base, neither of which is changed.
func merge(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	maps.Copy(out, base)
	maps.Copy(out, over)
	return out
}

// plain decodes a value that came from Python.
func plain(raw json.RawMessage) (any, error) { return task.DecodeXCom(raw) }
