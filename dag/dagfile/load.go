package dagfile

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// Options say how to read a file. The zero value reads without a catalog, which makes
// every operator unknown.
type Options struct {
	// File is the path of the file, used in messages and for DAG.File; defaults.yml
	// files are looked for from its folder upwards.
	File string
	// Catalog are the operators that a file may use.
	Catalog *dag.Catalog
	// Strict makes warnings problems.
	Strict bool
	// Env looks up environment variables, which are expanded in the text; nil expands none.
	Env func(name string) (string, bool)
	// Variables looks up Airflow variables for variables_as_arguments; nil knows none. An error
	// says that a file may not read one, and is a problem of the file.
	Variables func(name string) (text string, found bool, err error)
	// ReadFile reads the other files a DAG file refers to; nil reads none, and then
	// defaults.yml and doc_md_file_path have no effect.
	ReadFile func(path string) ([]byte, error)
	// Exists says whether a folder is there; nil believes that all are.
	Exists func(path string) bool
	// PythonPath are folders of Python modules: callables whose module is found there
	// must be in it. Others are not checked.
	PythonPath []string
	// DefaultsDir is the topmost folder in which defaults.yml is looked for; empty means
	// the folder of File only.
	DefaultsDir string
	// Defaults is the text of a defaults.yml to use in place of such files.
	Defaults []byte
	// Compat is the Airflow release, 2 or 3, whose meaning plain cron texts and deltas
	// have; 0 is 3.
	Compat int
	// CheckSchedule says what is wrong with a schedule; nil accepts all.
	CheckSchedule func(dag.Schedule) error
	// Now is the clock for relative start dates; nil makes them an error.
	Now func() time.Time
}

// Result is what a file contains.
type Result struct {
	// DAGs are in the order of the file.
	DAGs []*dag.DAG
	// Warnings are what the author should know although the file loads.
	Warnings []Problem
	// Files are the paths of the other files the result depends on, whether they are
	// there or not.
	Files []string
}

// Load reads the DAGs of one file. A file with one bad DAG has none, as with
// dag-factory; the error is then a Problems with everything that is wrong in it. The
// Result's Warnings and Files are valid with an error, too.
func Load(src []byte, o Options) (Result, error) {
	l := &loader{o: o, seen: make(map[string]bool)}
	l.load(src)
	sortProblems(l.warnings)
	if o.Strict {
		l.problems = append(l.problems, l.warnings...)
		l.warnings = nil
	}
	res := Result{DAGs: l.dags, Warnings: l.warnings, Files: l.files}
	if len(l.problems) > 0 {
		sortProblems(l.problems)
		res.DAGs = nil
		return res, Problems(l.problems)
	}
	return res, nil
}

// loader is the state of one Load.
type loader struct {
	o        Options
	dags     []*dag.DAG
	problems []Problem
	warnings []Problem
	files    []string
	seen     map[string]bool
	// in is the DAG being read, and groups has its groups' names and ids, for messages.
	in     string
	groups map[string]bool
	// modules caches the identifiers of Python modules.
	modules map[string]module
}

func (l *loader) problem(at pos, task, message, hint string) {
	l.problems = l.add(l.problems, at, task, message, hint)
}

func (l *loader) warning(at pos, task, message, hint string) {
	l.warnings = l.add(l.warnings, at, task, message, hint)
}

// add locates a problem. Defaults are read again for every task, so the same words
// about the same place are said once.
func (l *loader) add(to []Problem, at pos, task, message, hint string) []Problem {
	p := Problem{File: l.o.File, Line: 1, Column: 1, DAG: l.in, Task: task, Message: message, Hint: hint}
	if l.groups[task] {
		p.Task, p.Group = "", task
	}
	if at.src != nil {
		line, column, text := at.src.locate(int(at.line), int(at.column))
		p.File, p.Line, p.Column, p.Excerpt = at.src.file, line, column, excerpt(text, column)
	}
	key := fmt.Sprintf("%s:%d:%d:%s", p.File, p.Line, p.Column, message)
	if l.seen[key] {
		return to
	}
	l.seen[key] = true
	return append(to, p)
}

func (l *loader) load(raw []byte) {
	if len(raw) > maxFile {
		l.problem(pos{}, "", fmt.Sprintf("the file has %d bytes: more than %d", len(raw), maxFile), "split it")
		return
	}
	src := newSource(l.o.File, raw, l.o.Env)
	root := l.parse(src)
	if len(l.problems) > 0 && (root == nil || root.kind != kindDict) {
		return
	}
	start := pos{src: src, line: 1, column: 1}
	if root.isNull() {
		l.problem(start, "", "the file has no DAG", "a DAG file is a mapping of DAG ids to DAGs")
		return
	}
	if root.kind != kindDict {
		l.problem(root.at, "", fmt.Sprintf("the file is %s", root.describe()), "a DAG file is a mapping of DAG ids to DAGs")
		return
	}
	block := l.defaultBlock(root)
	defaults := l.defaults()
	for _, e := range root.dict.entries {
		if e.name() == "default" || e.name() == "task_groups" || strings.HasPrefix(e.name(), "$") || strings.HasPrefix(e.name(), "x-") {
			continue
		}
		l.in = e.name()
		l.loadDAG(e, block, defaults)
		l.in = ""
	}
}

func (l *loader) parse(src *source) *node {
	y := yamlReader{
		src:    src,
		report: func(at pos, message, hint string) { l.problem(at, "", message, hint) },
		warn:   func(at pos, message, hint string) { l.warning(at, "", message, hint) },
	}
	return y.read()
}

func (l *loader) defaultBlock(root *node) *node {
	block := root.dict.get("default")
	if block == nil || block.kind == kindNull {
		return nil
	}
	if block.kind != kindDict {
		l.problem(block.at, "", fmt.Sprintf("`default` must be a mapping, not %s", block.describe()), "give what all DAGs of the file have in common")
		return nil
	}
	return block
}

// readFile reads a file the DAG file refers to, and remembers that it did.
func (l *loader) readFile(name string) ([]byte, error) {
	l.files = append(l.files, name)
	if l.o.ReadFile == nil {
		return nil, errNoReadFile
	}
	return l.o.ReadFile(name)
}

var errNoReadFile = errors.New("other files cannot be read here")

// defaults is what the defaults.yml files say together; nil if there are none.
func (l *loader) defaults() *node {
	if l.o.Defaults != nil {
		return l.parseDefaults("defaults", l.o.Defaults)
	}
	if l.o.ReadFile == nil || l.o.File == "" {
		return nil
	}
	var all, tags *node
	var args *node
	for _, dir := range l.defaultsDirs() {
		for _, name := range []string{"defaults.yml", "defaults.yaml"} {
			file := path.Join(dir, name)
			raw, err := l.readFile(file)
			if err != nil {
				continue // most folders have none
			}
			n := l.parseDefaults(file, raw)
			if n == nil {
				break
			}
			args = overlay(args, n.dict.get("default_args"))
			tags = union(tags, n.dict.get("tags"))
			all = overlay(all, n)
			break
		}
	}
	if all == nil {
		return nil
	}
	out := &dict{}
	for _, e := range all.dict.entries {
		switch {
		case e.name() == "default_args" && args != nil:
			out.set(e.key, args)
		case e.name() == "tags" && tags != nil:
			out.set(e.key, tags)
		default:
			out.set(e.key, e.val)
		}
	}
	return newDict(all.at, out)
}

// defaultsDirs are the folders from DefaultsDir down to the file's.
func (l *loader) defaultsDirs() []string {
	dir := path.Dir(l.o.File)
	dirs := []string{dir}
	top := path.Clean(l.o.DefaultsDir)
	if l.o.DefaultsDir == "" || dir != top && !strings.HasPrefix(dir, strings.TrimSuffix(top, "/")+"/") && top != "." {
		return dirs
	}
	for dir != top {
		up := path.Dir(dir)
		if up == dir {
			break
		}
		dir = up
		dirs = append([]string{dir}, dirs...)
	}
	return dirs
}

func (l *loader) parseDefaults(file string, raw []byte) *node {
	n := l.parse(newSource(file, raw, l.o.Env))
	if n.isNull() {
		return nil
	}
	if n.kind != kindDict {
		l.problem(n.at, "", fmt.Sprintf("%s must be a mapping, not %s", path.Base(file), n.describe()), "")
		return nil
	}
	return n
}

// union is the sorted union of two lists of texts; lists of other things are joined by
// what they print.
func union(a, b *node) *node {
	if a.isNull() || a.kind != kindList {
		a = newList(pos{}, nil)
	}
	if b.isNull() || b.kind != kindList {
		if len(a.list) == 0 {
			return nil
		}
		return a
	}
	all := &dict{}
	for _, v := range append(append([]*node(nil), a.list...), b.list...) {
		all.set(newText(v.at, pythonText(v)), v)
	}
	return newList(b.at, sortedByText(all))
}
