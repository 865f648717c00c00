package dagyaml

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
)

// Check reads what Write wrote and says what of the DAGs has not come back, beside what is
// known to be lost: the words of a file can mean something else than the DAG had.
func Check(text []byte, dags []*dag.DAG, known []Lost, o dagfile.Options) []Lost {
	res, err := dagfile.Load(text, o)
	var problems dagfile.Problems
	if errors.As(err, &problems) {
		return unread(problems, known)
	}
	back := make(map[string]*dag.DAG, len(res.DAGs))
	for _, d := range res.DAGs {
		back[d.ID] = d
	}
	var out []Lost
	for _, d := range dags {
		got := back[d.ID]
		if got == nil {
			out = append(out, Lost{DAG: d.ID, Field: "dag_id", Reason: "the DAG is not read back"})
			continue
		}
		for _, l := range differences(d, got) {
			if !covered(l, known) {
				out = append(out, l)
			}
		}
	}
	return out
}

// unread are the problems of a file that does not load. What is missing because it was
// lost is no news.
func unread(problems dagfile.Problems, known []Lost) (out []Lost) {
	for _, p := range problems {
		l := Lost{DAG: p.DAG, Task: p.Task, Field: "file", Reason: p.Message}
		if !slices.ContainsFunc(known, func(k Lost) bool { return k.DAG == l.DAG && k.Task == l.Task }) {
			out = append(out, l)
		}
	}
	return out
}

func covered(l Lost, known []Lost) bool {
	return slices.ContainsFunc(known, func(k Lost) bool {
		own, _, _ := strings.Cut(k.Field, ".")
		return k.DAG == l.DAG && k.Task == l.Task && (own == l.Field || l.Field == "args")
	})
}

// differences are the fields in which two DAGs differ, without those that YAML files set by
// themselves.
func differences(want, got *dag.DAG) (out []Lost) {
	a, b := plain(want), plain(got)
	theirs, ours := take(a, "tasks"), take(b, "tasks")
	for _, field := range fields(a, b) {
		out = append(out, Lost{DAG: want.ID, Field: field, Reason: difference(a[field], b[field])})
	}
	for id, t := range theirs {
		o, there := ours[id]
		if !there {
			out = append(out, Lost{DAG: want.ID, Task: id, Field: "task_id", Reason: "the task is not read back"})
			continue
		}
		for _, field := range fields(t, o) {
			out = append(out, Lost{DAG: want.ID, Task: id, Field: field, Reason: difference(t[field], o[field])})
		}
	}
	slices.SortFunc(out, func(x, y Lost) int { return strings.Compare(x.Task+"\x00"+x.Field, y.Task+"\x00"+y.Field) })
	return out
}

// plain is a DAG as JSON, without what YAML files have of their own: a tag, the end of the
// documentation, no release of Airflow.
func plain(d *dag.DAG) map[string]any {
	c := *d
	c.Compat, c.DocMD = 0, ""
	c.StartDate, c.EndDate = inUTC(d.StartDate), inUTC(d.EndDate)
	c.Tasks = make([]*dag.Task, len(d.Tasks))
	for i, t := range d.Tasks {
		u := *t
		u.StartDate, u.EndDate = inUTC(t.StartDate), inUTC(t.EndDate)
		u.Inert, u.Reschedule = false, false // they follow from the rest
		c.Tasks[i] = &u
	}
	c.Tags = slices.DeleteFunc(slices.Clone(d.Tags), func(t string) bool { return t == "dagfactory" })
	out := map[string]any{}
	if body, _, err := dag.Encode(&c); err == nil {
		_ = json.Unmarshal(body, &out) // what was just encoded can be read
	}
	return out
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// take removes the tasks from a DAG and returns them by id.
func take(d map[string]any, key string) map[string]map[string]any {
	out := map[string]map[string]any{}
	list, _ := d[key].([]any)
	for _, e := range list {
		if t, ok := e.(map[string]any); ok {
			out[fmt.Sprint(t["task_id"])] = t
		}
	}
	delete(d, key)
	return out
}

func fields(a, b map[string]any) (out []string) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if !reflect.DeepEqual(a[k], b[k]) {
			out = append(out, k)
		}
	}
	return out
}

// maxShown bounds a value in a sentence.
const maxShown = 200

func difference(want, got any) string {
	text := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil || len(raw) > maxShown {
			return "something else"
		}
		return string(raw)
	}
	return "is read back as " + text(got) + " in place of " + text(want)
}
