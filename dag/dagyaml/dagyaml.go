// Package dagyaml writes DAGs as DAG files in YAML: the inverse of package dagfile, as far
// as there is one. Reading does not belong here.
package dagyaml

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/updraft-dev/updraft/dag"
)

// Lost is something of a DAG that YAML has no word for.
type Lost struct {
	DAG string `json:"dag_id"`
	// Task is the task or group concerned; empty for the DAG itself.
	Task string `json:"task_id,omitempty"`
	// Field is the argument, and Reason why it cannot be written and what to do.
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// String is one line about it.
func (l Lost) String() string {
	at := l.DAG
	if l.Task != "" {
		at += "." + l.Task
	}
	return fmt.Sprintf("%s: %s: %s", at, l.Field, l.Reason)
}

// Write writes DAGs as one file, with all that can be written. What is lost is in the order
// of the DAGs.
func Write(dags []*dag.DAG) (text []byte, lost []Lost, err error) {
	var file yaml.MapSlice
	for _, d := range dags {
		w := &writer{d: d, names: map[string]string{}, taken: map[string]bool{}}
		file = append(file, yaml.MapItem{Key: d.ID, Value: w.dag()})
		lost = append(lost, w.lost...)
	}
	text, err = yaml.MarshalWithOptions(file, yaml.UseLiteralStyleIfMultiline(true), yaml.IndentSequence(true))
	if err != nil {
		return nil, lost, fmt.Errorf("write YAML: %w", err)
	}
	return text, lost, nil
}

// writer writes one DAG.
type writer struct {
	d    *dag.DAG
	lost []Lost
	// names are what tasks and groups are called in the file, by id; taken are those names.
	names map[string]string
	taken map[string]bool
}

// mapping is a mapping under construction: what is the default is left out.
type mapping struct{ yaml.MapSlice }

func (m *mapping) add(key string, value any) {
	m.MapSlice = append(m.MapSlice, yaml.MapItem{Key: key, Value: value})
}

// put adds a value unless it is its type's zero or the default.
func put[T comparable](m *mapping, key string, value T, defaults ...T) {
	if len(defaults) == 0 {
		defaults = []T{*new(T)}
	}
	if !slices.Contains(defaults, value) {
		m.add(key, value)
	}
}

func (w *writer) lose(task, field, format string, args ...any) {
	w.lost = append(w.lost, Lost{DAG: w.d.ID, Task: task, Field: field, Reason: fmt.Sprintf(format, args...)})
}

func (w *writer) dag() yaml.MapSlice {
	d, m := w.d, &mapping{}
	put(m, "dag_display_name", d.DisplayName)
	put(m, "description", d.Description)
	put(m, "doc_md", d.DocMD)
	if tags := slices.DeleteFunc(slices.Clone(d.Tags), func(t string) bool { return t == "dagfactory" }); len(tags) > 0 {
		m.add("tags", tags)
	}
	if s := w.schedule(&d.Schedule); s != nil {
		m.add("schedule", s)
	}
	w.dates(m, d)
	put(m, "catchup", d.Catchup)
	put(m, "max_active_runs", d.MaxActiveRuns, dag.DefaultMaxActiveRuns)
	put(m, "max_active_tasks", d.MaxActiveTasks, dag.DefaultMaxActiveTasks)
	put(m, "max_consecutive_failed_dag_runs", d.MaxConsecutiveFailedRuns)
	if d.DagrunTimeout != 0 {
		m.add("dagrun_timeout", timedelta(d.DagrunTimeout))
	}
	put(m, "fail_fast", d.FailFast)
	if d.PausedUponCreation != nil {
		m.add("is_paused_upon_creation", *d.PausedUponCreation)
	}
	w.params(m, "", d.Params)
	if len(d.AccessControl) > 0 {
		m.add("access_control", d.AccessControl)
	}
	if len(d.TemplateSearchPath) > 0 {
		m.add("template_searchpath", d.TemplateSearchPath)
	}
	put(m, "render_template_as_native_obj", d.NativeTemplates)
	w.macros(m, "user_defined_macros", d.UserMacros)
	w.macros(m, "user_defined_filters", d.UserFilters)
	if v, ok := w.value("", "executor_config", map[string]any(d.ExecutorConfig)); ok && len(d.ExecutorConfig) > 0 {
		m.add("executor_config", v)
	}
	w.callbacks(m, "", "on_success_callback", d.OnSuccess)
	w.callbacks(m, "", "on_failure_callback", d.OnFailure)
	w.deadlines(m)
	w.name()
	w.groups(m)
	tasks := make(yaml.MapSlice, 0, len(d.Tasks))
	for _, t := range d.Tasks {
		if name, ok := w.names[t.ID]; ok {
			tasks = append(tasks, yaml.MapItem{Key: name, Value: w.task(t)})
		}
	}
	m.add("tasks", tasks)
	return m.MapSlice
}

// dates writes start and end, by the wall clock of the DAG's time zone.
func (w *writer) dates(m *mapping, d *dag.DAG) {
	if d.StartDate == nil && d.Timezone != "" {
		w.lose("", "timezone", "a DAG without a start_date is in UTC: give it one")
	}
	const wall = "2006-01-02T15:04:05.999999"
	if d.StartDate != nil {
		m.add("start_date", d.StartDate.In(d.Location()).Format(wall))
	}
	if d.EndDate != nil {
		m.add("end_date", d.EndDate.In(d.Location()).Format(wall))
	}
	put(m, "timezone", d.Timezone)
}

// name gives tasks and groups their names in the file: ids without the group's prefix.
func (w *writer) name() {
	for _, g := range w.d.Groups {
		w.call(g.ID, g.Parent)
	}
	for _, t := range w.d.Tasks {
		w.call(t.ID, t.Group)
	}
}

func (w *writer) call(id, group string) {
	name := id
	if g := w.d.Group(group); g != nil && !g.NoPrefix {
		var ok bool
		if name, ok = strings.CutPrefix(id, g.ID+"."); !ok {
			w.lose(id, "task_id", "is in group %s without its prefix", g.ID)
			return
		}
	}
	if w.taken[name] {
		w.lose(id, "task_id", "several groups have a %s: names in a file are unique, rename one of them", name)
		return
	}
	w.taken[name] = true
	w.names[id] = name
}

func (w *writer) groups(m *mapping) {
	var out yaml.MapSlice
	for _, g := range w.d.Groups {
		name, ok := w.names[g.ID]
		if !ok {
			continue
		}
		in := &mapping{}
		if g.Parent != "" {
			put(in, "parent_group_name", w.names[g.Parent])
		}
		if g.NoPrefix {
			in.add("prefix_group_id", false)
		}
		put(in, "group_display_name", g.DisplayName)
		put(in, "tooltip", g.Tooltip)
		w.expand(in, g.ID, g.Expand, false)
		out = append(out, yaml.MapItem{Key: name, Value: in.MapSlice})
	}
	if len(out) > 0 {
		m.add("task_groups", out)
	}
}

func (w *writer) macros(m *mapping, field string, values dag.Values) {
	var out yaml.MapSlice
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		if _, text := v.(string); text {
			w.lose("", field+"."+name, "a text is read as the import path of a function: make it a param, or write it where it is used")
			continue
		}
		if v, ok := w.value("", cmp.Or(field, name)+"."+name, v); ok {
			out = append(out, yaml.MapItem{Key: name, Value: v})
		}
	}
	if len(out) > 0 {
		m.add(field, out)
	}
}
