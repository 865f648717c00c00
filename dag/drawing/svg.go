package drawing

import (
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// measures of an SVG, in pixels.
const (
	charWidth  = 7.4 // of the fonts asked for, at 13 px
	noteWidth  = 6.2 // at 11 px
	boxHeight  = 38
	noteHeight = 54
	margin     = 20
)

// svgStyle is the style sheet: for light pages, and for dark ones where the viewer says
// so. The colours of states are those of Airflow's pages.
const svgStyle = `
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2937 }
.note { font-size: 11px; fill: #6b7280 }
.group > text { font-size: 12px; font-weight: 600; fill: #4b5563 }
.task > rect { fill: #ffffff; stroke: #94a3b8; stroke-width: 1.5 }
.group > rect { fill: #64748b; fill-opacity: .07; stroke: #94a3b8; stroke-dasharray: 5 4 }
.setup > rect, .teardown > rect { stroke-dasharray: 6 3 }
.stack { fill: #ffffff; stroke: #94a3b8; stroke-width: 1.5 }
.edge { fill: none; stroke: #94a3b8; stroke-width: 1.5 }
.loose { stroke-dasharray: 4 4 }
.head { fill: #94a3b8 }
@media (prefers-color-scheme: dark) {
text { fill: #e5e7eb }
.note { fill: #9ca3af }
.group > text { fill: #cbd5e1 }
.task > rect, .stack { fill: #1f2937; stroke: #64748b }
.edge { stroke: #64748b }
.head { fill: #64748b }
}
`

// svgColours are the strokes of boxes by state; what is not named keeps its own.
var svgColours = map[run.State]string{
	run.Success: "#16a34a", run.Failed: "#dc2626", run.UpstreamFailed: "#ea580c", run.Skipped: "#db2777", run.Running: "#22c55e",
	run.UpForRetry: "#ca8a04", run.UpForReschedule: "#0d9488", run.Deferred: "#7c3aed", run.Queued: "#6b7280", run.Scheduled: "#b08968", run.Restarting: "#7c3aed",
}

// SVG draws a graph as a picture for pages and documents, light or dark.
func SVG(g *dag.Graph, o Options) []byte {
	s := &svger{g: g, o: &o}
	f := lay(g, s.style())
	w, h := f.along+2*margin, f.across+2*margin
	s.frame(f, margin, margin, f.along)
	s.loose(f)
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", w, h, w, h)
	fmt.Fprintf(&out, "<title>%s</title>\n<style>%s", escape(g.DAG.ID), svgStyle)
	for state := range run.NumStates {
		if c, ok := svgColours[state]; ok {
			fmt.Fprintf(&out, ".task.%s > rect { stroke: %s; stroke-width: 2.5; fill: %s; fill-opacity: .14 }\n", state, c, c)
		}
	}
	out.WriteString("</style>\n<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">" +
		"<path class=\"head\" d=\"M0 .5 7.5 4 0 7.5Z\"/></marker></defs>\n")
	out.WriteString(s.groups.String())
	out.WriteString(s.edges.String())
	out.WriteString(s.tasks.String())
	out.WriteString("</svg>\n")
	return []byte(out.String())
}

// svger draws one SVG: groups lie below edges, and these below tasks.
type svger struct {
	g                    *dag.Graph
	o                    *Options
	groups, edges, tasks strings.Builder
	// places are where the boxes of tasks are: x, y, width and where arrows touch them.
	places map[int][4]int
}

func (s *svger) style() style {
	return style{
		size: func(task int) (int, int, int) {
			l := s.o.label(s.g, task)
			w := max(charWidth*float64(utf8.RuneCountInString(l.name)), noteWidth*float64(utf8.RuneCountInString(l.note)))
			if l.note != "" {
				return int(w) + 30, noteHeight, noteHeight / 2
			}
			return int(w) + 30, boxHeight, boxHeight / 2
		},
		marginAlong: 26, marginBefore: 34, marginAfter: 18, passage: 12, gapAcross: 16,
		least: func(g *dag.Group) (int, int) {
			return int(charWidth*float64(utf8.RuneCountInString(groupName(s.g.DAG, g)))) + 40, 0
		},
		// Steep curves are hard to tell apart: what turns much gets more room.
		gapAlong: func(tracks int) int { return min(48+8*tracks, 160) },
	}
}

func (s *svger) frame(f *frame, x, y, far int) {
	for i, layer := range f.layers {
		for _, it := range layer {
			switch {
			case it.box == nil:
				at := y + it.top + s.style().passage/2
				s.line(x+f.starts[i], at, x+f.starts[i]+f.widths[i], at, false)
			case it.box.inner != nil:
				s.group(it.box, x+it.box.a, y+it.box.c)
			default:
				s.task(it.box.task, x+it.box.a, y+it.box.c)
			}
		}
	}
	for i := range f.links {
		for _, k := range f.links[i] {
			from := x + f.starts[i] + f.widths[i]
			if k.from.box != nil {
				from = x + k.from.box.a + k.from.box.along
			}
			s.line(from, y+k.from.top+k.fromPort, x+f.starts[i+1], y+k.to.top+k.toPort, k.to.box != nil && k.to.box.inner == nil)
		}
	}
	s.sides(f, x, y, far)
}

// sides draws what enters and leaves a group, from and to its border.
func (s *svger) sides(f *frame, x, y, far int) {
	st := s.style()
	l := layouter{s.g, st}
	for n := range f.nets {
		net := &f.nets[n]
		if p := f.passages[passage{n, 0}]; net.entering && p != nil {
			s.line(x-st.marginAlong, y+p.top+st.passage/2, x, y+p.top+st.passage/2, false)
		} else if net.entering {
			b := net.targets[0].box
			at := y + b.c + l.entry(b, net.task)
			s.line(x-st.marginAlong, at, x+b.a, at, b.inner == nil)
		}
		if net.last != len(f.layers) {
			continue
		}
		b := f.inside[net.task]
		from, at := x+b.a+b.along, y+b.c+l.exit(b, net.task)
		if p := f.passages[passage{n, len(f.layers) - 1}]; p != nil {
			from, at = x+f.along, y+p.top+st.passage/2
		}
		s.line(from, at, x+far+st.marginAlong, at, false)
	}
}

// line draws a piece of an edge, level at both ends.
func (s *svger) line(x1, y1, x2, y2 int, head bool) {
	end := ""
	if head {
		end = ` marker-end="url(#head)"`
	}
	if y1 == y2 {
		fmt.Fprintf(&s.edges, "<path class=\"edge\" d=\"M%d %dH%d\"%s/>\n", x1, y1, x2, end)
		return
	}
	bend := (x2 - x1) / 2
	fmt.Fprintf(&s.edges, "<path class=\"edge\" d=\"M%d %dC%d %d %d %d %d %d\"%s/>\n", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2, end)
}

func (s *svger) loose(f *frame) {
	for _, e := range f.looseEdges() {
		a, b := s.places[e[0]], s.places[e[1]]
		x1, y1, x2, y2 := a[0]+a[2], a[1]+a[3], b[0], b[1]+b[3]
		fmt.Fprintf(&s.edges, "<path class=\"edge loose\" d=\"M%d %dC%d %d %d %d %d %d\" marker-end=\"url(#head)\"/>\n", x1, y1, x1+60, y1, x2-60, y2, x2, y2)
	}
}

func (s *svger) group(b *box, x, y int) {
	st := s.style()
	fmt.Fprintf(&s.groups, "<g class=\"group\"><title>%s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"12\"/><text x=\"%d\" y=\"%d\">%s</text></g>\n",
		escape(b.group.ID), x, y, b.along, b.across, x+14, y+20, escape(groupName(s.g.DAG, b.group)))
	s.frame(b.inner, x+st.marginAlong, y+st.marginBefore, b.along-2*st.marginAlong)
}

func (s *svger) task(task, x, y int) {
	t := s.g.Tasks[task]
	l := s.o.label(s.g, task)
	w, h, port := s.style().size(task)
	if s.places == nil {
		s.places = map[int][4]int{}
	}
	s.places[task] = [4]int{x, y, w, port}
	class := "task"
	switch {
	case t.Setup:
		class += " setup"
	case t.Teardown:
		class += " teardown"
	}
	if st, ok := s.o.States[t.ID]; ok {
		class += " " + st.State.String()
	}
	if t.Expand != nil { // one of several
		fmt.Fprintf(&s.tasks, "<rect class=\"stack\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", x+4, y+4, w, h)
	}
	fmt.Fprintf(&s.tasks, "<rect class=\"stack\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\" stroke-opacity=\"0\"/>", x, y, w, h)
	fmt.Fprintf(&s.tasks, "<g class=\"%s\"><title>%s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>", class, escape(t.ID), x, y, w, h)
	at := y + h/2 + 5
	if l.note != "" {
		at = y + 23
		fmt.Fprintf(&s.tasks, "<text class=\"note\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>", x+w/2, y+41, escape(l.note))
	}
	fmt.Fprintf(&s.tasks, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text></g>\n", x+w/2, at, escape(l.name))
}

// escape makes a text safe in XML.
func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return "" // a Builder does not fail
	}
	return b.String()
}
