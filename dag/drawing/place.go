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
// is linked to, there and back; the best order seen is kept.
func (f *frame) order() {
	best, least := f.orders(), f.crossings()
	for i := 0; i < sweeps && least > 0; i++ {
		for n := 1; n < len(f.layers); n++ {
			f.sortLayer(n, f.links[n-1], true)
		}
		for n := len(f.layers) - 2; n >= 0; n-- {
			f.sortLayer(n, f.links[n], false)
		}
		if c := f.crossings(); c < least {
			best, least = f.orders(), c
		}
	}
	f.layers = best
}

func (f *frame) orders() [][]*item {
	out := make([][]*item, len(f.layers))
	for i, l := range f.layers {
		out[i] = slices.Clone(l)
	}
	return out
}

// position is the index of each item in its layer.
func position(layers ...[]*item) map[*item]int {
	out := map[*item]int{}
	for _, l := range layers {
		for i, it := range l {
			out[it] = i
		}
	}
	return out
}

func (f *frame) sortLayer(n int, links []link, forward bool) {
	pos := position(f.layers...)
	sum, count := map[*item]float64{}, map[*item]float64{}
	for _, k := range links {
		near, far, port := k.to, k.from, k.fromPort
		if !forward {
			near, far, port = k.from, k.to, k.toPort
		}
		sum[near] += float64(pos[far]) + float64(port)/float64(max(far.size, 1))
		count[near]++
	}
	centre := func(it *item) float64 {
		if count[it] == 0 {
			return float64(pos[it]) + 0.5
		}
		return sum[it] / count[it]
	}
	slices.SortStableFunc(f.layers[n], func(a, b *item) int { return cmp.Compare(centre(a), centre(b)) })
}

// crossings counts the pairs of links that cross.
func (f *frame) crossings() int {
	pos := position(f.layers...)
	n := 0
	for _, links := range f.links {
		sorted := slices.Clone(links)
		slices.SortFunc(sorted, func(a, b link) int {
			return cmp.Or(cmp.Compare(pos[a.from], pos[b.from]), cmp.Compare(a.fromPort, b.fromPort), cmp.Compare(pos[a.to], pos[b.to]), cmp.Compare(a.toPort, b.toPort))
		})
		for i, a := range sorted {
			for _, b := range sorted[i+1:] {
				if cmp.Or(cmp.Compare(pos[b.to], pos[a.to]), cmp.Compare(b.toPort, a.toPort)) < 0 {
					n++
				}
			}
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
	sum, count := map[*item]float64{}, map[*item]float64{}
	if before && n > 0 {
		for _, k := range f.links[n-1] {
			sum[k.to] += k.from.place + float64(k.fromPort-k.toPort)
			count[k.to]++
		}
	}
	if after && n < len(f.links) {
		for _, k := range f.links[n] {
			sum[k.from] += k.to.place + float64(k.toPort-k.fromPort)
			count[k.from]++
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
		if count[it] > 0 {
			want, weight = sum[it]/count[it], it.weight
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
