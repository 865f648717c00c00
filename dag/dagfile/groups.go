package dagfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

// groupBuilder reads one task group.
type groupBuilder struct {
	b    *dagBuilder
	name string
	key  *node
	cfg  *dict
	g    *dag.Group
	id   string
	// args are the group's default_args over those of the groups around it.
	args   *node
	parent *groupBuilder
	state  int
}

const (
	groupWaiting = iota
	groupOpen
	groupDone
)

// groupFields are the keys of a task group.
var groupFields = newFields([]field[*groupBuilder]{
	elsewhere[*groupBuilder]("group_name", typeText, "The group's name, in a list of groups."),
	elsewhere[*groupBuilder]("parent_group_name", typeText, "The group that this one is in."),
	elsewhere[*groupBuilder]("dependencies", typeTexts, "Tasks and groups before this one."),
	elsewhere[*groupBuilder]("default_args", typeDefaults, "Values for the group's tasks that do not say otherwise."),
	{name: "prefix_group_id", typ: typeBool, doc: "Whether the ids of its tasks begin with the group's.", set: func(l *loader, g *groupBuilder, p place, n *node) {
		if v, ok := l.boolean(p, n); ok {
			g.g.NoPrefix = !v
		}
	}},
	textField("tooltip", "What the group is for.", func(g *groupBuilder) *string { return &g.g.Tooltip }),
	textField("group_display_name", "Name to show in place of the id.", func(g *groupBuilder) *string { return &g.g.DisplayName }),
	{name: "ui_color", typ: typeText, doc: "Colour in Airflow's UI; not used.", set: func(*loader, *groupBuilder, place, *node) {}},
	{name: "ui_fgcolor", typ: typeText, doc: "Colour in Airflow's UI; not used.", set: func(*loader, *groupBuilder, place, *node) {}},
	noEffect[*groupBuilder]("add_suffix_on_collision", typeBool, "Not used."),
	elsewhere[*groupBuilder]("expand", typeExpand, "Makes it a mapped group: its tasks are instantiated once per element.").own(),
	elsewhere[*groupBuilder]("expand_kwargs", typeExpand, "Like expand, over a list of mappings.").own(),
})

// named is a task or group of a file: in a mapping by its key, or in a list.
type named struct {
	name     string
	key, val *node
}

// members reads tasks or groups, which are a mapping or a list whose entries have the
// key idKey.
func (b *dagBuilder) members(n *node, key, idKey string) []named {
	if n.isNull() {
		return nil
	}
	var out []named
	switch n.kind {
	case kindDict:
		for _, e := range n.dict.entries {
			out = append(out, named{e.name(), e.key, e.val})
		}
	case kindList:
		seen := map[string]bool{}
		for _, v := range n.list {
			id := (*node)(nil)
			if v.kind == kindDict {
				id = v.dict.get(idKey)
			}
			if id == nil {
				b.problem(v.at, "", fmt.Sprintf("each entry of the list `%s` must be a mapping with `%s`", key, idKey), "add "+idKey)
				continue
			}
			name, ok := b.text(place{name: idKey}, id)
			if !ok {
				continue
			}
			if seen[name] {
				b.problem(id.at, name, fmt.Sprintf("`%s` %q is there twice", idKey, name), "rename one of them")
				continue
			}
			seen[name] = true
			out = append(out, named{name, id, v})
		}
	default:
		b.problem(n.at, "", fmt.Sprintf("`%s` must be a mapping or a list, not %s", key, n.describe()), "")
	}
	return out
}

func (b *dagBuilder) readGroups() {
	b.group = make(map[string]*groupBuilder)
	b.loader.groups = make(map[string]bool)
	for _, m := range b.members(b.cfg.get("task_groups"), "task_groups", "group_name") {
		cfg, ok := b.mapping(place{name: m.name}, m.val)
		if !ok {
			continue
		}
		if m.key.kind != kindText {
			b.problem(m.key.at, "", "a group's name must be a text", "put it in quotes")
		}
		g := &groupBuilder{b: b, name: m.name, key: m.key, cfg: cfg, g: &dag.Group{}}
		b.groups = append(b.groups, g)
		b.group[m.name] = g
		b.loader.groups[m.name] = true
	}
	for _, g := range b.groups {
		b.openGroup(g)
	}
	clear(b.loader.groups) // a name without its prefix may be that of a task
	for _, g := range b.groups {
		b.loader.groups[g.id] = true
	}
	for _, g := range b.groups {
		for _, e := range g.cfg.all() {
			f := groupFields.byName[e.name()]
			if f == nil {
				b.problem(e.key.at, g.id, fmt.Sprintf("unknown key `%s` of a task group", e.name()), didYouMean(e.name(), groupFields.names()))
				continue
			}
			if f.set != nil && !e.val.isNull() {
				f.set(b.loader, g, place{task: g.id, name: e.name()}, e.val)
			}
		}
		b.d.Groups = append(b.d.Groups, g.g)
	}
}

// openGroup computes a group's id and default_args, which need those of its parents.
func (b *dagBuilder) openGroup(g *groupBuilder) bool {
	switch g.state {
	case groupDone:
		return true
	case groupOpen:
		b.problem(g.key.at, g.name, "it is inside itself", "remove a parent_group_name")
		return false
	}
	g.state = groupOpen
	defer func() { g.state = groupDone }()
	g.id = g.name
	args := b.cfg.get("default_args")
	if p := g.cfg.get("parent_group_name"); !p.isNull() {
		name, _ := b.text(place{g.name, "parent_group_name"}, p)
		parent := b.group[name]
		if parent == nil {
			b.problem(p.at, g.name, fmt.Sprintf("there is no group `%s`", name), b.noGroup(name))
			return true
		}
		if !b.openGroup(parent) {
			return true
		}
		g.parent, g.g.Parent = parent, parent.id
		g.id = parent.prefix() + g.name
		args = parent.args
	}
	if own := g.cfg.get("default_args"); !own.isNull() {
		if _, ok := b.mapping(place{g.name, "default_args"}, own); ok {
			args = overlay(args, own)
		}
	}
	g.args, g.g.ID = args, g.id
	return true
}

// prefix is what the ids of a group's children begin with.
func (g *groupBuilder) prefix() string {
	if n := g.cfg.get("prefix_group_id"); n != nil && n.val == false {
		return ""
	}
	return g.id + "."
}

// noGroup is the hint about a group that is not there.
func (b *dagBuilder) noGroup(name string) string {
	return cmp.Or(didYouMean(name, b.groupNames()), "add it to task_groups")
}

func (b *dagBuilder) groupNames() []string {
	out := make([]string, len(b.groups))
	for i, g := range b.groups {
		out[i] = g.name
	}
	return out
}

// element reads +group["argument"]: the element of that argument at which an instance of
// the mapped group is. ok says that it is one, arg is nil when there is no such element.
func (t *taskBuilder) element(p place, n *node) (arg *dag.GroupArg, ok bool) {
	if n.kind != kindText || !strings.HasPrefix(n.text, "+") {
		return nil, false
	}
	m := outputRef().FindStringSubmatch(n.text)
	if m == nil || t.b.byName[m[1]] != nil || t.b.group[m[1]] == nil {
		return nil, false
	}
	name, key := m[1], m[2]
	g := t.group
	for g != nil && g.name != name {
		g = g.parent
	}
	if g == nil {
		t.b.problem(n.at, p.task, fmt.Sprintf("`%s` refers to the mapped group `%s`, and the task is not in it", p.name, name), "use it in tasks of the group")
		return nil, true
	}
	var args []string
	if expand := g.cfg.get("expand"); expand != nil && expand.kind == kindDict {
		for _, e := range expand.dict.entries {
			args = append(args, e.name())
		}
	}
	if g.cfg.get("expand_kwargs") == nil && !slices.Contains(args, key) {
		hint := didYouMean(key, args)
		switch {
		case len(args) == 0:
			hint = "map the group with `expand`"
		case hint == "":
			hint = fmt.Sprintf("write +%s[%q]", name, args[0])
		}
		t.b.problem(n.at, p.task, fmt.Sprintf("`%s`: the group `%s` is not mapped over %q", p.name, name, key), hint)
		return nil, true
	}
	return &dag.GroupArg{Name: key}, true
}

// connect adds the edges. It goes through tasks, then groups, in the order of the file:
// which tasks begin and end a group depends on the edges already there, as in Airflow.
func (b *dagBuilder) connect() {
	for _, g := range b.groups {
		g.g.Expand = b.mappingOf(g.cfg, place{task: g.id})
	}
	for _, t := range b.tasks {
		b.connectTo(t.t.ID, t.name, t.cfg.get("dependencies"), t.t)
	}
	for _, t := range b.tasks {
		for _, ref := range t.refs {
			b.addEdge(ref, t.t)
		}
	}
	for _, g := range b.groups {
		b.connectTo(g.id, g.name, g.cfg.get("dependencies"), nil)
		if g.g.Expand == nil {
			continue
		}
		for _, a := range g.g.Expand.Sources() {
			if a.XCom != nil {
				if err := b.d.Connect(a.XCom.Task, g.id); err != nil {
					b.problem(g.key.at, g.id, err.Error(), "")
				}
			}
		}
	}
}

// connectTo reads the dependencies of a task or group; t is nil for a group.
func (b *dagBuilder) connectTo(id, name string, n *node, t *dag.Task) {
	if n.isNull() {
		return
	}
	list := n.list
	switch {
	case n.kind == kindText && b.byName[n.text] != nil && len([]rune(n.text)) == 1:
		b.warning(n.at, id, "`dependencies` should be a list", "write ["+n.text+"]")
		list = []*node{n}
	case n.kind != kindList:
		b.wrong(place{id, "dependencies"}, n, "a list of task and group names", "write ["+pythonText(n)+"]")
		return
	}
	for _, v := range list {
		dep, ok := b.text(place{id, "dependencies"}, v)
		if !ok {
			continue
		}
		up := ""
		switch {
		case b.byName[dep] != nil && t != nil:
			if dep == name {
				b.problem(v.at, id, fmt.Sprintf("`%s` depends on itself", dep), "remove it")
				continue
			}
			b.addEdge(b.byName[dep].t.ID, t)
			continue
		case b.byName[dep] != nil:
			up = b.byName[dep].t.ID
		case b.group[dep] != nil:
			up = b.group[dep].id
		default:
			b.problem(v.at, id, fmt.Sprintf("`dependencies` names `%s`, which is neither a task nor a group of the DAG", dep), didYouMean(dep, append(b.taskNames(), b.groupNames()...)))
			continue
		}
		if err := b.d.Connect(up, id); err != nil {
			b.problem(v.at, id, err.Error(), "")
		}
	}
}

func (b *dagBuilder) addEdge(up string, t *dag.Task) {
	i, found := searchString(t.Upstream, up)
	if !found {
		t.Upstream = append(t.Upstream, "")
		copy(t.Upstream[i+1:], t.Upstream[i:])
		t.Upstream[i] = up
	}
}

func (b *dagBuilder) taskNames() []string {
	out := make([]string, len(b.tasks))
	for i, t := range b.tasks {
		out[i] = t.name
	}
	return out
}
