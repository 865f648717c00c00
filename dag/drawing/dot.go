package drawing

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

// DOT writes a graph for Graphviz.
func DOT(g *dag.Graph, o Options) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=LR\n  node [shape=box style=rounded fontname=\"sans-serif\"]\n", strconv.Quote(g.DAG.ID))
	n := nesting{g: g, b: &b}
	n.open = func(in string, grp *dag.Group) string {
		fmt.Fprintf(&b, "%ssubgraph %s {\n%s  label=%s style=\"rounded,dashed\"\n", in, strconv.Quote("cluster_"+grp.ID), in, strconv.Quote(groupName(g.DAG, grp)))
		return in + "}\n"
	}
	n.task = func(in string, i int) {
		l := o.label(g, i)
		text := l.name
		if l.note != "" {
			text += "\n" + l.note
		}
		colour := ""
		if s, ok := o.States[g.Tasks[i].ID]; ok && svgColours[s.State] != "" {
			colour = " color=" + strconv.Quote(svgColours[s.State]) + " penwidth=2"
		}
		fmt.Fprintf(&b, "%s%s [label=%s%s]\n", in, strconv.Quote(g.Tasks[i].ID), strconv.Quote(text), colour)
	}
	n.write("", 1)
	for up := range g.Tasks {
		for _, down := range g.Down[up] {
			fmt.Fprintf(&b, "  %s -> %s\n", strconv.Quote(g.Tasks[up].ID), strconv.Quote(g.Tasks[down].ID))
		}
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

// Mermaid writes a graph as a flowchart for Mermaid, which many pages show.
func Mermaid(g *dag.Graph, o Options) []byte {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	groups := 0
	n := nesting{g: g, b: &b}
	n.open = func(in string, grp *dag.Group) string {
		groups++
		fmt.Fprintf(&b, "%ssubgraph g%d [%s]\n", in, groups, mermaidText(groupName(g.DAG, grp)))
		return in + "end\n"
	}
	n.task = func(in string, i int) {
		l := o.label(g, i)
		text := l.name
		if l.note != "" {
			text += "\n" + l.note
		}
		fmt.Fprintf(&b, "%st%d(%s)\n", in, i, mermaidText(text))
	}
	n.write("", 1)
	for up := range g.Tasks {
		for _, down := range g.Down[up] {
			fmt.Fprintf(&b, "  t%d --> t%d\n", up, down)
		}
	}
	for i, t := range g.Tasks {
		if s, ok := o.States[t.ID]; ok && svgColours[s.State] != "" {
			fmt.Fprintf(&b, "  style t%d stroke:%s,stroke-width:2px\n", i, svgColours[s.State])
		}
	}
	return []byte(b.String())
}

// mermaidText is a quoted text of Mermaid, where characters are escaped as in HTML.
func mermaidText(s string) string {
	r := strings.NewReplacer("#", "#35;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", "<br>")
	return `"` + r.Replace(s) + `"`
}

// nesting writes the groups of a graph in one another.
type nesting struct {
	g *dag.Graph
	b *strings.Builder
	// open begins a group, indented by in, and returns what ends it.
	open func(in string, grp *dag.Group) (end string)
	task func(in string, i int)
}

// write writes the tasks of a group, and the groups in it.
func (n *nesting) write(group string, depth int) {
	in := strings.Repeat("  ", depth)
	for i, t := range n.g.Tasks {
		if t.Group == group {
			n.task(in, i)
		}
	}
	for _, grp := range n.g.DAG.Groups {
		if grp.Parent == group {
			end := n.open(in, grp)
			n.write(grp.ID, depth+1)
			n.b.WriteString(end)
		}
	}
}
