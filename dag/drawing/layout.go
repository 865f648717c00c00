package drawing

import (
	"math"
	"slices"

	"github.com/updraft-dev/updraft/dag"
)

// The layout is Sugiyama's: layers by longest path, orders with few crossings by
// barycentres, places by least squares. A group is laid out by itself and is then one box
// of what it lies in, so that its frame never holds what does not belong to it. Positions
// have two axes: "along" the arrows, from layer to layer, and "across" them.

// box is a task or a group.
type box struct {
	task  int // -1 for groups
	group *dag.Group
	inner *frame
	// along and across are the size, a and c the position in the frame around it.
	along, across, a, c int
	layer               int
}

// item is what has a place in a layer: a box, or where a net passes the layer by.
type item struct {
	box *box // nil for a passage
	net int
	// top and size are across; place is the top while it is sought.
	top, size int
	place     float64
	weight    float64
	// pos is the position in its layer; sum and count are of what it is linked to.
	pos        int
	sum, count float64
}

// net is everything that leaves one task within a frame, or enters one from outside.
type net struct {
	// task is the source, or the target if entering.
	task     int
	entering bool
	// first and last are the layers it begins and ends at: -1 is the frame's near side,
	// the number of layers its far side.
	first, last int
	targets     []target
}

// target is where a net ends: a task in a box.
type target struct {
	box  *box
	task int
}

// link is a piece of a net between two neighbouring layers.
type link struct {
	net      int
	from, to *item
	// fromPort and toPort are where it touches the items, from their top.
	fromPort, toPort int
}

// frame is the inside of a group, or all of the DAG.
type frame struct {
	boxes  []*box
	layers [][]*item
	nets   []net
	// links are those from each layer to the next; one less than layers.
	links [][]link
	// passages are the items of a net by layer.
	passages map[passage]*item
	// loose are edges against the direction, which only groups can make: they are not
	// routed.
	loose [][2]int
	// starts, widths are the layers' places along; turns are in the gaps after them.
	starts, widths []int
	turns          []map[int]*turn
	along, across  int
	inside         map[int]*box
}

type passage struct{ net, layer int }

// style is what a layout has to know of the picture.
type style struct {
	// size is that of a task: along, across, and where arrows touch it.
	size func(task int) (along, across, port int)
	// margins of groups: along on both sides, across before (with the title) and after.
	marginAlong, marginBefore, marginAfter int
	// least is the least size of a group.
	least func(g *dag.Group) (along, across int)
	// passage is the size of a passage, gapAcross what lies between two items.
	passage, gapAcross int
	// gapAlong is the gap between layers, given the number of tracks of lines.
	gapAlong func(tracks int) int
}

type layouter struct {
	g     *dag.Graph
	style style
}

// lay makes the layout of a whole DAG.
func lay(g *dag.Graph, s style) *frame {
	l := &layouter{g, s}
	return l.frame("")
}

// frame lays out what lies directly in a group, and before that what lies in it deeper.
func (l *layouter) frame(group string) *frame {
	f := &frame{inside: map[int]*box{}, passages: map[passage]*item{}}
	for _, t := range l.g.Order {
		top := l.child(group, t)
		switch {
		case top == nil:
		case *top == "":
			b := &box{task: t}
			b.along, b.across, _ = l.style.size(t)
			f.boxes, f.inside[t] = append(f.boxes, b), b
		default:
			at := slices.IndexFunc(f.boxes, func(b *box) bool { return b.group != nil && b.group.ID == *top })
			if at < 0 {
				at = len(f.boxes)
				f.boxes = append(f.boxes, l.groupBox(*top))
			}
			f.inside[t] = f.boxes[at]
		}
	}
	l.layer(f)
	l.connect(f)
	f.order()
	l.place(f)
	l.spread(f)
	return f
}

// child says what a task is to a group: nil if it is not in it, "" if it is directly in
// it, else the group inside it that it is in.
func (l *layouter) child(group string, task int) *string {
	at := l.g.Tasks[task].Group
	if at == group {
		return new(string)
	}
	for at != "" {
		grp := l.g.DAG.Group(at)
		if grp == nil {
			return nil
		}
		if grp.Parent == group {
			return &at
		}
		at = grp.Parent
	}
	return nil
}

func (l *layouter) groupBox(id string) *box {
	s := &l.style
	b := &box{task: -1, group: l.g.DAG.Group(id), inner: l.frame(id)}
	along, across := s.least(b.group)
	b.along = max(b.inner.along+2*s.marginAlong, along)
	b.across = max(b.inner.across+s.marginBefore+s.marginAfter, across)
	return b
}

// layer gives each box its layer: one more than the latest of those before it. Edges
// that would close a circle, which groups can make, are left out.
func (l *layouter) layer(f *frame) {
	downs := map[*box][]*box{}
	for up := range l.g.Down {
		from := f.inside[up]
		for _, down := range l.g.Down[up] {
			if to := f.inside[down]; from != nil && to != nil && from != to && !slices.Contains(downs[from], to) {
				downs[from] = append(downs[from], to)
			}
		}
	}
	const open, done = 1, 2
	seen := map[*box]int{}
	depth := map[*box]int{} // the longest way to an end
	var order []*box
	var visit func(b *box)
	visit = func(b *box) {
		seen[b] = open
		kept := downs[b][:0]
		for _, d := range downs[b] {
			if seen[d] == open {
				continue // a circle
			}
			if seen[d] == 0 {
				visit(d)
			}
			kept = append(kept, d)
			depth[b] = max(depth[b], depth[d]+1)
		}
		downs[b], seen[b] = kept, done
		order = append(order, b)
	}
	for _, b := range f.boxes {
		if seen[b] == 0 {
			visit(b)
		}
	}
	slices.Reverse(order)
	for _, b := range order {
		for _, d := range downs[b] {
			d.layer = max(d.layer, b.layer+1)
		}
	}
	// What nothing leads to stands beside what it leads to, not at the far left.
	ups := map[*box]bool{}
	for _, b := range order {
		for _, d := range downs[b] {
			ups[d] = true
		}
	}
	for _, b := range order {
		if !ups[b] && len(downs[b]) > 0 {
			next := math.MaxInt
			for _, d := range downs[b] {
				next = min(next, d.layer)
			}
			b.layer = next - 1
		}
	}
}

// connect makes the nets, and the items of each layer.
func (l *layouter) connect(f *frame) {
	last := 0
	for _, b := range f.boxes {
		last = max(last, b.layer)
	}
	f.layers, f.links = make([][]*item, last+1), make([][]link, last)
	of := map[*box]*item{}
	for _, b := range f.boxes {
		it := &item{box: b, net: -1, size: b.across, weight: 1}
		of[b] = it
		f.layers[b.layer] = append(f.layers[b.layer], it)
	}
	for _, t := range l.g.Order {
		l.leave(f, t)
		l.enter(f, t)
	}
	for n := range f.nets {
		l.run(f, n, of)
	}
}

// leave makes the net of what leaves a task.
func (l *layouter) leave(f *frame, t int) {
	from := f.inside[t]
	if from == nil {
		return
	}
	n := net{task: t, first: from.layer, last: from.layer}
	for _, d := range l.g.Down[t] {
		to := f.inside[d]
		switch {
		case to == from:
		case to == nil:
			n.last = len(f.layers)
		case to.layer <= from.layer:
			f.loose = append(f.loose, [2]int{t, d})
		default:
			n.targets = append(n.targets, target{to, d})
			n.last = max(n.last, to.layer)
		}
	}
	if n.last > n.first {
		f.nets = append(f.nets, n)
	}
}

// enter makes the net of what enters a task from outside of the frame.
func (l *layouter) enter(f *frame, t int) {
	to := f.inside[t]
	if to == nil || !slices.ContainsFunc(l.g.Up[t], func(u int) bool { return f.inside[u] == nil }) {
		return
	}
	f.nets = append(f.nets, net{task: t, entering: true, first: -1, last: to.layer, targets: []target{{to, t}}})
}

// run leads a net from layer to layer.
func (l *layouter) run(f *frame, at int, of map[*box]*item) {
	n := &f.nets[at]
	var from *item
	port := l.style.passage / 2
	if n.first >= 0 {
		from = of[f.inside[n.task]]
		port = l.exit(from.box, n.task)
	}
	for layer := n.first + 1; layer <= min(n.last, len(f.layers)-1); layer++ {
		add := func(to *item, toPort int) {
			if from != nil {
				f.links[layer-1] = append(f.links[layer-1], link{at, from, to, port, toPort})
			}
		}
		for _, t := range n.targets {
			if t.box.layer == layer {
				add(of[t.box], l.entry(t.box, t.task))
			}
		}
		if layer == n.last {
			break
		}
		p := &item{net: at, size: l.style.passage, weight: 4}
		f.layers[layer] = append(f.layers[layer], p)
		f.passages[passage{at, layer}] = p
		add(p, l.style.passage/2)
		from, port = p, l.style.passage/2
	}
}

// exit is where the net of a task leaves a box, across from its top.
func (l *layouter) exit(b *box, task int) int {
	return l.port(b, task, false)
}

// entry is where what leads to a task enters a box.
func (l *layouter) entry(b *box, task int) int { return l.port(b, task, true) }

func (l *layouter) port(b *box, task int, entering bool) int {
	if b.inner == nil {
		_, _, port := l.style.size(task)
		return port
	}
	f := b.inner
	side := len(f.layers) - 1
	if entering {
		side = 0
	}
	at := slices.IndexFunc(f.nets, func(n net) bool { return n.task == task && n.entering == entering })
	if p := f.passages[passage{at, side}]; at >= 0 && p != nil {
		return l.style.marginBefore + p.top + l.style.passage/2
	}
	in := f.inside[task]
	return l.style.marginBefore + in.c + l.port(in, task, entering)
}

// spread gives the layers and boxes their places along, and the frame its size.
func (l *layouter) spread(f *frame) {
	f.starts, f.widths, f.turns = make([]int, len(f.layers)), make([]int, len(f.layers)), make([]map[int]*turn, len(f.layers))
	at := 0
	for i, layer := range f.layers {
		f.starts[i] = at
		for _, it := range layer {
			if it.box != nil {
				it.box.a, it.box.c = at, it.top
				f.widths[i] = max(f.widths[i], it.box.along)
			}
			f.across = max(f.across, it.top+it.size)
		}
		at += f.widths[i]
		if i < len(f.links) {
			f.turns[i] = turns(f.links[i])
			at += l.style.gapAlong(assignTracks(f.turns[i]))
		}
	}
	f.along = at
}
