package drawing

import (
	"cmp"
	"fmt"
	"slices"
)

// turn is where the lines of nets turn in a gap: those that lead to the same places share
// one.
type turn struct {
	// net is the first of its nets, and stands for all of them.
	net            int
	lo, hi         int
	sources        []int
	ends           []int
	track, visited int
}

// turns finds the turns of a gap, by net. Nets that go straight on are not there.
func turns(links []link) map[int]*turn {
	byNet := map[int]*turn{}
	var order []int
	for _, k := range links {
		from, to := k.from.top+k.fromPort, k.to.top+k.toPort
		t := byNet[k.net]
		if t == nil {
			t = &turn{net: k.net, lo: from, hi: from, sources: []int{from}, track: -1}
			byNet[k.net] = t
			order = append(order, k.net)
		}
		t.lo, t.hi, t.ends = min(t.lo, to), max(t.hi, to), append(t.ends, to)
	}
	shared := map[string]*turn{}
	for _, n := range order {
		t := byNet[n]
		slices.Sort(t.ends)
		key := fmt.Sprint(t.ends)
		if o := shared[key]; o != nil {
			o.lo, o.hi, o.sources = min(o.lo, t.lo), max(o.hi, t.hi), append(o.sources, t.sources...)
			byNet[n] = o
			continue
		}
		shared[key] = t
	}
	for n, t := range byNet {
		if t.lo == t.hi {
			delete(byNet, n)
		}
	}
	return byNet
}

// assignTracks gives each turn a track: turns side by side different ones, and a turn
// whose line comes in at the height at which another's goes out an earlier one.
func assignTracks(byNet map[int]*turn) (n int) {
	var order []*turn
	for net, t := range byNet {
		if t.net == net {
			order = append(order, t)
		}
	}
	slices.SortFunc(order, func(a, b *turn) int {
		return cmp.Or(cmp.Compare(a.sources[0], b.sources[0]), cmp.Compare(a.net, b.net))
	})
	before := func(o, t *turn) bool {
		return slices.ContainsFunc(o.sources, func(at int) bool { return slices.Contains(t.ends, at) })
	}
	var used [][]*turn
	var give func(t *turn)
	give = func(t *turn) {
		if t.visited++; t.visited > 1 {
			return // done, or a circle that cannot be helped
		}
		at := 0
		for _, o := range order {
			if o != t && before(o, t) {
				give(o)
				at = max(at, o.track+1)
			}
		}
		for ; at < len(used) && slices.ContainsFunc(used[at], t.overlaps); at++ {
		}
		for len(used) <= at {
			used = append(used, nil)
		}
		used[at] = append(used[at], t)
		t.track = at
	}
	for _, t := range order {
		give(t)
	}
	return len(used)
}

func (t *turn) overlaps(o *turn) bool { return t.lo <= o.hi && o.lo <= t.hi }
