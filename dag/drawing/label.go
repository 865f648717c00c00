package drawing

import (
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// Status is what a picture of a run says of a task: of one with several instances, their
// common state and how many are in which.
type Status struct {
	State run.State
	Note  string
}

// Options say what to draw beside the graph.
type Options struct {
	// States are by task id; nil draws the DAG without a run.
	States map[string]Status
	// Width is how many columns a text may have; 0 is any number.
	Width int
	// Paint colours a part of a text by a state; nil leaves texts plain.
	Paint func(state run.State, text string) string
}

// labels are what the box of a task says.
type labels struct {
	name, note string
}

// label says what a task is: its name within its group, and what is not as usual.
func (o *Options) label(g *dag.Graph, i int) labels {
	t := g.Tasks[i]
	var l labels
	l.name = shortName(g.DAG, t)
	if t.Expand != nil {
		l.name += times(t.Expand)
	}
	var notes []string
	switch {
	case t.Setup:
		l.name = "↗ " + l.name
		notes = append(notes, "setup")
	case t.Teardown:
		l.name = "↘ " + l.name
		notes = append(notes, "teardown")
	}
	if rule := t.TriggerRule; rule != dag.AllSuccess && rule != "" && !(t.Teardown && rule == dag.AllDoneSetupSuccess) {
		notes = append(notes, string(rule))
	}
	if s, ok := o.States[t.ID]; ok {
		l.name = Symbol(s.State) + " " + l.name
		switch {
		case s.Note != "":
			notes = append(notes, s.Note)
		case s.State != run.None:
			notes = append(notes, s.State.String())
		}
	}
	l.note = strings.Join(notes, " · ")
	return l
}

// shortName is a task's id without that of its group.
func shortName(d *dag.DAG, t *dag.Task) string {
	if g := d.Group(t.Group); g != nil && !g.NoPrefix {
		return strings.TrimPrefix(t.ID, g.ID+".")
	}
	return t.ID
}

// groupName is a group's id without that of the group around it.
func groupName(d *dag.DAG, g *dag.Group) string {
	name := g.ID
	if p := d.Group(g.Parent); p != nil && !p.NoPrefix {
		name = strings.TrimPrefix(name, p.ID+".")
	}
	if g.Expand != nil {
		name += times(g.Expand)
	}
	return name
}

// times says how often something mapped runs: [×3], or [] when only the run shows.
func times(m *dag.Mapping) string {
	n := 1
	for _, a := range m.Sources() {
		k, ok := a.LiteralLength()
		if a.XCom != nil || !ok {
			return " []"
		}
		n *= k
	}
	return fmt.Sprintf(" [×%d]", n)
}

// Symbol is a state in one character.
func Symbol(s run.State) string {
	switch s {
	case run.Success:
		return "✔"
	case run.Failed, run.UpstreamFailed:
		return "✘"
	case run.Skipped:
		return "↷"
	case run.Running:
		return "▶"
	case run.UpForRetry, run.UpForReschedule, run.Deferred, run.Restarting:
		return "↻"
	}
	return "·"
}
