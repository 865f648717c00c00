package dagfile

import (
	"fmt"
	"strings"
	"time"
)

// fieldType says what a key takes, for the JSON Schema.
type fieldType string

const (
	typeAny       fieldType = "any"
	typeText      fieldType = "text"
	typeInt       fieldType = "int"
	typeNumber    fieldType = "number"
	typeBool      fieldType = "bool"
	typeTexts     fieldType = "texts"
	typeTextOr    fieldType = "text or texts"
	typeDict      fieldType = "mapping"
	typeSeconds   fieldType = "timedelta or seconds"
	typeTimedelta fieldType = "timedelta"
	typeDate      fieldType = "date"
	typeSchedule  fieldType = "schedule"
	typeParams    fieldType = "params"
	typeCallback  fieldType = "callback"
	typeCallable  fieldType = "callable"
	typeAssets    fieldType = "assets"
	typeResources fieldType = "resources"
	typeTasks     fieldType = "tasks"
	typeGroups    fieldType = "groups"
	typeDefaults  fieldType = "default_args"
	typeExpand    fieldType = "expand"
	typeTexted    fieldType = "variables"
	typeDeadline  fieldType = "deadline"
)

// field is one key of a DAG, a group or a task: the loader reads by it, and the JSON
// Schema for editors is made from it.
type field[T any] struct {
	name string
	typ  fieldType
	enum []string
	doc  string
	// ours marks what dag-factory would drop in silence.
	ours bool
	// refused marks keys that are always an error; the JSON Schema leaves them out.
	refused bool
	// set reads the key. It is nil for keys that are read elsewhere, because they depend
	// on others.
	set func(l *loader, to T, p place, n *node)
}

// fields is a table of keys.
type fields[T any] struct {
	list   []field[T]
	byName map[string]*field[T]
}

func newFields[T any](lists ...[]field[T]) fields[T] {
	f := fields[T]{byName: make(map[string]*field[T])}
	for _, list := range lists {
		f.list = append(f.list, list...)
	}
	for i := range f.list {
		f.byName[f.list[i].name] = &f.list[i]
	}
	return f
}

func (f fields[T]) names() []string {
	out := make([]string, len(f.list))
	for i := range f.list {
		out[i] = f.list[i].name
	}
	return out
}

func (f field[T]) own() field[T] {
	f.ours = true
	return f
}

func (f field[T]) oneOf(values ...string) field[T] {
	f.enum = values
	read := f.set
	f.set = func(l *loader, to T, p place, n *node) {
		for _, v := range values {
			if n.kind == kindText && n.text == v {
				read(l, to, p, n)
				return
			}
		}
		hint := ""
		if n.kind == kindText {
			hint = didYouMean(n.text, values)
		}
		if hint == "" {
			hint = "use one of " + strings.Join(values, ", ")
		}
		l.problem(n.at, p.task, fmt.Sprintf("`%s` cannot be %s", p.name, n.describe()), hint)
	}
	return f
}

func textField[T any](name, doc string, at func(T) *string) field[T] {
	return field[T]{name: name, typ: typeText, doc: doc, set: func(l *loader, to T, p place, n *node) {
		if v, ok := l.text(p, n); ok {
			*at(to) = v
		}
	}}
}

func intField[T any](name, doc string, at func(T) *int) field[T] {
	return field[T]{name: name, typ: typeInt, doc: doc, set: func(l *loader, to T, p place, n *node) {
		if v, ok := l.integer(p, n); ok {
			*at(to) = v
		}
	}}
}

func boolField[T any](name, doc string, at func(T) *bool) field[T] {
	return field[T]{name: name, typ: typeBool, doc: doc, set: func(l *loader, to T, p place, n *node) {
		if v, ok := l.boolean(p, n); ok {
			*at(to) = v
		}
	}}
}

// secondsField takes a timedelta or a number of seconds.
func secondsField[T any](name, doc string, at func(T) *time.Duration) field[T] {
	return field[T]{name: name, typ: typeSeconds, doc: doc, set: func(l *loader, to T, p place, n *node) {
		if v, ok := l.duration(p, n, true); ok {
			*at(to) = v
		}
	}}
}

// timedeltaField takes a timedelta only.
func timedeltaField[T any](name, doc string, at func(T) *time.Duration) field[T] {
	return field[T]{name: name, typ: typeTimedelta, doc: doc, set: func(l *loader, to T, p place, n *node) {
		if v, ok := l.duration(p, n, false); ok {
			*at(to) = v
		}
	}}
}

// elsewhere is a key that is read outside of its table.
func elsewhere[T any](name string, typ fieldType, doc string) field[T] {
	return field[T]{name: name, typ: typ, doc: doc}
}

// noEffect is a key that Airflow knows and Updraft has no use for.
func noEffect[T any](name string, typ fieldType, doc string) field[T] {
	return field[T]{name: name, typ: typ, doc: doc, set: func(l *loader, _ T, p place, n *node) {
		l.warning(n.at, p.task, fmt.Sprintf("`%s` has no effect in Updraft", p.name), "remove it")
	}}
}
