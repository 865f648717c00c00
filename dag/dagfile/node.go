package dagfile

import (
	"fmt"
	"strings"
)

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindInt
	kindFloat
	kindText
	kindTime
	kindList
	kindDict
	// kindObject is a Python object that __type__ asks for: class in text, positional
	// arguments in list, the others in dict.
	kindObject
)

// node is a value of a file and where it stands. Nodes are shared by aliases and
// defaults, hence never changed once they are built.
type node struct {
	at   pos
	kind kind
	// text is a text's content, an object's class, or how another scalar was written.
	text string
	// val is a scalar's value: bool, int64, float64 or moment.
	val  any
	list []*node
	dict *dict
	// raw is an object's mapping as written, __type__ included.
	raw *dict
	// size counts the nodes below, those behind aliases each time they occur.
	size int
}

// dict is a mapping in the order of the file.
type dict struct {
	entries []entry
	index   map[string]int
}

// entry is one key of a dict. Keys that are no texts are known by how Python prints them.
type entry struct {
	key *node
	val *node
}

func (e entry) name() string { return e.key.text }

// smallDict is how many keys are found faster by looking at all of them.
const smallDict = 12

func (d *dict) find(name string) int {
	if d == nil {
		return -1
	}
	if d.index != nil {
		if i, ok := d.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range d.entries {
		if d.entries[i].key.text == name {
			return i
		}
	}
	return -1
}

// get returns the value of a key, or nil.
func (d *dict) get(name string) *node {
	if i := d.find(name); i >= 0 {
		return d.entries[i].val
	}
	return nil
}

// set adds a key or replaces its value where it is, and says whether it was there.
func (d *dict) set(key, val *node) (replaced bool) {
	if i := d.find(key.text); i >= 0 {
		d.entries[i].val = val
		return true
	}
	if len(d.entries) == smallDict {
		d.index = make(map[string]int, 2*smallDict)
		for i, e := range d.entries {
			d.index[e.key.text] = i
		}
	}
	d.entries = append(d.entries, entry{key, val})
	if d.index != nil {
		d.index[key.text] = len(d.entries) - 1
	}
	return false
}

func (d *dict) all() []entry {
	if d == nil {
		return nil
	}
	return d.entries
}

func (n *node) isNull() bool { return n == nil || n.kind == kindNull }

// describe names a value for messages: `the text "many"`.
func (n *node) describe() string {
	short := func(s string) string {
		if r := []rune(s); len(r) > 40 {
			return string(r[:40]) + "…"
		}
		return s
	}
	switch n.kind {
	case kindNull:
		return "null"
	case kindBool:
		return fmt.Sprintf("the boolean `%s`", n.text)
	case kindInt, kindFloat:
		return fmt.Sprintf("the number `%s`", n.text)
	case kindText:
		return fmt.Sprintf("the text %q", short(n.text))
	case kindTime:
		return fmt.Sprintf("the date `%s`", n.text)
	case kindList:
		return "a list"
	case kindDict:
		return "a mapping"
	default:
		return fmt.Sprintf("a `%s`", n.text)
	}
}

func newDict(at pos, d *dict) *node {
	size := 1
	for _, e := range d.entries {
		size += e.val.size
	}
	return &node{at: at, kind: kindDict, dict: d, size: size}
}

func newList(at pos, list []*node) *node {
	size := 1
	for _, v := range list {
		size += v.size
	}
	return &node{at: at, kind: kindList, list: list, size: size}
}

func newText(at pos, s string) *node { return &node{at: at, kind: kindText, text: s, size: 1} }

// merge returns over with what only under has, recursively for mappings: what
// dag-factory does with a file's default block.
func merge(over, under *node) *node {
	if under == nil || under.kind != kindDict || len(under.dict.entries) == 0 {
		return over
	}
	if over == nil {
		return under
	}
	if over.kind != kindDict {
		return over
	}
	out := &dict{entries: make([]entry, 0, len(over.dict.entries)+len(under.dict.entries))}
	for _, e := range over.dict.entries {
		if u := under.dict.get(e.name()); u != nil && u.kind == kindDict && e.val.kind == kindDict {
			out.set(e.key, merge(e.val, u))
			continue
		}
		out.set(e.key, e.val)
	}
	for _, e := range under.dict.entries {
		if out.find(e.name()) < 0 {
			out.set(e.key, e.val)
		}
	}
	return newDict(over.at, out)
}

// overlay returns under with the keys of over set on it: Python's {**under, **over}.
func overlay(under, over *node) *node {
	if under == nil || under.kind != kindDict {
		return over
	}
	if over == nil || over.kind != kindDict {
		return under
	}
	out := &dict{entries: make([]entry, 0, len(over.dict.entries)+len(under.dict.entries))}
	for _, e := range under.dict.entries {
		out.set(e.key, e.val)
	}
	for _, e := range over.dict.entries {
		out.set(e.key, e.val)
	}
	return newDict(over.at, out)
}

// last is the part of a dotted path after its last dot.
func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }
