package dagfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

func sortedByText(d *dict) []*node {
	out := make([]*node, len(d.entries))
	for i, e := range d.entries {
		out[i] = e.val
	}
	slices.SortFunc(out, func(a, b *node) int { return cmp.Compare(a.text, b.text) })
	return out
}

// place says where a value is, for messages and for conversion.
type place struct {
	task string
	name string
}

func (l *loader) wrong(p place, n *node, want, hint string) {
	l.problem(n.at, p.task, fmt.Sprintf("`%s` must be %s, not %s", p.name, want, n.describe()), hint)
}

func (l *loader) text(p place, n *node) (string, bool) {
	if n.kind != kindText {
		hint := ""
		if n.kind < kindList {
			hint = "put it in quotes"
		}
		l.wrong(p, n, "a text", hint)
		return "", false
	}
	return n.text, true
}

func (l *loader) integer(p place, n *node) (int, bool) {
	i, ok := n.val.(int64)
	if !ok {
		hint := ""
		if n.kind == kindText && looksInt(n.text) {
			hint = "remove the quotes"
		}
		l.wrong(p, n, "a whole number", hint)
	}
	return int(i), ok
}

func looksInt(s string) bool {
	k, _ := resolvePlain(s)
	return k == kindInt
}

func (l *loader) number(p place, n *node) (float64, bool) {
	switch v := n.val.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	l.wrong(p, n, "a number", "")
	return 0, false
}

func (l *loader) boolean(p place, n *node) (bool, bool) {
	b, ok := n.val.(bool)
	if !ok {
		l.wrong(p, n, "true or false", "")
	}
	return b, ok
}

// texts reads a list of texts.
func (l *loader) texts(p place, n *node) ([]string, bool) {
	if n.kind != kindList {
		hint := ""
		if n.kind == kindText {
			hint = "write [" + strings.TrimSpace(n.text) + "]"
		}
		l.wrong(p, n, "a list of texts", hint)
		return nil, false
	}
	out := make([]string, 0, len(n.list))
	for _, v := range n.list {
		s, ok := l.text(p, v)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// mapping checks that a value is a mapping; null is an empty one.
func (l *loader) mapping(p place, n *node) (*dict, bool) {
	switch n.kind {
	case kindNull:
		return nil, true
	case kindDict:
		return n.dict, true
	}
	l.wrong(p, n, "a mapping", "")
	return nil, false
}

const timedeltaHint = "write {__type__: datetime.timedelta, minutes: 5}"

// duration reads a timedelta, or, if seconds is set, a number of seconds.
func (l *loader) duration(p place, n *node, seconds bool) (time.Duration, bool) {
	if d, ok := n.val.(time.Duration); ok {
		return d, true
	}
	if f, ok := numeric(n); ok && seconds {
		if f > 9e9 || f < -9e9 {
			l.wrong(p, n, "less than 285 years", "")
			return 0, false
		}
		return time.Duration(f*1e6).Round(0) * time.Microsecond, true
	}
	want := "a timedelta"
	if seconds {
		want = "a timedelta or a number of seconds"
	}
	l.wrong(p, n, want, timedeltaHint)
	return 0, false
}

func numeric(n *node) (float64, bool) {
	switch v := n.val.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// value is a node as package dag holds it.
func (l *loader) value(p place, n *node) any {
	switch n.kind {
	case kindText:
		return n.text
	case kindList:
		out := make([]any, len(n.list))
		for i, v := range n.list {
			out[i] = l.value(p, v)
		}
		return out
	case kindDict:
		out := make(map[string]any, len(n.dict.entries))
		for _, e := range n.dict.entries {
			out[e.name()] = l.value(p, e.val)
		}
		return out
	case kindTime:
		return timeValue(n.val.(moment))
	case kindObject:
		if d, ok := n.val.(time.Duration); ok {
			return d
		}
		return l.objectValue(p, n)
	default:
		return n.val
	}
}

// timeValue keeps a date a date: Python tells it from a datetime.
func timeValue(m moment) any {
	if !m.date {
		return m.t
	}
	y, mon, d := m.t.Date()
	return dag.Object{Class: "datetime.date", Args: []any{int64(y), int64(mon), int64(d)}}
}

func (l *loader) objectValue(p place, n *node) any {
	out := dag.Object{Class: n.text}
	for _, v := range n.list {
		out.Args = append(out.Args, l.value(p, v))
	}
	for _, e := range n.dict.all() {
		if out.Kwargs == nil {
			out.Kwargs = make(map[string]any)
		}
		out.Kwargs[e.name()] = l.value(p, e.val)
	}
	return out
}

// values is a mapping as package dag holds it; nil for an empty one.
func (l *loader) values(p place, n *node) dag.Values {
	d, ok := l.mapping(p, n)
	if !ok || d == nil {
		return nil
	}
	v, _ := l.value(p, n).(map[string]any)
	return v
}
