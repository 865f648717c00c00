package dagfile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/params"
)

// dagBuilder reads one DAG.
type dagBuilder struct {
	*loader
	d   *dag.DAG
	key *node
	// cfg is the DAG with all defaults.
	cfg *dict
	// own and block are what the documentation shows: the DAG with defaults.yml, and the
	// file's default block.
	own, block *node
	args       *dict
	zone       *time.Location
	argsZone   *time.Location

	tasks  []*taskBuilder
	groups []*groupBuilder
	byName map[string]*taskBuilder
	group  map[string]*groupBuilder
}

func (l *loader) loadDAG(e entry, block, defaults *node) {
	if e.key.kind != kindText {
		l.problem(e.key.at, "", fmt.Sprintf("a DAG id must be a text, not %s", e.key.describe()), "put it in quotes")
		return
	}
	before := len(l.problems)
	if p := dag.CheckID(e.name()); p != "" {
		l.problem(e.key.at, "", "the DAG id "+p, "")
	}
	if e.val.kind != kindDict {
		l.problem(e.val.at, "", fmt.Sprintf("DAG `%s` must be a mapping, not %s", e.name(), e.val.describe()), "give it tasks")
		return
	}
	b := &dagBuilder{loader: l, key: e.key, own: e.val, block: block}
	b.applyDefaults(defaults)
	b.d = &dag.DAG{
		ID: e.name(), File: l.o.File,
		MaxActiveRuns: dag.DefaultMaxActiveRuns, MaxActiveTasks: dag.DefaultMaxActiveTasks,
	}
	b.zones()
	b.readFields()
	b.readSchedule()
	b.readDates()
	b.readDocs()
	b.readGroups()
	b.readTasks()
	b.connect()
	if len(l.problems) == before {
		b.validate()
		b.checkParams()
	}
	l.dags = append(l.dags, b.d)
}

// applyDefaults merges, by dag-factory's precedence: default_args are the DAG's, the
// file's, those of defaults.yml; other keys are the DAG's, those of defaults.yml, the
// file's.
func (b *dagBuilder) applyDefaults(defaults *node) {
	if defaults != nil {
		args := defaults.dict.get("default_args")
		rest := &dict{}
		for _, e := range defaults.dict.entries {
			if e.name() != "default_args" {
				rest.set(e.key, e.val)
			}
		}
		b.own = overlay(newDict(defaults.at, rest), b.own)
		if args != nil && args.kind == kindDict {
			block := &dict{}
			if b.block != nil {
				args = overlay(args, b.block.dict.get("default_args"))
				for _, e := range b.block.dict.entries {
					block.set(e.key, e.val)
				}
			}
			block.set(newText(args.at, "default_args"), args)
			b.block = newDict(args.at, block)
		}
	}
	b.cfg = merge(b.own, b.block).dict
	if args := b.cfg.get("default_args"); args != nil {
		b.args, _ = b.mapping(place{name: "default_args"}, args)
	}
}

// zones finds the time zones. As in Airflow, a DAG's time zone is that of its start
// date, or else of its default_args' start date.
func (b *dagBuilder) zones() {
	dagZone := b.zoneNamed("timezone", b.cfg.get("timezone"))
	argsZone := b.zoneNamed("timezone", b.args.get("timezone"))
	b.zone, b.argsZone = time.UTC, time.UTC
	if loc, err := dag.LoadLocation(dagZone); err == nil {
		b.zone = loc
	}
	if loc, err := dag.LoadLocation(argsZone); err == nil {
		b.argsZone = loc
	}
	switch {
	case !b.cfg.get("start_date").isNull():
		b.d.Timezone = dagZone
	case !b.args.get("start_date").isNull():
		b.d.Timezone = argsZone
	}
	if b.d.Timezone == "" && dagZone != "" {
		b.warning(b.cfg.get("timezone").at, "", "`timezone` has no effect without `start_date`: the schedule is in UTC", "add a start_date")
	}
}

// zoneNamed checks a time zone; UTC is "".
func (b *dagBuilder) zoneNamed(name string, n *node) string {
	if n.isNull() {
		return ""
	}
	zone, ok := b.text(place{name: name}, n)
	if !ok {
		return ""
	}
	if _, err := dag.LoadLocation(zone); err != nil {
		b.problem(n.at, "", err.Error(), "")
		return ""
	}
	if strings.EqualFold(zone, "UTC") {
		return ""
	}
	return zone
}

func (b *dagBuilder) readFields() {
	for _, e := range b.cfg.entries {
		f := dagFields.byName[e.name()]
		if f == nil {
			hint := didYouMean(e.name(), dagFields.names())
			if hint == "" {
				hint = "remove it"
			}
			b.warning(e.key.at, "", fmt.Sprintf("unknown key `%s` of a DAG is ignored", e.name()), hint)
			continue
		}
		if f.set != nil && !e.val.isNull() {
			f.set(b.loader, b, place{name: e.name()}, e.val)
		}
	}
	tags := append(b.d.Tags, "dagfactory")
	slices.Sort(tags)
	b.d.Tags = slices.Compact(tags)
	b.defaultParams()
	for _, event := range []string{"on_success_callback", "on_failure_callback"} {
		cbs := b.callbacks(b.cfg, event, "")
		if event == "on_success_callback" {
			b.d.OnSuccess = cbs
		} else {
			b.d.OnFailure = cbs
		}
	}
}

// defaultParams adds default_args' params, which are the DAG's.
func (b *dagBuilder) defaultParams() {
	n := b.args.get("params")
	if n.isNull() {
		return
	}
	own := b.d.Params
	all := b.params(place{name: "params"}, n)
	for _, p := range own {
		i := slices.IndexFunc(all, func(q dag.Param) bool { return q.Name == p.Name })
		if i < 0 {
			all = append(all, p)
		} else {
			all[i] = p
		}
	}
	b.d.Params = all
}

func (b *dagBuilder) readDates() {
	if n := b.cfg.get("start_date"); n != nil {
		b.d.StartDate, _ = b.date(place{name: "start_date"}, n, b.zone)
	}
	if n := b.cfg.get("end_date"); n != nil {
		b.d.EndDate, _ = b.date(place{name: "end_date"}, n, b.zone)
	}
}

// reason is an error of the file system without the path, which the message has.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (b *dagBuilder) readDocs() {
	if n := b.cfg.get("doc_md_file_path"); !n.isNull() {
		p := place{name: "doc_md_file_path"}
		if name, ok := b.text(p, n); ok {
			if !path.IsAbs(name) {
				b.problem(n.at, "", fmt.Sprintf("`doc_md_file_path` must be absolute: %q is not", name), "")
			} else if raw, err := b.readFile(name); err != nil {
				b.problem(n.at, "", fmt.Sprintf("`doc_md_file_path`: %s cannot be read: %v", name, reason(err)), "")
			} else {
				b.d.DocMD = string(raw)
			}
		}
	}
	if n := b.cfg.get("doc_md_python_callable_name"); !n.isNull() {
		b.warning(n.at, "", "the documentation of a Python function is not shown: files are loaded without running Python", "write it in doc_md or doc_md_file_path")
	}
	if b.d.DocMD != "" {
		b.d.DocMD += "\n"
	}
	b.d.DocMD += "## YML DAG\n```yaml\n" + b.dump() + "\n```"
}

// checkParams checks what params may be. Defaults must be valid when the DAG has a
// schedule, because then nobody gives them values.
func (b *dagBuilder) checkParams() {
	for _, p := range b.d.Params {
		at := b.paramAt(p.Name)
		if err := params.CheckSchema(p); err != nil {
			b.problem(at, "", err.Error(), "")
			continue
		}
		if b.d.Schedule.Kind == dag.ScheduleNone {
			continue
		}
		if err := params.Check(p, p.Default); err != nil {
			b.problem(at, "", err.Error(), "a DAG with a schedule needs params with valid defaults")
		}
	}
}

func (b *dagBuilder) paramAt(name string) pos {
	for _, n := range []*node{b.cfg.get("params"), b.args.get("params")} {
		if n != nil && n.kind == kindDict && n.dict.get(name) != nil {
			return n.dict.get(name).at
		}
	}
	return b.key.at
}

// validate adds what package dag finds, at its place in the file.
func (b *dagBuilder) validate() {
	for _, err := range faults(dag.Validate(b.d)) {
		var f *dag.Fault
		var g *dag.GraphError
		switch {
		case errors.As(err, &f):
			at := b.key.at
			if f.Field != "" && f.Task == "" && b.cfg.get(f.Field) != nil {
				at = b.cfg.get(f.Field).at
			}
			message := f.Problem
			if f.Field != "" {
				message = "`" + f.Field + "` " + f.Problem
			}
			b.problem(b.where(f.Task, f.Field, at), f.Task, message, "")
		case errors.As(err, &g) && len(g.Cycle) > 0:
			b.problem(b.where(g.Cycle[0], "dependencies", b.key.at), g.Cycle[0], "the dependencies have a cycle: "+strings.Join(g.Cycle, " -> "), "remove one of these dependencies")
		case g != nil:
			b.problem(b.where(g.Task, "", b.key.at), g.Task, g.Problem, "")
		default:
			b.problem(b.key.at, "", err.Error(), "")
		}
	}
}

func faults(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// where is the place of a task's or group's field.
func (b *dagBuilder) where(id, fieldName string, otherwise pos) pos {
	if id == "" {
		return otherwise
	}
	for _, t := range b.tasks {
		if t.t.ID == id {
			if n := t.cfg.get(fieldName); n != nil {
				return n.at
			}
			return t.key.at
		}
	}
	for _, g := range b.groups {
		if g.id == id {
			if n := g.cfg.get(fieldName); n != nil {
				return n.at
			}
			return g.key.at
		}
	}
	return otherwise
}

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
