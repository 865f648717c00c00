package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/updraft-dev/updraft/store"
)

// A batch that makes more shards than a transaction holds is staged: the new shards are
// written one by one, with the name of the staging, and nobody sees them; then one item
// with that name, in one transaction with the rest of the batch, makes all of them seen at
// once. Who finds a staged shard in the way, because a writer died or is slow, writes that
// item first, and with it that the staging is void.
//
// The next write of a shard takes the name away.

// attrStaging is the attribute of a shard that names its staging.
const attrStaging = "q"

// The values of attrState of a staging's item.
const (
	stagingDone = "done"
	stagingVoid = "void"
)

// seen is a shard as it is seen.
type seen struct {
	// item is nil if the shard is not there, or staged only.
	item item
	// staging is the name that the stored item has, "" if none.
	staging string
}

// unstage demands that a shard still is of its staging, and ends that.
func (sh seen) unstage(o *op) {
	if sh.staging == "" {
		o.is(attrStaging, nil)
		return
	}
	o.is(attrStaging, str(sh.staging))
	o.set(attrStaging, nil)
}

func stagingKey(p *place, name string) key {
	return key{runKey(p.id), sortStaging + p.epoch + "#" + name}
}

// see says what is seen of a shard that is stored so.
func (s *Store) see(ctx context.Context, p *place, it item) (seen, error) {
	l, err := s.seeAll(ctx, p, []item{it})
	if err != nil {
		return seen{}, err
	}
	return l[0], nil
}

func (s *Store) seeAll(ctx context.Context, p *place, items []item) ([]seen, error) {
	out := make([]seen, len(items))
	names := map[string]bool{}
	var keys []key
	for i, it := range items {
		out[i] = seen{item: it, staging: strOf(it, attrStaging)}
		if name := out[i].staging; name != "" && !names[name] {
			names[name] = true
			keys = append(keys, stagingKey(p, name))
		}
	}
	if len(keys) == 0 {
		return out, nil
	}
	found, err := s.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if name := out[i].staging; name != "" && strOf(found[stagingKey(p, name)], attrState) != stagingDone {
			out[i].item = nil
		}
	}
	return out, nil
}

// abort makes the staging of a shard void, unless it was done in the meantime.
func (s *Store) abort(ctx context.Context, p *place, sh seen, it item) (seen, error) {
	k := stagingKey(p, sh.staging)
	o := op{kind: opPut, put: s.expiry(k.item(), spare)}
	o.put[attrState] = str(stagingVoid)
	o.is(attrPK, nil)
	old, held, err := s.write(ctx, o)
	if err == nil && !held && strOf(old[0], attrState) == stagingDone {
		sh.item = it
	}
	return sh, err
}

// stage writes the new shards of a portion that no transaction can hold, and returns what
// is left for one. It is false if others have written one of the shards.
func (w *writer) stage(ctx context.Context, ops []op) ([]op, bool, error) {
	if len(ops) <= maxTransact {
		return ops, true, nil
	}
	w.staging = strconv.FormatInt(rand.Int64(), 36)
	var rest, staged []op
	for _, o := range ops {
		if _, shard := w.made[o.key.sk]; !shard || o.kind != opPut {
			rest = append(rest, o)
			continue
		}
		o.put[attrStaging] = str(w.staging)
		w.made[o.key.sk] = w.staging
		staged = append(staged, o)
	}
	if len(rest)+1 > maxTransact {
		return nil, false, fmt.Errorf("others have begun to work on the same task instances: %w", store.ErrConflict)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range staged {
		g.Go(func() error {
			old, held, err := w.s.write(gctx, staged[i])
			if err == nil && !held && !marked(old, w.mark) {
				err = errTaken
			}
			return err
		})
	}
	err := g.Wait()
	if errors.Is(err, errTaken) {
		return nil, false, nil
	}
	done := op{kind: opPut, put: w.s.expiry(stagingKey(w.p, w.staging).item(), spare)}
	done.put[attrState] = str(stagingDone)
	done.is(attrPK, nil)
	return append(rest, done), err == nil, err
}

var errTaken = errors.New("others have written the shard")
