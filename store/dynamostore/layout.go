package dynamostore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// layout says where the tasks of a DAG version are: it is made once, stored beside the
// version, and never changes, so that every writer of a run looks for an instance in the
// same shard. Runs of a version without one have nil.
type layout struct {
	tasks map[string]taskPlace
	order []string
	// mapped says that some tasks are.
	mapped bool
	// sum tells it from the layout of the same version in another order, which a release
	// may make that sorts graphs in another way, if the DAG is deleted and stored again.
	sum string
}

// taskPlace is where a task is in the order of its DAG.
type taskPlace struct {
	pos    int
	mapped bool
}

func (l *layout) position(task string) (pos int, known bool) {
	if l == nil {
		return 0, false
	}
	p, known := l.tasks[task]
	return p.pos, known
}

// maxLayout is the size of the largest layout that is stored; larger DAGs have none.
const maxLayout = 300 << 10

// encodeLayout puts the tasks of a DAG in the order of the graph, which goes along chains.
// It is nil for a body that is no DAG.
func encodeLayout(body []byte) []byte {
	d, err := dag.Decode(body)
	if err != nil {
		return nil
	}
	g, err := dag.NewGraph(d)
	if err != nil || len(g.Order) == 0 {
		return nil
	}
	var b []byte
	for _, i := range g.Order {
		flag := byte(0)
		if g.Mapping(i) != nil {
			flag = 1
		}
		b = binary.AppendUvarint(append(b, flag), uint64(len(g.Tasks[i].ID)))
		b = append(b, g.Tasks[i].ID...)
	}
	if len(b) > maxLayout {
		return nil
	}
	return b
}

func decodeLayout(b []byte) (*layout, error) {
	sum := sha256.Sum256(b)
	l := &layout{tasks: map[string]taskPlace{}, sum: hex.EncodeToString(sum[:sumSize/2])}
	for pos := 0; len(b) > 0; pos++ {
		flag := b[0]
		n, k := binary.Uvarint(b[1:])
		if flag > 1 || k <= 0 || n > uint64(len(b)-1-k) {
			return nil, errors.New("it is no list of tasks")
		}
		b = b[1+k:]
		task := string(b[:n])
		l.tasks[task], l.order = taskPlace{pos: pos, mapped: flag == 1}, append(l.order, task)
		l.mapped = l.mapped || flag == 1
		b = b[n:]
	}
	return l, nil
}

// sumSize is the number of characters of layout.sum.
const sumSize = 8

// name is how the header of a run names its layout; "" if it has none.
func (l *layout) name(version string) string {
	if l == nil {
		return ""
	}
	return l.sum + version
}

func layoutKey(dagID, version string) key { return key{dagKey(dagID), "l#" + part(version)} }

// layout returns the layout of a version, nil if it has none; with a sum, the one that has
// it.
func (s *Store) layout(ctx context.Context, dagID, version, sum string) (*layout, error) {
	if version == "" {
		return nil, nil
	}
	id := [2]string{dagID, version}
	s.mu.Lock()
	l := s.layouts[id]
	s.mu.Unlock()
	if l != nil && l.sum == sum {
		return l, nil
	}
	it, err := s.get(ctx, layoutKey(dagID, version))
	if it == nil || err != nil {
		return nil, err
	}
	l, err = decodeLayout(blobOf(it, attrBody))
	if err != nil {
		return nil, damaged("layout of version "+version+" of DAG "+dagID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	remember(s.layouts, id, l)
	return l, nil
}

// maxKnown bounds what a store remembers of each kind.
const maxKnown = 1024

// remember keeps a value in a cache; a full one starts anew.
func remember[K comparable, V any](cache map[K]V, k K, v V) {
	if len(cache) >= maxKnown {
		clear(cache)
	}
	cache[k] = v
}

// place is what a writer has to know of a run to find its instances. It holds as long as
// the run is there: one that is deleted and made again has another epoch, and so other
// shards.
type place struct {
	id     run.ID
	epoch  string
	layout *layout
	// fresh says that this very call has made the run.
	fresh bool
	// shards are those that are known to be there, with the staging that they were made by,
	// if nobody has written them since. They belong to Store.mu.
	shards map[string]string
}

// shard says whether a shard is known to be there, and the staging it was made by.
func (s *Store) shard(p *place, sk string) (staging string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	staging, known = p.shards[sk]
	return staging, known
}

func (s *Store) addShard(p *place, sk, staging string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.shards[sk] = staging
}

func (s *Store) knownPlace(id run.ID) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places[id]
}

func (s *Store) forget(id run.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.places, id)
}

// placeOf returns the place of a run whose header was just read.
func (s *Store) placeOf(ctx context.Context, h *header) (*place, error) {
	if p := s.knownPlace(h.run.ID); p != nil && p.epoch == h.epoch {
		return p, nil
	}
	sum, version := h.layout[:min(sumSize, len(h.layout))], h.layout[min(sumSize, len(h.layout)):]
	l, err := s.layout(ctx, h.run.DAG, version, sum)
	if err != nil {
		return nil, err
	}
	if l.name(version) != h.layout {
		return nil, damaged("run "+h.run.ID.String(), errors.New("the layout of its DAG's version is gone"))
	}
	p := &place{id: h.run.ID, epoch: h.epoch, layout: l, shards: map[string]string{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	remember(s.places, h.run.ID, p)
	return p, nil
}
