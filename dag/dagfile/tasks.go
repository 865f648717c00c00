package dagfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

// taskBuilder reads one task.
type taskBuilder struct {
	b     *dagBuilder
	name  string
	key   *node
	cfg   *dict
	group *groupBuilder
	t     *dag.Task
	spec  *dag.OperatorSpec
	// eff is the task with its defaults and partial; from defaults on, its entries are
	// inherited ones.
	eff      *dict
	defaults int
	// inherited says that the key being read comes from default_args.
	inherited bool
	// decorated tasks give unknown keys to their function.
	decorated bool
	opKwargs  map[string]any
	// refs are the tasks whose output it uses.
	refs []string
}

func searchString(list []string, s string) (int, bool) { return slices.BinarySearch(list, s) }

func (b *dagBuilder) readTasks() {
	b.byName = make(map[string]*taskBuilder)
	for _, m := range b.members(b.cfg.get("tasks"), "tasks", "task_id") {
		cfg, ok := b.mapping(place{task: m.name, name: m.name}, m.val)
		if !ok {
			continue
		}
		if m.key.kind != kindText {
			b.problem(m.key.at, m.name, "a task id must be a text", "put it in quotes")
		}
		t := &taskBuilder{b: b, name: m.name, key: m.key, cfg: cfg}
		id := m.name
		if n := cfg.get("task_group_name"); !n.isNull() {
			group, _ := b.text(place{m.name, "task_group_name"}, n)
			if t.group = b.group[group]; t.group == nil {
				b.problem(n.at, m.name, fmt.Sprintf("there is no group `%s`", group), b.noGroup(group))
			} else {
				id = t.group.prefix() + id
			}
		}
		if p := dag.CheckID(id); p != "" {
			b.problem(m.key.at, id, "the task id "+p, "")
		}
		t.t = dag.NewTask(id, "")
		if t.group != nil {
			t.t.Group = t.group.id
		}
		b.tasks = append(b.tasks, t)
		b.byName[m.name] = t
		b.d.Tasks = append(b.d.Tasks, t.t)
	}
	used := make(map[string]bool)
	for _, t := range b.tasks {
		t.read(used)
	}
	b.checkDefaultArgs(used)
}

// checkDefaultArgs warns about defaults that no task takes: most are typing errors.
func (b *dagBuilder) checkDefaultArgs(used map[string]bool) {
	if len(b.tasks) == 0 {
		return
	}
	for _, e := range b.args.all() {
		name := e.name()
		if used[name] || name == "params" || name == "timezone" || taskFields.byName[name] != nil {
			continue
		}
		b.warning(e.key.at, "", fmt.Sprintf("`default_args`: no task takes `%s`", name), didYouMean(name, taskFields.names()))
	}
}

func (t *taskBuilder) read(used map[string]bool) {
	if !t.findOperator() {
		return
	}
	t.t.Operator = t.spec.Class
	t.effective()
	t.t.Args = make(dag.Values)
	for _, e := range t.cfg.all() {
		if f := taskKeys.byName[e.name()]; f != nil && f.set != nil && !e.val.isNull() {
			f.set(t.b.loader, t, t.at(e.name()), e.val)
		}
	}
	for i, e := range t.eff.all() {
		t.inherited = i >= t.defaults
		if t.readKey(e) {
			used[e.name()] = true
		}
	}
	t.inherited = false
	t.readCallables()
	for _, ev := range taskEvents() {
		*ev.at(t.t) = t.b.callbacks(t.eff, ev.name, t.t.ID)
	}
	t.t.Expand = t.b.mappingOf(t.cfg, t.at(""))
	t.finish()
}

func (t *taskBuilder) at(name string) place { return place{t.t.ID, name} }

// effective fills eff: the task's keys, those of partial, then default_args.
func (t *taskBuilder) effective() {
	eff := &dict{entries: make([]entry, 0, len(t.cfg.all())+8)}
	for _, e := range t.cfg.all() {
		if taskKeys.byName[e.name()] == nil {
			eff.set(e.key, e.val)
		}
	}
	if n := t.cfg.get("partial"); n != nil {
		d, _ := t.b.mapping(t.at("partial"), n)
		if t.cfg.get("expand") == nil && t.cfg.get("expand_kwargs") == nil {
			t.b.problem(n.at, t.t.ID, "`partial` without `expand`", "add expand, or move its keys to the task")
		}
		for _, e := range d.all() {
			if eff.set(e.key, e.val) {
				t.b.problem(e.key.at, t.t.ID, fmt.Sprintf("`%s` is in `partial` and in the task", e.name()), "remove one of them")
			}
		}
	}
	t.variables(eff)
	t.defaults = len(eff.entries)
	args := t.b.cfg.get("default_args")
	if t.group != nil {
		args = t.group.args
	}
	if args != nil && args.kind == kindDict {
		for _, e := range args.dict.entries {
			if !t.overridden(eff, e.name()) {
				eff.set(e.key, e.val)
			}
		}
	}
	t.eff = eff
}

// overridden says that the task itself has a key, or another form of the same callable.
func (t *taskBuilder) overridden(d *dict, name string) bool {
	own := func(key string) bool {
		i := d.find(key)
		return i >= 0 && i < t.defaults
	}
	if own(name) {
		return true
	}
	base := name
	for _, suffix := range callableForms {
		base = strings.TrimSuffix(base, suffix)
	}
	if !strings.HasSuffix(base, "_callback") && !strings.HasSuffix(base, "_callable") {
		return false
	}
	return own(base) || own(base+"_name") || own(base+"_lambda")
}

// variables applies variables_as_arguments: a variable that exists replaces an argument.
func (t *taskBuilder) variables(eff *dict) {
	n := t.cfg.get("variables_as_arguments")
	if n.isNull() {
		return
	}
	if n.kind != kindList {
		t.b.wrong(t.at("variables_as_arguments"), n, "a list of {variable, attribute}", "")
		return
	}
	for _, v := range n.list {
		var variable, attribute *node
		if v.kind == kindDict {
			variable, attribute = v.dict.get("variable"), v.dict.get("attribute")
		}
		if variable == nil || attribute == nil || variable.kind != kindText || attribute.kind != kindText {
			t.b.problem(v.at, t.t.ID, "`variables_as_arguments`: each entry needs `variable` and `attribute`, both texts", "")
			continue
		}
		if t.b.o.Variables == nil {
			continue
		}
		value, ok, err := t.b.o.Variables(variable.text)
		if err != nil {
			t.b.problem(v.at, t.t.ID, "`variables_as_arguments`: "+err.Error(), "")
		} else if ok {
			eff.set(attribute, newText(variable.at, value))
		}
	}
}

// readKey reads one key of eff and says whether the task takes it.
func (t *taskBuilder) readKey(e entry) bool {
	name := e.name()
	if f := taskFields.byName[name]; f != nil && t.spec.Arg(name) == nil {
		if f.set != nil && !e.val.isNull() && !(t.inherited && name == "params") {
			f.set(t.b.loader, t, t.at(name), e.val)
		}
		return true
	}
	if t.inherited && taskKeys.byName[name] != nil {
		return false
	}
	if _, _, ok := t.callableKey(name); ok {
		return true // readCallables
	}
	if a := t.arg(name); a != nil {
		if v, ok := t.b.argument(t.at(name), a, e.val); ok {
			t.t.Args[name] = v
		}
		return true
	}
	if t.inherited {
		return false
	}
	if t.decorated {
		t.opKwarg(name, e.val)
		return true
	}
	t.unknown(e)
	return false
}

func (t *taskBuilder) unknown(e entry) {
	if e.name() == "parent_group_name" {
		t.b.warning(e.key.at, t.t.ID, "`parent_group_name` has no effect in a task", "use task_group_name")
		return
	}
	hint := didYouMean(e.name(), t.known())
	if hint == "" {
		hint = fmt.Sprintf("%s takes %s", last(t.spec.Class), strings.Join(argNames(t.spec), ", "))
		if len(t.spec.Args) == 0 {
			hint = fmt.Sprintf("%s takes no arguments of its own", last(t.spec.Class))
		}
	}
	t.b.problem(e.key.at, t.t.ID, fmt.Sprintf("unknown argument `%s` of %s", e.name(), last(t.spec.Class)), hint)
}

// known are all keys the task may have.
func (t *taskBuilder) known() []string {
	out := slices.Concat(argNames(t.spec), taskFields.names(), taskKeys.names())
	if t.spec.Kind == dag.OperatorSensor {
		for _, a := range sensorArgs() {
			out = append(out, a.Name)
		}
	}
	for i := range t.spec.Args {
		if a := &t.spec.Args[i]; a.Type == dag.ArgCallable {
			for _, form := range callableForms {
				out = append(out, callableStem(a)+form)
			}
		}
	}
	return out
}

func argNames(s *dag.OperatorSpec) []string {
	out := make([]string, len(s.Args))
	for i, a := range s.Args {
		out[i] = a.Name
	}
	return out
}

// finish applies what follows from all keys together.
func (t *taskBuilder) finish() {
	if len(t.opKwargs) > 0 {
		kwargs, _ := t.t.Args["op_kwargs"].(map[string]any)
		if kwargs == nil {
			kwargs = make(map[string]any)
		}
		for k, v := range t.opKwargs {
			kwargs[k] = v
		}
		t.t.Args["op_kwargs"] = kwargs
	}
	t.httpData()
	t.required()
	if len(t.t.Args) == 0 {
		t.t.Args = nil
	}
	if t.t.Teardown && t.eff.get("trigger_rule").isNull() {
		t.t.TriggerRule = dag.AllDoneSetupSuccess
	}
	if t.t.OnFailureFailDagrun && !t.t.Teardown {
		t.b.problem(t.cfg.get("on_failure_fail_dagrun").at, t.t.ID, "`on_failure_fail_dagrun` is for teardowns", "add teardown: true, or remove it")
	}
	t.t.Inert = t.spec.Kind == dag.OperatorInert && len(t.t.OnExecute)+len(t.t.OnSuccess)+len(t.t.Outlets) == 0
	if t.spec.Kind == dag.OperatorSensor {
		t.t.Reschedule = t.t.Args["mode"] == "reschedule"
	}
	slices.Sort(t.refs)
	t.refs = slices.Compact(t.refs)
}

// httpData makes the data of a request with a JSON content type a text, which is what
// dag-factory sends.
func (t *taskBuilder) httpData() {
	class := last(t.spec.Class)
	if class != "HttpOperator" && class != "SimpleHttpOperator" {
		return
	}
	data, headers := t.eff.get("data"), t.eff.get("headers")
	if data == nil || data.kind != kindDict && data.kind != kindList || headers == nil || headers.kind != kindDict {
		return
	}
	for _, e := range headers.dict.entries {
		if strings.EqualFold(e.name(), "content-type") && strings.Contains(strings.ToLower(e.val.text), "application/json") {
			if s, ok := pythonJSON(data); ok {
				t.t.Args["data"] = s
			}
		}
	}
}

// required reports arguments that are missing.
func (t *taskBuilder) required() {
	if t.cfg.get("expand_kwargs") != nil {
		return // each element brings its own
	}
	for i := range t.spec.Args {
		a := &t.spec.Args[i]
		if !a.Required {
			continue
		}
		_, given := t.t.Args[a.Name]
		given = given || t.eff.get(a.Name) != nil || slices.ContainsFunc(callableForms, func(form string) bool { return t.eff.get(callableStem(a)+form) != nil })
		if t.t.Expand != nil && slices.ContainsFunc(t.t.Expand.Args, func(m dag.MappedArg) bool { return m.Name == a.Name }) {
			given = true
		}
		if !given {
			hint := "add it"
			if a.Type == dag.ArgCallable {
				hint = fmt.Sprintf("add it, or %s_name and %s_file", callableStem(a), callableStem(a))
			}
			t.b.problem(t.key.at, t.t.ID, fmt.Sprintf("%s needs the argument `%s`", last(t.spec.Class), a.Name), hint)
		}
	}
}
