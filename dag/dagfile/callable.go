package dagfile

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/dag"
)

var (
	pythonName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*$`) })
	pythonPath = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}_][\p{L}\p{N}_]*)+$`)
	})
	identifier = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[\p{L}_][\p{L}\p{N}_]*`) })
)

// module is what is known of a Python file without running it.
type module struct {
	found bool
	// names are all words in it; star says that it imports others.
	names map[string]bool
	star  bool
}

// importPath reads the dotted path of a Python function.
func (l *loader) importPath(p place, n *node) (dag.Callable, bool) {
	name, ok := l.text(p, n)
	if !ok {
		return dag.Callable{}, false
	}
	name = strings.TrimSpace(name)
	if !pythonPath().MatchString(name) {
		l.problem(n.at, p.task, fmt.Sprintf("`%s`: %q is no import path", p.name, name), "write module.function")
		return dag.Callable{}, false
	}
	dot := strings.LastIndexByte(name, '.')
	file := strings.ReplaceAll(name[:dot], ".", "/")
	for _, dir := range l.o.PythonPath {
		for _, candidate := range []string{file + ".py", file + "/__init__.py"} {
			if m := l.module(path.Join(dir, candidate)); m.found {
				return dag.Callable{Path: name}, l.defines(p, n, m, name[:dot], name[dot+1:])
			}
		}
	}
	return dag.Callable{Path: name}, true
}

// inFile reads a function given by X_name and the absolute path X_file.
func (l *loader) inFile(p place, name, file *node) (dag.Callable, bool) {
	if name.isNull() || file.isNull() {
		n, missing := name, "_file"
		if n.isNull() {
			n, missing = file, "_name"
		}
		l.problem(n.at, p.task, fmt.Sprintf("`%s_name` and `%s_file` belong together", p.name, p.name), "add "+p.name+missing)
		return dag.Callable{}, false
	}
	fn, ok := l.text(place{p.task, p.name + "_name"}, name)
	where, ok2 := l.text(place{p.task, p.name + "_file"}, file)
	switch {
	case !ok || !ok2:
		return dag.Callable{}, false
	case !pythonName().MatchString(fn):
		l.problem(name.at, p.task, fmt.Sprintf("`%s_name`: %q is no name of a function", p.name, fn), "")
		return dag.Callable{}, false
	case !path.IsAbs(where):
		l.problem(file.at, p.task, fmt.Sprintf("`%s_file` must be an absolute path", p.name), "an environment variable can hold the folder: $AIRFLOW_HOME/dags/"+where)
		return dag.Callable{}, false
	}
	c := dag.Callable{File: where, Name: fn}
	if m := l.module(where); m.found {
		return c, l.defines(p, name, m, where, fn)
	}
	return c, true
}

// module reads the words of a Python file once.
func (l *loader) module(file string) module {
	if l.o.ReadFile == nil {
		return module{}
	}
	if m, ok := l.modules[file]; ok {
		return m
	}
	m := module{}
	if raw, err := l.readFile(file); err == nil {
		m = module{found: true, names: make(map[string]bool), star: strings.Contains(string(raw), "import *")}
		for _, w := range identifier().FindAllString(string(raw), -1) {
			m.names[w] = true
		}
	}
	if l.modules == nil {
		l.modules = make(map[string]module)
	}
	l.modules[file] = m
	return m
}

// defines reports a name that does not even occur in its module.
func (l *loader) defines(p place, n *node, m module, where, name string) bool {
	if m.names[name] || m.star || m.names["__getattr__"] {
		return true
	}
	words := make([]string, 0, len(m.names))
	for w := range m.names {
		words = append(words, w)
	}
	l.problem(n.at, p.task, fmt.Sprintf("`%s`: %s has no `%s`", p.name, where, name), didYouMean(name, words))
	return false
}

// callbacks reads an event's callback in all its forms: a path, a mapping, a list of
// these, or X_name and X_file.
func (l *loader) callbacks(cfg *dict, event, task string) []dag.Callback {
	p := place{task, event}
	name, file := cfg.get(event+"_name"), cfg.get(event+"_file")
	if !name.isNull() || !file.isNull() {
		if c, ok := l.inFile(p, name, file); ok {
			return []dag.Callback{{Kind: dag.CallbackPython, Callable: &c}}
		}
		return nil
	}
	n := cfg.get(event)
	if n.isNull() {
		return nil
	}
	if n.kind != kindList {
		n = newList(n.at, []*node{n})
	}
	var out []dag.Callback
	for _, v := range n.list {
		if c, ok := l.callback(p, v); ok {
			out = append(out, c)
		}
	}
	return out
}

func (l *loader) callback(p place, n *node) (dag.Callback, bool) {
	switch {
	case n.kind == kindText:
		c, ok := l.importPath(p, n)
		return dag.Callback{Kind: dag.CallbackPython, Callable: &c}, ok
	case n.kind == kindObject && n.raw != nil:
		return dag.Callback{
			Kind: dag.CallbackPython, Callable: &dag.Callable{Path: n.text}, Notifier: isClass(n.text), Args: l.values(p, newDict(n.at, n.dict)),
		}, true
	case n.kind != kindDict:
		l.wrong(p, n, "the import path of a function or a mapping with `callback`", "")
		return dag.Callback{}, false
	}
	switch {
	case n.dict.get("callback") != nil:
		c, ok := l.importPath(p, n.dict.get("callback"))
		rest := &dict{}
		for _, e := range n.dict.entries {
			if e.name() != "callback" {
				rest.set(e.key, e.val)
			}
		}
		out := dag.Callback{Kind: dag.CallbackPython, Callable: &c, Notifier: isClass(c.Path)}
		if len(rest.entries) > 0 {
			out.Args = l.values(p, newDict(n.at, rest))
		}
		return out, ok
	case n.dict.get("command") != nil:
		if !l.onlyKeys(p, n, "command") {
			return dag.Callback{}, false
		}
		argv, ok := l.texts(place{p.task, p.name + ".command"}, n.dict.get("command"))
		if ok && len(argv) == 0 {
			l.problem(n.at, p.task, fmt.Sprintf("`%s.command` is empty", p.name), "write [program, argument, …]")
		}
		return dag.Callback{Kind: dag.CallbackCommand, Command: argv}, ok
	case n.dict.get("webhook") != nil:
		if !l.onlyKeys(p, n, "webhook") {
			return dag.Callback{}, false
		}
		url, ok := l.text(place{p.task, p.name + ".webhook"}, n.dict.get("webhook"))
		return dag.Callback{Kind: dag.CallbackWebhook, URL: url}, ok
	}
	l.problem(n.at, p.task, fmt.Sprintf("`%s` has neither `callback` nor `command` nor `webhook`", p.name), "write {callback: module.function}")
	return dag.Callback{}, false
}

func (l *loader) onlyKeys(p place, n *node, names ...string) bool {
	for _, e := range n.dict.entries {
		if !slices.Contains(names, e.name()) {
			l.problem(e.key.at, p.task, fmt.Sprintf("`%s` has no key `%s`", p.name, e.name()), cmp.Or(didYouMean(e.name(), names), "it takes "+strings.Join(names, ", ")))
			return false
		}
	}
	return true
}

// isClass tells a class from a function by its name, as Python programmers do.
func isClass(path string) bool {
	r, _ := utf8.DecodeRuneInString(last(path))
	return unicode.IsUpper(r)
}
