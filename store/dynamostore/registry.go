package dynamostore

import (
	"context"
)

// The registry knows the names that have partitions of their own.
const (
	kindDAG   = "dag"
	kindAsset = "asset"
)

// register enters a name. Most names are known already, which costs half a read unit for
// each process.
func (s *Store) register(ctx context.Context, kind, name string) error {
	k := key{"names#" + kind, part(name)}
	s.mu.Lock()
	known := s.known[k.pk+k.sk]
	s.mu.Unlock()
	if known {
		return nil
	}
	it, err := s.get(ctx, k)
	if err == nil && it == nil {
		it = k.item()
		it[attrBody] = str(name)
		err = s.writeBatch(ctx, []item{it}, nil)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	remember(s.known, k.pk+k.sk, true)
	return nil
}

// registered returns the names of a kind.
func (s *Store) registered(ctx context.Context, kind string) ([]string, error) {
	items, err := s.all(ctx, whole("names#"+kind))
	var names []string
	for _, it := range items {
		names = append(names, strOf(it, attrBody))
	}
	return names, err
}
