package drawing

import (
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// most is how many tasks a drawing may have: nobody can read more of them in a text.
const most = 500

// Text draws a graph with the characters of a terminal: from left to right if that fits
// into o.Width, else from top to bottom, else as an outline, as graphs of more than 500
// tasks always are. A line that meets another at a corner or a T joins it; one that is
// interrupted passes behind it.
func Text(g *dag.Graph, o Options) string {
	if len(g.Tasks) == 0 {
		return ""
	}
	for _, vertical := range []bool{false, true} {
		if len(g.Tasks) > most {
			break
		}
		t := &texter{g: g, o: &o, k: &canvas{vertical: vertical, cells: map[[2]int]*cell{}}}
		f := lay(g, t.style())
		if columns := f.along; vertical {
			columns = f.across
			if o.Width > 0 && columns > o.Width {
				break
			}
		} else if o.Width > 0 && columns > o.Width {
			continue
		}
		t.frame(f, 0, 0, f.along)
		return t.k.String(o.Paint) + t.loose(f)
	}
	return outline(g, &o)
}

// texter draws one text.
type texter struct {
	g    *dag.Graph
	o    *Options
	k    *canvas
	nets int // given out so far: nets of different frames must not be taken for one
}

// box sizes of a task, in characters.
func (t *texter) size(task int) (w, h int) {
	l := t.o.label(t.g, task)
	w, h = max(textWidth(l.name), textWidth(l.note))+4, 3
	if l.note != "" {
		h = 4
	}
	return w, h
}

func (t *texter) style() style {
	if t.k.vertical {
		return style{
			size: func(task int) (int, int, int) {
				w, h := t.size(task)
				return h, w, w / 2
			},
			marginAlong: 2, marginBefore: 2, marginAfter: 2, passage: 1, gapAcross: 2,
			least:    func(g *dag.Group) (int, int) { return 0, textWidth(groupName(t.g.DAG, g)) + 6 },
			gapAlong: func(tracks int) int { return tracks + 2 },
		}
	}
	return style{
		size: func(task int) (int, int, int) {
			w, h := t.size(task)
			return w, h, 1
		},
		marginAlong: 3, marginBefore: 1, marginAfter: 1, passage: 1, gapAcross: 0,
		least:    func(g *dag.Group) (int, int) { return textWidth(groupName(t.g.DAG, g)) + 6, 0 },
		gapAlong: func(tracks int) int { return tracks + 3 },
	}
}

// frame draws a frame whose inside begins at a, c; far is where what leaves it ends.
func (t *texter) frame(f *frame, a, c, far int) {
	first := t.nets
	t.nets += len(f.nets)
	for i, layer := range f.layers {
		for _, it := range layer {
			switch {
			case it.box == nil:
				t.k.lineAlong(first+it.net, a+f.starts[i], a+f.starts[i]+f.widths[i], c+it.top)
			case it.box.inner != nil:
				t.group(it.box, a+it.box.a, c+it.box.c)
			default:
				t.task(it.box.task, a+it.box.a, c+it.box.c)
			}
		}
	}
	for i := range f.links {
		t.gap(f, i, first, a, c)
	}
	t.sides(f, first, a, c, far)
}

// gap draws the lines through the gap after a layer. What several links share is drawn
// once.
func (t *texter) gap(f *frame, i, first, a, c int) {
	type piece struct{ net, end, at int }
	const from, to = 0, 1
	drawn := map[piece]bool{}
	once := func(p piece) bool {
		before := drawn[p]
		drawn[p] = true
		return !before
	}
	for _, k := range f.links[i] {
		net, turn := first+k.net, f.turns[i][k.net]
		begin, end := a+f.starts[i]+f.widths[i], a+f.starts[i+1]
		if k.from.box != nil {
			begin = a + k.from.box.a + k.from.box.along
		}
		start, finish := c+k.from.top+k.fromPort, c+k.to.top+k.toPort
		at := begin - 1
		if turn != nil {
			net, at = first+turn.net, a+f.starts[i]+f.widths[i]+1+turn.track
		}
		if once(piece{net, from, start}) {
			t.leave(k.from.box, begin-1, start)
			if turn != nil {
				t.k.lineAlong(net, begin, at, start)
				t.k.stroke(net, at, start, backward)
				t.k.lineAcross(net, at, c+turn.lo, c+turn.hi)
			}
		}
		if once(piece{net, to, finish}) {
			if turn != nil {
				t.k.stroke(net, at, finish, forward)
			}
			t.k.lineAlong(net, at+1, end, finish)
			t.arrive(k.to.box, end-1, finish)
		}
	}
}

// leave marks where a line leaves the box of a task.
func (t *texter) leave(b *box, a, c int) {
	if b != nil && b.inner == nil {
		at := t.k.at(a, c)
		at.char = '├'
		if t.k.vertical {
			at.char = '┬'
		}
	}
}

// arrive draws the head of an arrow to a task.
func (t *texter) arrive(b *box, a, c int) {
	if b == nil || b.inner != nil {
		return
	}
	t.k.at(a, c).char = '▶'
	if t.k.vertical {
		t.k.at(a, c).char = '▼'
	}
}

// sides draws what enters and leaves a group, from and to its border.
func (t *texter) sides(f *frame, first, a, c, far int) {
	margin := t.style().marginAlong
	for n := range f.nets {
		net := &f.nets[n]
		if p := f.passages[passage{n, 0}]; net.entering && p != nil {
			t.k.lineAlong(first+n, a-margin, a, c+p.top)
		} else if net.entering {
			b := net.targets[0].box
			l := layouter{t.g, t.style()}
			at := c + b.c + l.entry(b, net.task)
			t.k.lineAlong(first+n, a-margin, a, at)
			t.arrive(b, a-1, at)
		}
		if net.last != len(f.layers) {
			continue
		}
		if p := f.passages[passage{n, len(f.layers) - 1}]; p != nil {
			t.k.lineAlong(first+n, a+f.along, a+far+margin, c+p.top)
			continue
		}
		b := f.inside[net.task]
		l := layouter{t.g, t.style()}
		at := c + b.c + l.exit(b, net.task)
		t.k.lineAlong(first+n, a+b.a+b.along, a+far+margin, at)
		t.leave(b, a+b.a+b.along-1, at)
	}
}

// group draws the frame of a group, dotted, and what is in it.
func (t *texter) group(b *box, a, c int) {
	x, y, w, h := a, c, b.along, b.across
	if t.k.vertical {
		x, y, w, h = c, a, b.across, b.along
	}
	title := " " + groupName(t.g.DAG, b.group) + " "
	t.k.text(x, y, "╭┄"+title+strings.Repeat("┄", max(w-3-textWidth(title), 0))+"╮", nil)
	t.k.text(x, y+h-1, "╰"+strings.Repeat("┄", w-2)+"╯", nil)
	for i := 1; i < h-1; i++ {
		t.side(x, y+i)
		t.side(x+w-1, y+i)
	}
	s := t.style()
	t.frame(b.inner, a+s.marginAlong, c+s.marginBefore, b.along-2*s.marginAlong)
	t.crossed(b, a, c)
}

// side is a piece of a group's border; lines that come later cross it.
func (t *texter) side(x, y int) { t.k.cell(x, y).char = '┊' }

// crossed opens the border of a group where lines pass it.
func (t *texter) crossed(b *box, a, c int) {
	for _, side := range []int{a, a + b.along - 1} {
		for i := range b.across {
			if at := t.k.at(side, c+i); len(at.strokes) > 0 && (at.char == '┊' || at.char == '┄') {
				at.char = 0
			}
		}
	}
}

// task draws the box of a task.
func (t *texter) task(task, a, c int) {
	x, y := a, c
	if t.k.vertical {
		x, y = c, a
	}
	l := t.o.label(t.g, task)
	var state *run.State
	if s, ok := t.o.States[t.g.Tasks[task].ID]; ok {
		state = &s.State
	}
	w, h := t.size(task)
	line := strings.Repeat("─", w-2)
	t.k.text(x, y, "╭"+line+"╮", state)
	for i, text := range []string{l.name, l.note} {
		if i+2 >= h {
			break
		}
		t.k.text(x, y+1+i, "│ "+text+strings.Repeat(" ", w-4-textWidth(text))+" │", state)
	}
	t.k.text(x, y+h-1, "╰"+line+"╯", state)
}

// loose lists the edges that were not drawn.
func (t *texter) loose(f *frame) string {
	var b strings.Builder
	for _, e := range f.looseEdges() {
		fmt.Fprintf(&b, "also %s → %s\n", t.g.Tasks[e[0]].ID, t.g.Tasks[e[1]].ID)
	}
	return b.String()
}

// looseEdges are those of a frame and of all inside it.
func (f *frame) looseEdges() [][2]int {
	out := f.loose
	for _, b := range f.boxes {
		if b.inner != nil {
			out = append(out, b.inner.looseEdges()...)
		}
	}
	return out
}

// outline lists the tasks with what they wait for: for graphs that are too wide to draw.
func outline(g *dag.Graph, o *Options) string {
	var b strings.Builder
	for _, i := range g.Order {
		t := g.Tasks[i]
		l := o.label(g, i)
		line := "● " + t.ID
		if s, ok := o.States[t.ID]; ok {
			line = Symbol(s.State) + " " + t.ID
			if o.Paint != nil {
				line = o.Paint(s.State, line)
			}
		}
		if t.Expand != nil {
			line += times(t.Expand)
		}
		if l.note != "" {
			line += "  (" + l.note + ")"
		}
		if ups := g.Up[i]; len(ups) > 0 {
			names := make([]string, len(ups))
			for n, u := range ups {
				names[n] = g.Tasks[u].ID
			}
			line += "  ← " + strings.Join(names, ", ")
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
