package dagfile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/updraft-dev/updraft/dag"
)

// decoratorClass is the operator of a task decorator, by the decorator's import path;
// empty for unknown ones.
func decoratorClass(path string) string {
	const standard = "airflow.providers.standard."
	switch path {
	case "airflow.sdk.task", "airflow.decorators.task", "airflow.sdk.definitions.decorators.task",
		standard + "decorators.python.python_task", "airflow.decorators.python.python_task":
		return standard + "operators.python.PythonOperator"
	case "airflow.providers.docker.decorators.docker.docker_task":
		return "airflow.providers.docker.decorators.docker._DockerDecoratedOperator"
	case "airflow.providers.cncf.kubernetes.decorators.kubernetes.kubernetes_task":
		return "airflow.providers.cncf.kubernetes.decorators.kubernetes._KubernetesDecoratedOperator"
	case "airflow.providers.cncf.kubernetes.decorators.kubernetes_cmd.kubernetes_cmd_task":
		return "airflow.providers.cncf.kubernetes.decorators.kubernetes_cmd._KubernetesCmdDecoratedOperator"
	}
	module, _ := strings.CutPrefix(path, standard)
	if module == path {
		module, _ = strings.CutPrefix(path, "airflow.")
	}
	switch module {
	case "decorators.branch_python.branch_task":
		return standard + "operators.python.BranchPythonOperator"
	case "decorators.short_circuit.short_circuit_task":
		return standard + "operators.python.ShortCircuitOperator"
	case "decorators.sensor.sensor_task":
		return standard + "sensors.python.PythonSensor"
	case "decorators.bash.bash_task":
		return standard + "decorators.bash._BashDecoratedOperator"
	case "decorators.python_virtualenv.virtualenv_task":
		return standard + "operators.python.PythonVirtualenvOperator"
	case "decorators.external_python.external_python_task":
		return standard + "operators.python.ExternalPythonOperator"
	case "decorators.branch_virtualenv.branch_virtualenv_task":
		return standard + "operators.python.BranchPythonVirtualenvOperator"
	case "decorators.branch_external_python.branch_external_python_task":
		return standard + "operators.python.BranchExternalPythonOperator"
	}
	return ""
}

// decoratorHint names the decorator that a wrong path was meant to be.
func decoratorHint(path string) string {
	const standard = "airflow.providers.standard.decorators."
	kinds := map[string]string{
		"branch": "branch_python.branch_task", "short_circuit": "short_circuit.short_circuit_task", "sensor": "sensor.sensor_task",
		"bash": "bash.bash_task", "virtualenv": "python_virtualenv.virtualenv_task", "external_python": "external_python.external_python_task",
	}
	switch last(path) {
	case "docker":
		return "use airflow.providers.docker.decorators.docker.docker_task"
	case "kubernetes":
		return "use airflow.providers.cncf.kubernetes.decorators.kubernetes.kubernetes_task"
	case "kubernetes_cmd":
		return "use airflow.providers.cncf.kubernetes.decorators.kubernetes_cmd.kubernetes_cmd_task"
	}
	if name, ok := kinds[last(path)]; ok {
		return "use " + standard + name
	}
	return "use airflow.sdk.task or a function of airflow.providers.standard.decorators"
}

// findOperator reads operator or decorator.
func (t *taskBuilder) findOperator() bool {
	op, dec := t.cfg.get("operator"), t.cfg.get("decorator")
	switch {
	case op.isNull() && dec.isNull():
		t.b.problem(t.key.at, t.t.ID, "the task has neither `operator` nor `decorator`", "add operator: with an import path")
		return false
	case !op.isNull() && !dec.isNull():
		t.b.problem(dec.at, t.t.ID, "the task has `operator` and `decorator`", "remove one of them")
		return false
	}
	name, n := "operator", op
	if op.isNull() {
		name, n = "decorator", dec
	}
	path, ok := t.b.text(t.at(name), n)
	if !ok {
		return false
	}
	if n == dec {
		t.decorated = true
		class := decoratorClass(path)
		if class == "" {
			t.b.problem(n.at, t.t.ID, fmt.Sprintf("the decorator `%s` is not known", path), decoratorHint(path))
			return false
		}
		path = class
	}
	if t.b.o.Catalog != nil {
		t.spec = t.b.o.Catalog.Lookup(path)
	}
	if t.spec == nil {
		t.b.problem(n.at, t.t.ID, fmt.Sprintf("the %s `%s` is not known", name, n.text), t.b.operatorHint(path))
		return false
	}
	return true
}

// operatorHint names operators that a path may have meant: those of the same name, or
// else those with a similar one.
func (l *loader) operatorHint(path string) string {
	if l.o.Catalog == nil {
		return "no operators are known here"
	}
	var same, names []string
	classes := make(map[string]string)
	for _, s := range l.o.Catalog.Specs() {
		if last(s.Class) == last(path) {
			same = append(same, s.Class)
		}
		names = append(names, last(s.Class))
		classes[last(s.Class)] = s.Class
	}
	if len(same) > 0 {
		return "did you mean `" + strings.Join(same, "` or `") + "`?"
	}
	if hint := didYouMean(path, l.o.Catalog.Paths()); hint != "" {
		return hint
	}
	if hint := didYouMean(last(path), names); hint != "" {
		near := strings.TrimSuffix(strings.TrimPrefix(hint, "did you mean `"), "`?")
		return "did you mean `" + classes[near] + "`?"
	}
	return "`updraft dags schema` lists the operators"
}

// sensorArgs are the arguments that every sensor has.
func sensorArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "mode", Type: dag.ArgString, Enum: []string{"poke", "reschedule"}, Doc: "Whether it keeps its slot between pokes."},
		{Name: "poke_interval", Type: dag.ArgDuration, Doc: "How long to wait between pokes."},
		{Name: "timeout", Type: dag.ArgDuration, Doc: "How long to poke at all."},
		{Name: "soft_fail", Type: dag.ArgBool, Doc: "Whether it skips instead of failing."},
		{Name: "never_fail", Type: dag.ArgBool, Doc: "Whether it skips on every error."},
		{Name: "exponential_backoff", Type: dag.ArgBool, Doc: "Whether the interval grows."},
		{Name: "max_wait", Type: dag.ArgDuration, Doc: "The longest interval."},
		{Name: "silent_fail", Type: dag.ArgBool, Doc: "Whether errors of a poke are only logged."},
	}
}

// arg is the specification of an argument, or nil.
func (t *taskBuilder) arg(name string) *dag.ArgSpec {
	if a := t.spec.Arg(name); a != nil {
		return a
	}
	if t.spec.Kind != dag.OperatorSensor {
		return nil
	}
	args := sensorArgs()
	for i := range args {
		if args[i].Name == name {
			return &args[i]
		}
	}
	return nil
}

// callableKey says which callable argument a key belongs to, and in which form.
func (t *taskBuilder) callableKey(name string) (arg, form string, ok bool) {
	for i := range t.spec.Args {
		a := &t.spec.Args[i]
		if a.Type != dag.ArgCallable {
			continue
		}
		if name == a.Name {
			return a.Name, "", true
		}
		form, ok := strings.CutPrefix(name, callableStem(a))
		if ok && slices.Contains(callableForms, form) {
			return a.Name, form, true
		}
	}
	return "", "", false
}

// callableForms are the endings of the keys that name a function by its file, or hold a
// lambda, in place of the argument's own key.
var callableForms = []string{"_name", "_file", "_lambda"}

// callableStem is what those keys of an argument begin with: its name, but dag-factory
// calls those of the sensors' success and failure success_check_name and so on.
func callableStem(a *dag.ArgSpec) string {
	if a.Name == "success" || a.Name == "failure" {
		return a.Name + "_check"
	}
	return a.Name
}

// readCallables reads the arguments that are functions.
func (t *taskBuilder) readCallables() {
	for i := range t.spec.Args {
		a := &t.spec.Args[i]
		if a.Type != dag.ArgCallable {
			continue
		}
		p, stem := t.at(a.Name), callableStem(a)
		name, file, lambda, n := t.eff.get(stem+"_name"), t.eff.get(stem+"_file"), t.eff.get(stem+"_lambda"), t.eff.get(a.Name)
		switch {
		case !name.isNull() || !file.isNull():
			if c, ok := t.b.inFile(p, name, file); ok {
				t.t.Args[a.Name] = c
			}
		case !lambda.isNull():
			text, ok := t.b.text(place{p.task, stem + "_lambda"}, lambda)
			if ok && !strings.HasPrefix(strings.TrimSpace(text), "lambda") {
				t.b.problem(lambda.at, t.t.ID, fmt.Sprintf("`%s_lambda` must begin with `lambda`", stem), "write \"lambda x: …\"")
			}
			t.t.Args[a.Name] = dag.Callable{Lambda: strings.TrimSpace(text)}
		case n.isNull():
		case n.kind == kindObject:
			t.t.Args[a.Name] = t.b.value(p, n)
		default:
			if c, ok := t.b.importPath(p, n); ok {
				t.t.Args[a.Name] = c
			}
		}
	}
}

// argument checks and converts an argument of an operator.
func (l *loader) argument(p place, a *dag.ArgSpec, n *node) (any, bool) {
	if n.isNull() {
		if a.Required {
			l.problem(n.at, p.task, fmt.Sprintf("`%s` is null", p.name), "give it a value")
			return nil, false
		}
		return nil, true
	}
	if want, ok := l.fits(a, n); !ok {
		hint := ""
		if n.kind < kindList && (a.Type == dag.ArgString || a.Type == dag.ArgStrings) {
			hint = "put it in quotes"
		}
		l.wrong(p, n, want, hint)
		return nil, false
	}
	if len(a.Enum) > 0 && n.kind == kindText && !slices.Contains(a.Enum, n.text) && !strings.Contains(n.text, "{{") {
		hint := didYouMean(n.text, a.Enum)
		if hint == "" {
			hint = "use one of " + strings.Join(a.Enum, ", ")
		}
		l.problem(n.at, p.task, fmt.Sprintf("`%s` cannot be %s", p.name, n.describe()), hint)
		return nil, false
	}
	if a.Type == dag.ArgDuration && n.kind == kindText {
		if d, _, ok := deltaWords(n.text); ok {
			return d, true
		}
	}
	return l.value(p, n), true
}

// fits says whether a value has the type of an argument, and how the type is called.
func (l *loader) fits(a *dag.ArgSpec, n *node) (want string, ok bool) {
	object := n.kind == kindObject
	template := a.Templated && n.kind == kindText
	switch a.Type {
	case dag.ArgString:
		return "a text", n.kind == kindText || object
	case dag.ArgStrings:
		if n.kind == kindList {
			return "a text or a list of texts", !slices.ContainsFunc(n.list, func(v *node) bool { return v.kind != kindText && v.kind != kindObject })
		}
		return "a text or a list of texts", n.kind == kindText || object
	case dag.ArgInt:
		return "a whole number", n.kind == kindInt || template || object
	case dag.ArgNumber:
		return "a number", n.kind == kindInt || n.kind == kindFloat || template || object
	case dag.ArgBool:
		return "true or false", n.kind == kindBool || template || object
	case dag.ArgList:
		return "a list", n.kind == kindList || template || object
	case dag.ArgDict:
		return "a mapping", n.kind == kindDict || template || object
	case dag.ArgDuration:
		if n.kind == kindText && a.Name == "execution_delta" {
			_, _, ok := deltaWords(n.text)
			return "a timedelta or words such as \"2 hours\"", ok
		}
		return "a timedelta or a number of seconds", n.kind == kindInt || n.kind == kindFloat || template || object
	case dag.ArgTime:
		if n.kind == kindText && !template && !strings.Contains(n.text, "{{") {
			_, ok := parseISO(n.text)
			return "a datetime", ok
		}
		return "a datetime", n.kind == kindTime || n.kind == kindText || object
	}
	return "", true
}

// outputRef matches +task and +task["key"].
var outputRef = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\+([^\[\]]+)(?:\[\s*["']?([^"'\[\]]+)["']?\s*\])?$`)
})

// opKwarg is an argument of a decorated function; +task means the output of a task,
// +group["argument"] the element of the mapped group around it.
func (t *taskBuilder) opKwarg(name string, n *node) {
	if t.opKwargs == nil {
		t.opKwargs = make(map[string]any)
	}
	if arg, ok := t.element(t.at(name), n); ok {
		if arg != nil {
			t.opKwargs[name] = *arg
		}
		return
	}
	if ref, ok := t.b.reference(t.at(name), n); ok {
		if ref != nil {
			t.opKwargs[name] = *ref
			t.refs = append(t.refs, ref.Task)
		}
		return
	}
	t.opKwargs[name] = t.b.value(t.at(name), n)
}

// reference reads +task; ok says that it is one, ref is nil when the task is unknown.
func (b *dagBuilder) reference(p place, n *node) (ref *dag.XComRef, ok bool) {
	if n.kind != kindText || !strings.HasPrefix(n.text, "+") {
		return nil, false
	}
	m := outputRef().FindStringSubmatch(n.text)
	if m == nil {
		return nil, false
	}
	name := strings.TrimSpace(m[1])
	from := b.byName[name]
	if from == nil {
		b.problem(n.at, p.task, fmt.Sprintf("`%s` refers to the output of `%s`, which is not a task of the DAG", p.name, name), didYouMean(name, b.taskNames()))
		return nil, true
	}
	return &dag.XComRef{Task: from.t.ID, Key: m[2]}, true
}

var mappedOutput = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:(.+)\.output|X[cC]omArg\(\s*["']?([^"'()]+?)["']?\s*\))$`)
})

// mappingOf reads expand or expand_kwargs of a task or group; nil if it has neither.
func (b *dagBuilder) mappingOf(cfg *dict, p place) *dag.Mapping {
	expand, kwargs := cfg.get("expand"), cfg.get("expand_kwargs")
	if expand == nil && kwargs == nil {
		return nil
	}
	t := b.taskOf(p.task)
	if kwargs != nil {
		if expand != nil {
			b.problem(kwargs.at, p.task, "`expand` and `expand_kwargs` cannot be used together", "remove one of them")
		}
		name := ""
		if t != nil && t.decorated {
			name = "op_kwargs"
		}
		a, _ := b.mapped(place{p.task, "expand_kwargs"}, name, kwargs, t)
		return &dag.Mapping{Kwargs: &a}
	}
	d, ok := b.mapping(place{p.task, "expand"}, expand)
	if !ok {
		return nil
	}
	if len(d.all()) == 0 {
		b.problem(expand.at, p.task, "`expand` is empty", "name the arguments to map over")
		return nil
	}
	m := &dag.Mapping{}
	for _, e := range d.entries {
		name := e.name()
		if t != nil {
			if name, ok = t.mappable(e); !ok {
				continue
			}
		}
		if a, ok := b.mapped(place{p.task, "expand." + e.name()}, name, e.val, t); ok {
			m.Args = append(m.Args, a)
		}
	}
	return m
}

func (b *dagBuilder) taskOf(id string) *taskBuilder {
	for _, t := range b.tasks {
		if t.t.ID == id {
			return t
		}
	}
	return nil
}

// mappable checks that a task takes a mapped argument and returns its name in the
// mapping: "op_kwargs.x" for the argument x of a decorated function.
func (t *taskBuilder) mappable(e entry) (string, bool) {
	name := e.name()
	if t.spec.Arg(name) != nil && !(t.decorated && name != "op_args" && name != "op_kwargs") {
		if t.eff.get(name) != nil && t.eff.find(name) < t.defaults {
			t.b.problem(e.key.at, t.t.ID, fmt.Sprintf("`%s` is in `expand` and in the task", name), "remove one of them")
			return "", false
		}
		return name, true
	}
	if t.decorated {
		return "op_kwargs." + name, true
	}
	if taskFields.byName[name] != nil {
		t.b.problem(e.key.at, t.t.ID, fmt.Sprintf("`%s` cannot be mapped", name), "all instances of a task share it")
		return "", false
	}
	t.unknown(e)
	return "", false
}

// mapped reads a mapped argument: a list, a mapping, or the output of a task.
func (b *dagBuilder) mapped(p place, name string, n *node, t *taskBuilder) (dag.MappedArg, bool) {
	ref, isRef := b.reference(p, n)
	if !isRef && n.kind == kindText {
		if m := mappedOutput().FindStringSubmatch(n.text); m != nil {
			from := m[1] + m[2]
			isRef = true
			if up := b.byName[from]; up != nil {
				ref = &dag.XComRef{Task: up.t.ID}
			} else {
				b.problem(n.at, p.task, fmt.Sprintf("`%s` refers to the output of `%s`, which is not a task of the DAG", p.name, from), didYouMean(from, b.taskNames()))
			}
		}
	}
	switch {
	case isRef && ref == nil:
		return dag.MappedArg{}, false
	case isRef:
		if t != nil {
			t.refs = append(t.refs, ref.Task)
		}
		return dag.MappedArg{Name: name, XCom: ref}, true
	case n.kind != kindList && n.kind != kindDict:
		b.wrong(p, n, "a list, a mapping or the output of a task", "write [value, …] or task.output")
		return dag.MappedArg{}, false
	}
	return dag.MappedArg{Name: name, Literal: b.value(p, n)}, true
}
