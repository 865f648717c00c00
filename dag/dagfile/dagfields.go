package dagfile

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// dagFields are the keys of a DAG.
var dagFields = newFields([]field[*dagBuilder]{
	elsewhere[*dagBuilder]("schedule", typeSchedule, "When the DAG runs: a cron expression, a preset such as @daily, null, a list of asset URIs, or a timetable."),
	elsewhere[*dagBuilder]("start_date", typeDate, "First moment the DAG may run for."),
	elsewhere[*dagBuilder]("end_date", typeDate, "Last moment the DAG may run for."),
	elsewhere[*dagBuilder]("timezone", typeText, "Time zone of the dates and the schedule, such as Europe/Zurich."),
	textField("description", "One line about the DAG.", func(b *dagBuilder) *string { return &b.d.Description }),
	textField("dag_display_name", "Name to show in place of the id.", func(b *dagBuilder) *string { return &b.d.DisplayName }),
	{name: "dag_id", typ: typeText, doc: "The DAG's id again; the key counts.", set: setDAGID},
	boolField("catchup", "Whether to run for what was missed.", func(b *dagBuilder) *bool { return &b.d.Catchup }),
	intField("max_active_runs", "How many runs may be active at once.", func(b *dagBuilder) *int { return &b.d.MaxActiveRuns }),
	{name: "max_active_tasks", typ: typeInt, doc: "How many of its tasks may run at once.", set: setMaxActiveTasks},
	{name: "concurrency", typ: typeInt, doc: "Old name of max_active_tasks.", set: setConcurrency},
	timedeltaField("dagrun_timeout", "How long a run may take.", func(b *dagBuilder) *time.Duration { return &b.d.DagrunTimeout }),
	elsewhere[*dagBuilder]("default_args", typeDefaults, "Values for all tasks that do not say otherwise."),
	{name: "params", typ: typeParams, doc: "Values that a run may be given.", set: func(l *loader, b *dagBuilder, p place, n *node) { b.d.Params = l.params(p, n) }},
	{name: "tags", typ: typeTexts, doc: "Words to find the DAG by.", set: setTags},
	textField("doc_md", "Documentation in Markdown.", func(b *dagBuilder) *string { return &b.d.DocMD }),
	elsewhere[*dagBuilder]("doc_md_file_path", typeText, "Absolute path of the documentation."),
	elsewhere[*dagBuilder]("doc_md_python_callable_name", typeText, "Function that makes the documentation; not called here."),
	elsewhere[*dagBuilder]("doc_md_python_callable_file", typeText, "File of that function."),
	elsewhere[*dagBuilder]("doc_md_python_arguments", typeDict, "Arguments of that function."),
	{name: "access_control", typ: typeDict, doc: "Permissions by role.", set: setAccessControl},
	{name: "is_paused_upon_creation", typ: typeBool, doc: "Whether the DAG is paused when it is first seen.", set: setPaused},
	{name: "template_searchpath", typ: typeTextOr, doc: "Absolute folders of template files.", set: setSearchPath},
	boolField("render_template_as_native_obj", "Whether templates give Python values instead of texts.", func(b *dagBuilder) *bool { return &b.d.NativeTemplates }),
	{name: "user_defined_macros", typ: typeDict, doc: "Functions and values for templates.", set: func(l *loader, b *dagBuilder, p place, n *node) { b.d.UserMacros = l.macros(p, n) }},
	field[*dagBuilder]{name: "user_defined_filters", typ: typeDict, doc: "Filters for templates.", set: func(l *loader, b *dagBuilder, p place, n *node) { b.d.UserFilters = l.macros(p, n) }}.own(),
	elsewhere[*dagBuilder]("on_success_callback", typeCallback, "What to call when a run succeeds."),
	elsewhere[*dagBuilder]("on_success_callback_name", typeText, "Function to call when a run succeeds."),
	elsewhere[*dagBuilder]("on_success_callback_file", typeText, "Absolute path of its file."),
	elsewhere[*dagBuilder]("on_failure_callback", typeCallback, "What to call when a run fails."),
	elsewhere[*dagBuilder]("on_failure_callback_name", typeText, "Function to call when a run fails."),
	elsewhere[*dagBuilder]("on_failure_callback_file", typeText, "Absolute path of its file."),
	field[*dagBuilder]{
		name: "deadline", typ: typeDeadline, doc: "Until when a run has to succeed, and what to call when it has not.",
		set: func(_ *loader, b *dagBuilder, p place, n *node) { b.d.Deadlines = b.deadlines(p, n) },
	}.own(),
	field[*dagBuilder]{
		name: "executor_config", typ: typeDict, doc: "Settings for the executors of all tasks; those of a task go before them.",
		set: func(l *loader, b *dagBuilder, p place, n *node) { b.d.ExecutorConfig = l.values(p, n) },
	}.own(),
	boolField("fail_fast", "Whether a failed task stops the run.", func(b *dagBuilder) *bool { return &b.d.FailFast }).own(),
	intField("max_consecutive_failed_dag_runs", "After so many failed runs in a row the DAG is paused; 0 is never.", func(b *dagBuilder) *int { return &b.d.MaxConsecutiveFailedRuns }).own(),
	elsewhere[*dagBuilder]("tasks", typeTasks, "The tasks, by id or as a list with task_id."),
	elsewhere[*dagBuilder]("task_groups", typeGroups, "The task groups, by name or as a list with group_name."),
	{name: "schedule_interval", typ: typeAny, doc: "Not possible since Airflow 3: use schedule.", refused: true, set: refuse("was replaced by `schedule`", "use schedule")},
	{name: "timetable", typ: typeAny, doc: "Not possible since Airflow 3: use schedule.", refused: true, set: refuse("is not a DAG argument in Airflow 3", "put the timetable into schedule")},
})

func refuse(problem, hint string) func(*loader, *dagBuilder, place, *node) {
	return func(l *loader, _ *dagBuilder, p place, n *node) {
		l.problem(n.at, "", fmt.Sprintf("`%s` %s", p.name, problem), hint)
	}
}

func setDAGID(l *loader, b *dagBuilder, p place, n *node) {
	if id, ok := l.text(p, n); ok && id != b.d.ID {
		l.warning(n.at, "", fmt.Sprintf("`dag_id` is %q, but the key `%s` counts", id, b.d.ID), "make them equal or remove dag_id")
	}
}

func setMaxActiveTasks(l *loader, b *dagBuilder, p place, n *node) {
	if v, ok := l.integer(p, n); ok && b.cfg.get("concurrency").isNull() {
		b.d.MaxActiveTasks = v
	}
}

func setConcurrency(l *loader, b *dagBuilder, p place, n *node) {
	l.warning(n.at, "", "`concurrency` is deprecated", "use max_active_tasks")
	if v, ok := l.integer(p, n); ok {
		b.d.MaxActiveTasks = v
	}
}

func setTags(l *loader, b *dagBuilder, p place, n *node) {
	tags, ok := l.texts(p, n)
	if !ok {
		return
	}
	for _, tag := range tags {
		if len([]rune(tag)) > 100 {
			l.problem(n.at, "", fmt.Sprintf("a tag has %d characters: 100 are allowed", len([]rune(tag))), "")
		}
	}
	b.d.Tags = tags
}

func setPaused(l *loader, b *dagBuilder, p place, n *node) {
	if v, ok := l.boolean(p, n); ok {
		b.d.PausedUponCreation = &v
	}
}

func setSearchPath(l *loader, b *dagBuilder, p place, n *node) {
	if n.kind == kindText {
		n = newList(n.at, []*node{n})
	}
	paths, ok := l.texts(p, n)
	if !ok {
		return
	}
	for i, dir := range paths {
		switch {
		case !path.IsAbs(dir):
			l.problem(n.list[i].at, "", fmt.Sprintf("`template_searchpath` must be absolute: %q is not", dir), "")
		case l.o.Exists != nil && !l.o.Exists(dir):
			l.problem(n.list[i].at, "", fmt.Sprintf("`template_searchpath`: there is no folder %s", dir), "")
		}
	}
	b.d.TemplateSearchPath = paths
}

// setAccessControl reads role -> permissions, or role -> resource -> permissions; those
// of a resource other than DAGs are kept as "resource:permission".
func setAccessControl(l *loader, b *dagBuilder, p place, n *node) {
	roles, ok := l.mapping(p, n)
	if !ok || roles == nil {
		return
	}
	out := make(map[string][]string)
	for _, role := range roles.entries {
		if role.val.kind != kindDict {
			perms, _ := l.texts(place{name: "access_control." + role.name()}, role.val)
			out[role.name()] = perms
			continue
		}
		all := map[string]bool{}
		for _, resource := range role.val.dict.entries {
			perms, _ := l.texts(place{name: "access_control." + role.name() + "." + resource.name()}, resource.val)
			for _, perm := range perms {
				if resource.name() != "DAGs" {
					perm = resource.name() + ":" + perm
				}
				all[perm] = true
			}
		}
		out[role.name()] = slices.Sorted(maps.Keys(all))
	}
	b.d.AccessControl = out
}

// macros reads names for templates: a text is the import path of a function.
func (l *loader) macros(p place, n *node) dag.Values {
	d, ok := l.mapping(p, n)
	if !ok || d == nil {
		return nil
	}
	out := make(dag.Values, len(d.entries))
	for _, e := range d.entries {
		at := place{name: p.name + "." + e.name()}
		if e.val.kind == kindText {
			if c, ok := l.importPath(at, e.val); ok {
				out[e.name()] = c
			}
			continue
		}
		out[e.name()] = l.value(at, e.val)
	}
	return out
}
