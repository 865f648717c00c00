// Package dagfiletest compares DAGs with recordings of what Apache Airflow serialises,
// for tests of everything that loads DAG files.
package dagfiletest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
)

// Compare returns how a DAG differs from Airflow's serialised form of it
// (DagSerialization.to_dict, version 3, read by encoding/json), one line per field;
// nothing if they agree on all that dag.DAG holds. What only Airflow's UI or Python
// needs is not looked at.
func Compare(recorded map[string]any, d *dag.DAG) []string {
	c := &comparison{want: object(recorded["dag"]), d: d}
	return c.compare()
}

func (c *comparison) compare() []string {
	d := c.d
	c.dag()
	c.timetable("timetable", object(c.want["timetable"]), d.Schedule)
	c.groups(object(c.want["task_group"]), "", "")
	c.field("groups", strings.Join(slices.Sorted(maps.Keys(c.groupsSeen)), " "), strings.Join(groupIDs(d), " "))
	c.tasks()
	return c.diffs
}

type comparison struct {
	want       map[string]any
	d          *dag.DAG
	diffs      []string
	groupsSeen map[string]bool
	// python says that the DAG was written in Python.
	python bool
}

// field compares two values after a trip through JSON.
func (c *comparison) field(name string, want, got any) {
	if diff := cmp.Diff(normal(want), normal(got)); diff != "" {
		c.diffs = append(c.diffs, fmt.Sprintf("%s: recorded %s, loaded %s", name, text(want), text(got)))
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func normal(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	var out any
	_ = json.Unmarshal(b, &out) // what was just marshalled can be read
	return out
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// or returns a recorded value, or what its absence means.
func or(m map[string]any, key string, absent any) any {
	if v, ok := m[key]; ok {
		return plain(v)
	}
	return absent
}

// plain removes the tags of the serialised form: timedeltas become seconds.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if inner, ok := v["__var"]; ok && v["__type"] != nil {
			if v["__type"] == "xcomref" {
				return reference(object(inner))
			}
			return plain(inner)
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	default:
		return v
	}
}

func epoch(t *time.Time) any {
	if t == nil {
		return nil
	}
	return math.Round(float64(t.UnixMicro())) / 1e6
}

func seconds(d time.Duration) any {
	if d == 0 {
		return nil
	}
	return d.Seconds()
}

func zone(name string) string {
	if name == "" {
		return "UTC"
	}
	return name
}

func (c *comparison) dag() {
	w, d := c.want, c.d
	c.field("dag_id", w["dag_id"], d.ID)
	c.field("dag_display_name", or(w, "dag_display_name", ""), d.DisplayName)
	c.field("description", or(w, "description", ""), d.Description)
	c.field("start_date", w["start_date"], epoch(d.StartDate))
	c.field("end_date", w["end_date"], epoch(d.EndDate))
	c.field("timezone", offset(or(w, "timezone", "UTC")), zone(d.Timezone))
	c.field("catchup", or(w, "catchup", false), d.Catchup)
	c.field("max_active_runs", w["max_active_runs"], d.MaxActiveRuns)
	c.field("max_active_tasks", w["max_active_tasks"], d.MaxActiveTasks)
	c.field("max_consecutive_failed_dag_runs", w["max_consecutive_failed_dag_runs"], d.MaxConsecutiveFailedRuns)
	c.field("fail_fast", or(w, "fail_fast", false), d.FailFast)
	c.field("dagrun_timeout", w["dagrun_timeout"], seconds(d.DagrunTimeout))
	c.field("render_template_as_native_obj", or(w, "render_template_as_native_obj", false), d.NativeTemplates)
	c.field("is_paused_upon_creation", w["is_paused_upon_creation"], d.PausedUponCreation)
	c.field("tags", or(w, "tags", []any{}), append([]string{}, d.Tags...))
	c.field("doc_md", or(w, "doc_md", ""), d.DocMD)
	c.field("access_control", or(w, "access_control", nil), accessControl(d.AccessControl))
	c.field("has_on_success_callback", or(w, "has_on_success_callback", false), len(d.OnSuccess) > 0)
	c.field("has_on_failure_callback", or(w, "has_on_failure_callback", false), len(d.OnFailure) > 0)
	c.field("params", params(w["params"]), ownParams(d.Params))
}

func accessControl(ac map[string][]string) any {
	if ac == nil {
		return nil
	}
	out := map[string]map[string][]string{}
	for role, perms := range ac {
		out[role] = map[string][]string{}
		for _, p := range perms {
			resource, perm, ok := strings.Cut(p, ":")
			if !ok {
				resource, perm = "DAGs", p
			}
			out[role][resource] = append(out[role][resource], perm)
		}
	}
	return out
}

type param struct {
	Name, Description string
	Default, Schema   any
}

func params(v any) []param {
	list, _ := v.([]any)
	out := []param{}
	for _, e := range list {
		pair, _ := e.([]any)
		if len(pair) != 2 {
			continue
		}
		p := object(plain(pair[1]))
		q := param{Name: fmt.Sprint(pair[0]), Default: p["default"], Schema: p["schema"]}
		q.Description, _ = p["description"].(string)
		out = append(out, q)
	}
	return out
}

func ownParams(list []dag.Param) []param {
	out := []param{}
	for _, p := range list {
		q := param{Name: p.Name, Description: p.Description, Default: value(p.Default), Schema: map[string]any{}}
		if p.Schema != nil {
			_ = json.Unmarshal(p.Schema, &q.Schema) // the loader made it
		}
		out = append(out, q)
	}
	return out
}

// value is a value of a DAG as the serialised form shows it.
func value(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return strings.TrimPrefix(strings.ToLower(fmt.Sprint(v)), "+")
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = value(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = value(e)
		}
		return out
	case time.Time:
		return v.Format("2006-01-02 15:04:05")
	case time.Duration:
		total := int64(v.Seconds())
		return fmt.Sprintf("%d:%02d:%02d", total/3600, total/60%60, total%60)
	case dag.XComRef:
		key := v.Key
		if key == "" {
			key = dag.ReturnValue
		}
		return fmt.Sprintf("<output %s %s>", v.Task, key)
	case dag.Derived:
		return derived(v)
	case dag.GroupArg:
		return "<element " + v.Name + ">"
	case dag.Callable:
		return v.String()
	default:
		return v
	}
}

func groupIDs(d *dag.DAG) []string {
	var out []string
	for _, g := range d.Groups {
		out = append(out, g.ID)
	}
	slices.Sort(out)
	return out
}

// groups compares the tree of groups and that every task is where it belongs.
func (c *comparison) groups(w map[string]any, id, prefix string) {
	if c.groupsSeen == nil {
		c.groupsSeen = map[string]bool{}
	}
	for name, child := range object(w["children"]) {
		pair, _ := child.([]any)
		if len(pair) != 2 {
			continue
		}
		if pair[0] == "operator" {
			group := "(no such task)"
			if t := c.d.Task(fmt.Sprint(pair[1])); t != nil {
				group = t.Group
			}
			c.field("group of "+name, id, group)
			continue
		}
		inner := object(pair[1])
		full := prefix + fmt.Sprint(inner["_group_id"])
		c.groupsSeen[full] = true
		g := c.d.Group(full)
		if g == nil {
			c.diffs = append(c.diffs, "group "+full+" is missing")
			continue
		}
		at := "group " + full + " "
		c.field(at+"parent", id, g.Parent)
		c.field(at+"tooltip", or(inner, "tooltip", ""), g.Tooltip)
		c.field(at+"group_display_name", or(inner, "group_display_name", ""), g.DisplayName)
		c.field(at+"prefix_group_id", or(inner, "prefix_group_id", true), !g.NoPrefix)
		next := full + "."
		if g.NoPrefix {
			next = ""
		}
		c.groups(inner, full, next)
	}
}
