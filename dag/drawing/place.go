package drawing

import (
	"cmp"
	"math"
	"slices"
)

// sweeps is how often orders and places are improved, there and back. More change
// nothing that one would see.
const sweeps = 8

// order sorts each layer so that few links cross: by the mean position of what an item
// is linked to, there and back, until that brings nothing; the best order seen is kept.
func (f *frame) order() {
	f.number()
	best, least := f.orders(), f.crossings()
	const patience = 2
	for i, idle := 0, 0; i < sweeps && least > 0 && idle < patience; i++ {
		for n := 1; n < len(f.layers); n++ {
			f.sortLayer(n, f.links[n-1], true)
		}
		for n := len(f.layers) - 2; n >= 0; n-- {
			f.sortLayer(n, f.links[n], false)
		}
		idle++
		if c := f.crossings(); c < least {
			best, least, idle = f.orders(), c, 0
		}
	}
	f.layers = best
	f.number()
}

func (f *frame) orders() [][]*item {
	out := make([][]*item, len(f.layers))
	for i, l := range f.layers {
		out[i] = slices.Clone(l)
	}
	return out
}

// number gives the items of all layers their positions.
func (f *frame) number() {
	for _, l := range f.layers {
		number(l)
	}
}

func number(layer []*item) {
	for i, it := range layer {
		it.pos = i
	}
}

func (f *frame) sortLayer(n int, links []link, forward bool) {
	for _, it := range f.layers[n] {
		it.sum, it.count = 0, 0
	}
	for _, k := range links {
		near, far, port := k.to, k.from, k.fromPort
		if !forward {
			near, far, port = k.from, k.to, k.toPort
		}
		near.sum += float64(far.pos) + float64(port)/float64(max(far.size, 1))
		near.count++
	}
	centre := func(it *item) float64 {
		if it.count == 0 {
			return float64(it.pos) + 0.5
		}
		return it.sum / it.count
	}
	slices.SortStableFunc(f.layers[n], func(a, b *item) int { return cmp.Compare(centre(a), centre(b)) })
	number(f.layers[n])
}

// crossings counts the pairs of links that cross.
func (f *frame) crossings() int {
	n := 0
	for i, links := range f.links {
		sorted := slices.Clone(links)
		slices.SortFunc(sorted, func(a, b link) int {
			return cmp.Or(a.from.pos-b.from.pos, a.fromPort-b.fromPort, a.to.pos-b.to.pos, a.toPort-b.toPort)
		})
		n += inversions(sorted, len(f.layers[i+1]))
	}
	return n
}

// inversions counts the pairs of links, sorted by where they begin, that end in the
// opposite order: with a Fenwick tree over where they end, so that wide graphs do not
// take long. Links to one box at different heights count as one place.
func inversions(links []link, size int) int {
	tree := make([]int, size+1)
	n := 0
	for i, k := range links {
		at := k.to.pos + 1
		before := 0 // those that end at the same place or before
		for j := at; j > 0; j -= j & -j {
			before += tree[j]
		}
		n += i - before
		for j := at; j <= size; j += j & -j {
			tree[j]++
		}
	}
	return n
}

// place gives each item its place across: as near as can be to what it is linked to,
// with the order and the gaps kept.
func (l *layouter) place(f *frame) {
	for _, layer := range f.layers {
		at := 0.0
		for _, it := range layer {
			it.place = at
			at += float64(it.size + l.style.gapAcross)
		}
	}
	for i := range sweeps {
		for n := 1; n < len(f.layers); n++ {
			l.settle(f, n, true, i > 1)
		}
		for n := len(f.layers) - 2; n >= 0; n-- {
			l.settle(f, n, i > 1, true)
		}
	}
	least := math.Inf(1)
	for _, layer := range f.layers {
		for _, it := range layer {
			least = min(least, it.place)
		}
	}
	for _, layer := range f.layers {
		at := 0
		for _, it := range layer {
			it.top = max(int(math.Round(it.place-least)), at)
			at = it.top + it.size + l.style.gapAcross
			if it.box != nil {
				it.box.c = it.top
			}
		}
	}
}

// settle moves the items of a layer towards what they are linked to before it, after it,
// or both.
func (l *layouter) settle(f *frame, n int, before, after bool) {
	for _, it := range f.layers[n] {
		it.sum, it.count = 0, 0
	}
	if before && n > 0 {
		for _, k := range f.links[n-1] {
			k.to.sum += k.from.place + float64(k.fromPort-k.toPort)
			k.to.count++
		}
	}
	if after && n < len(f.links) {
		for _, k := range f.links[n] {
			k.from.sum += k.to.place + float64(k.toPort-k.fromPort)
			k.from.count++
		}
	}
	// With the sizes taken off, the order is all that is to be kept: the best places are
	// found by pooling neighbours that would overtake each other.
	type pool struct {
		sum, weight float64
		n           int
	}
	var pools []pool
	off := 0.0
	offs := make([]float64, len(f.layers[n]))
	for i, it := range f.layers[n] {
		offs[i] = off
		want, weight := it.place, 0.01 // nothing pulls at it
		if it.count > 0 {
			want, weight = it.sum/it.count, it.weight
		}
		p := pool{(want - off) * weight, weight, 1}
		for len(pools) > 0 && pools[len(pools)-1].sum/pools[len(pools)-1].weight > p.sum/p.weight {
			last := pools[len(pools)-1]
			p = pool{p.sum + last.sum, p.weight + last.weight, p.n + last.n}
			pools = pools[:len(pools)-1]
		}
		pools = append(pools, p)
		off += float64(it.size + l.style.gapAcross)
	}
	i := 0
	for _, p := range pools {
		for range p.n {
			f.layers[n][i].place = p.sum/p.weight + offs[i]
			i++
		}
	}
}
