package dagfile

import (
	"errors"
	"fmt"
	"io/fs"
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
