package cli

import (
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

// taskTree draws the tasks of a graph below those they follow. A task that follows
// several is drawn with all that follows it once, and then only named: a drawing has no
// more than one line for each task and edge.
func taskTree(g *dag.Graph) string {
	var b strings.Builder
	drawn := map[int]bool{}
	var below func(t int, prefix string)
	below = func(t int, prefix string) {
		down := g.Down[t]
		for n, d := range down {
			branch, more := "├── ", "│   "
			if n == len(down)-1 {
				branch, more = "└── ", "    "
			}
			if drawn[d] && len(g.Down[d]) > 0 {
				fmt.Fprintf(&b, "%s%s%s (above)\n", prefix, branch, taskTitle(g, d))
				continue
			}
			drawn[d] = true
			fmt.Fprintf(&b, "%s%s%s\n", prefix, branch, taskTitle(g, d))
			below(d, prefix+more)
		}
	}
	for _, t := range g.Order {
		if len(g.Up[t]) == 0 {
			drawn[t] = true
			fmt.Fprintf(&b, "%s\n", taskTitle(g, t))
			below(t, "")
		}
	}
	return b.String()
}

func taskTitle(g *dag.Graph, at int) string {
	t := g.Tasks[at]
	title := t.ID + "  " + shortName(t.Operator)
	if g.Mapping(at) != nil {
		title += ", mapped"
	}
	switch {
	case t.Setup:
		title += ", setup"
	case t.Teardown:
		title += ", teardown"
	case t.TriggerRule != dag.AllSuccess:
		title += ", " + string(t.TriggerRule)
	}
	return title
}

// shortName is the name of a class without its module.
func shortName(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }
