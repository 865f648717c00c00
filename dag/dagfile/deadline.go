package dagfile

import (
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

// deadlineKeys are the keys of a deadline: those of Airflow's DeadlineAlert, and the
// arguments of DeadlineReference.AVERAGE_RUNTIME.
var deadlineKeys = []string{"reference", "interval", "callback", "name", "description", "limit", "min_runs"}

// deadlines reads one deadline or a list of them.
func (b *dagBuilder) deadlines(p place, n *node) []dag.Deadline {
	if n.kind != kindList {
		n = newList(n.at, []*node{n})
	}
	var out []dag.Deadline
	for _, v := range n.list {
		if d, ok := b.deadline(p, v); ok {
			out = append(out, d)
		}
	}
	return out
}

func (b *dagBuilder) deadline(p place, n *node) (d dag.Deadline, ok bool) {
	if n.kind != kindDict && n.kind != kindObject {
		b.wrong(p, n, "a mapping with `reference`, `interval` and `callback`", "")
		return d, false
	}
	if !b.onlyKeys(p, n, deadlineKeys...) {
		return d, false
	}
	for _, key := range deadlineKeys[:3] {
		if n.dict.get(key).isNull() {
			b.problem(n.at, "", fmt.Sprintf("`%s` has no `%s`", p.name, key), "")
			return d, false
		}
	}
	ok = b.deadlineReference(place{name: p.name + ".reference"}, n.dict.get("reference"), &d)
	interval, good := b.duration(place{name: p.name + ".interval"}, n.dict.get("interval"), true)
	d.Interval, ok = interval, ok && good
	if v := n.dict.get("name"); !v.isNull() {
		d.Name, good = b.text(place{name: p.name + ".name"}, v)
		ok = ok && good
	}
	for key, to := range map[string]*int{"limit": &d.Limit, "min_runs": &d.MinRuns} {
		if v := n.dict.get(key); !v.isNull() {
			*to, good = b.integer(place{name: p.name + "." + key}, v)
			ok = ok && good
		}
	}
	d.Callbacks = b.callbacks(asDeadlineCallback(n.dict), "callback", "")
	return d, ok && len(d.Callbacks) > 0
}

// asDeadlineCallback is a deadline's callback as other callbacks are written: Airflow
// wraps those of deadlines in AsyncCallback or SyncCallback.
func asDeadlineCallback(cfg *dict) *dict {
	out := &dict{}
	v := cfg.get("callback")
	if v.kind == kindObject && (last(v.text) == "AsyncCallback" || last(v.text) == "SyncCallback") {
		inner := &dict{}
		path := v.dict.get("callback_callable")
		if path == nil && len(v.list) > 0 {
			path = v.list[0]
		}
		if path != nil {
			inner.set(newText(path.at, "callback"), path)
		}
		if kwargs := v.dict.get("kwargs"); kwargs != nil && kwargs.kind == kindDict {
			for _, e := range kwargs.dict.entries {
				inner.set(e.key, e.val)
			}
		}
		v = newDict(v.at, inner)
	}
	out.set(newText(v.at, "callback"), v)
	return out
}

// deadlineReference reads what a deadline counts from: a name of Airflow's
// DeadlineReference, or a date.
func (b *dagBuilder) deadlineReference(p place, n *node, d *dag.Deadline) bool {
	if n.kind == kindText {
		switch strings.ToLower(strings.TrimPrefix(last(n.text), "DAGRUN_")) {
		case "queued_at":
			d.Reference = dag.DeadlineQueued
		case "logical_date":
			d.Reference = dag.DeadlineLogicalDate
		case "average_runtime":
			d.Reference = dag.DeadlineAverage
		}
		if d.Reference != "" {
			return true
		}
		if _, ok := parseISO(n.text); !ok {
			b.problem(n.at, "", fmt.Sprintf("`%s` cannot be %s", p.name, n.describe()), "use queued_at, logical_date, average_runtime or a date")
			return false
		}
	}
	at, ok := b.date(p, n, b.zone)
	d.Reference, d.At = dag.DeadlineFixed, at
	return ok && at != nil
}
