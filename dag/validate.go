package dag

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxIDLength is the longest DAG, task or group id, in characters, as in Airflow.
const MaxIDLength = 250

var idPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}\p{N}_.-]+$`) })

// Fault is one thing wrong with a DAG. A loader adds where in the file it is.
type Fault struct {
	// Task is the task or group concerned; empty for the DAG itself.
	Task string
	// Field is the field at fault, in its name in DAG files; may be empty.
	Field string
	// Problem says what is wrong and what to do.
	Problem string
}

func (f *Fault) Error() string {
	var b strings.Builder
	if f.Task != "" {
		fmt.Fprintf(&b, "task %q: ", f.Task)
	}
	if f.Field != "" {
		fmt.Fprintf(&b, "%s: ", f.Field)
	}
	b.WriteString(f.Problem)
	return b.String()
}

// CheckID says what is wrong with an id, in a sentence without subject; empty if
// nothing is.
func CheckID(id string) string {
	switch {
	case id == "":
		return "is empty"
	case !utf8.ValidString(id):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(id) > MaxIDLength:
		return fmt.Sprintf("has %d characters: %d are allowed", utf8.RuneCountInString(id), MaxIDLength)
	case !idPattern().MatchString(id):
		return fmt.Sprintf("%q has characters other than letters, digits, dashes, dots and underscores", id)
	}
	return ""
}

// Validate returns every fault of d, joined (errors.Join of *Fault and at most one
// *GraphError), or nil. Whether operators and their arguments exist is the loader's
// matter; whether the schedule makes sense is package timetable's.
func Validate(d *DAG) error {
	var faults []error
	add := func(task, field, format string, args ...any) {
		faults = append(faults, &Fault{Task: task, Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	if p := CheckID(d.ID); p != "" {
		add("", "dag_id", "%s", p)
	}
	if _, err := LoadLocation(d.Timezone); err != nil {
		add("", "timezone", "%v", err)
	}
	if d.MaxActiveRuns < 0 {
		add("", "max_active_runs", "is %d: use 0 for no limit, or a positive number", d.MaxActiveRuns)
	}
	if d.MaxActiveTasks < 0 {
		add("", "max_active_tasks", "is %d: use 0 for no limit, or a positive number", d.MaxActiveTasks)
	}
	if d.DagrunTimeout < 0 {
		add("", "dagrun_timeout", "is negative")
	}
	if d.Schedule.Kind == ScheduleContinuous && d.MaxActiveRuns != 1 {
		add("", "max_active_runs", "is %d: @continuous needs 1", d.MaxActiveRuns)
	}
	validateDeadlines(d, add)
	validateGroups(d, add)
	for _, t := range d.Tasks {
		validateTask(d, t, func(field, format string, args ...any) { add(t.ID, field, format, args...) })
	}
	if _, err := NewGraph(d); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func validateGroups(d *DAG, add func(task, field, format string, args ...any)) {
	seen := map[string]bool{}
	for _, g := range d.Groups {
		if p := CheckID(g.ID); p != "" {
			add(g.ID, "group_id", "%s", p)
		}
		if seen[g.ID] || d.Task(g.ID) != nil {
			add(g.ID, "group_id", "is used twice: ids of tasks and groups must be unique within a DAG")
		}
		seen[g.ID] = true
		if g.Expand == nil {
			continue
		}
		for id := g.Parent; id != ""; {
			parent := d.Group(id)
			if parent == nil {
				break
			}
			if parent.Expand != nil {
				add(g.ID, "expand", "is not possible inside the mapped group %q", parent.ID)
			}
			id = parent.Parent
		}
		for _, t := range d.Members(g.ID) {
			if t.Expand != nil {
				add(t.ID, "expand", "is not possible inside the mapped group %q", g.ID)
			}
		}
	}
	for _, g := range d.Groups {
		if g.Parent != "" && !seen[g.Parent] {
			add(g.ID, "parent_group_name", "names the group %q, which the DAG does not have", g.Parent)
		}
		if circular(d, g) {
			add(g.ID, "parent_group_name", "is inside itself")
		}
	}
}

func circular(d *DAG, g *Group) bool {
	for i, at := 0, g; i <= len(d.Groups); i++ {
		if at.Parent == "" {
			return false
		}
		if at = d.Group(at.Parent); at == nil {
			return false
		}
	}
	return true
}

func validateTask(d *DAG, t *Task, add func(field, format string, args ...any)) {
	if p := CheckID(t.ID); p != "" {
		add("task_id", "%s", p)
	}
	if t.Operator == "" {
		add("operator", "is missing")
	}
	if !slices.Contains(TriggerRules(), t.TriggerRule) {
		add("trigger_rule", "%q is none of %v", t.TriggerRule, TriggerRules())
	}
	if !slices.Contains([]WeightRule{WeightDownstream, WeightUpstream, WeightAbsolute}, t.WeightRule) {
		add("weight_rule", "%q is none of downstream, upstream, absolute", t.WeightRule)
	}
	if d.FailFast && t.TriggerRule != AllSuccess && !(t.Teardown && t.TriggerRule == AllDoneSetupSuccess) {
		add("trigger_rule", "%q is not possible with fail_fast: only all_success is", t.TriggerRule)
	}
	if t.Retries < 0 {
		add("retries", "is %d: use 0 for none", t.Retries)
	}
	if t.RetryDelay < 0 {
		add("retry_delay", "is negative")
	}
	if t.ExecutionTimeout < 0 {
		add("execution_timeout", "is negative")
	}
	if t.PoolSlots < 1 {
		add("pool_slots", "is %d: a task needs at least 1", t.PoolSlots)
	}
	if t.Setup && t.Teardown {
		add("setup", "and `teardown` cannot both be true: remove one of them")
	}
	if t.Expand != nil {
		validateMapping(t.Expand, add)
	}
	validateCallables(t.Args, "", add)
}

func validateMapping(m *Mapping, add func(field, format string, args ...any)) {
	if len(m.Sources()) == 0 {
		add("expand", "has no argument to map over")
	}
	for _, a := range m.Sources() {
		if a.XCom != nil {
			continue
		}
		if d, ok := a.Literal.(Derived); ok {
			if err := d.check(); err != nil {
				add("expand", "has %q: %v", a.Name, err)
			}
			continue
		}
		if _, ok := a.LiteralLength(); !ok {
			add("expand", "has %q, a %T: only lists, mappings and the output of a task can be mapped over", a.Name, a.Literal)
		}
	}
}
