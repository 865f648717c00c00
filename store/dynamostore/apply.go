package dynamostore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/updraft-dev/updraft/store"
)

// parallel is the number of requests that one call has under way.
const parallel = 8

// Apply implements store.Runs. Batches of different DAGs are written at the same time.
//
// What of a batch lies in one shard is one write; what lies in several is one transaction,
// at twice the price. One change is written ahead of the others, at the plain price: a
// report (the only change that is fenced), if the rest lies elsewhere. What is left if the
// process dies in between is what a worker leaves that dies after its report. Renewed leases
// need nothing of each other and are written by shard.
func (s *Store) Apply(ctx context.Context, batches ...store.Batch) (store.Result, error) {
	if err := s.enter(ctx); err != nil {
		return store.Result{}, fmt.Errorf("applying changes: %w", err)
	}
	encoded := make([]*batch, len(batches))
	byDAG := map[string][]int{}
	for i := range batches {
		var err error
		if encoded[i], err = s.encodeBatch(&batches[i]); err != nil {
			return store.Result{}, err
		}
		byDAG[batches[i].Run.DAG] = append(byDAG[batches[i].Run.DAG], i)
	}
	outcomes := make([]outcome, len(batches))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, list := range byDAG {
		g.Go(func() error {
			for _, i := range list {
				var err error
				if outcomes[i], err = s.applyBatch(gctx, encoded[i]); err != nil {
					return fmt.Errorf("run %s: %w", batches[i].Run, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return store.Result{}, s.explain("applying changes", err)
	}
	return result(batches, outcomes), nil
}

// outcome is what became of a batch.
type outcome struct {
	lost    []store.Lost
	refused error
	beside  []store.Neighbor
}

func result(batches []store.Batch, outcomes []outcome) store.Result {
	var res store.Result
	for i, o := range outcomes {
		for _, l := range o.lost {
			l.Batch = i
			res.Lost = append(res.Lost, l)
		}
		for _, n := range o.beside {
			n.Batch = i
			res.Beside = append(res.Beside, n)
		}
		if o.refused != nil {
			if res.Refused == nil {
				res.Refused = map[int]error{}
			}
			res.Refused[i] = fmt.Errorf("run %s: %w", batches[i].Run, o.refused)
		}
	}
	return res
}

// errMoved says that what was known of a run does not hold any more: it was deleted, and
// perhaps made again.
var errMoved = errors.New("the run was deleted in the meantime")

func (s *Store) applyBatch(ctx context.Context, b *batch) (outcome, error) {
	if b.eventsOnly {
		return outcome{}, s.putEvents(ctx, b.events)
	}
	for n := 0; ; n++ {
		p, err := s.enterRun(ctx, b, n > 0)
		if errors.Is(err, store.ErrExists) || errors.Is(err, store.ErrNotFound) {
			return outcome{refused: err}, nil
		}
		if err != nil {
			return outcome{}, err
		}
		o, err := s.applyTo(ctx, p, b)
		switch {
		case errors.Is(err, store.ErrNotFound):
			s.forget(p.id)
			return outcome{refused: store.ErrNotFound}, nil
		case errors.Is(err, errMoved) && n < trials:
			s.forget(p.id)
			continue
		}
		slices.SortFunc(o.lost, func(a, b store.Lost) int { return a.Change - b.Change })
		return o, err
	}
}

// enterRun makes or finds the run of a batch.
func (s *Store) enterRun(ctx context.Context, b *batch, again bool) (*place, error) {
	id := b.b.Run
	if b.create != nil && !again {
		return s.create(ctx, b.b.Create, b.create)
	}
	if p := s.knownPlace(id); p != nil && !again && len(b.changes) > 0 {
		return p, nil
	}
	h, err := s.readHeader(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.placeOf(ctx, h)
}

// part of a batch that is written at once.
type portion struct {
	// shards are the changes by the sort key of their shard, in the order of the batch.
	shards []shardChanges
	update bool
	events bool
}

type shardChanges struct {
	sk      string
	changes []int
}

// maxShardChanges is how many changes one write of a shard has: an expression may have 300
// operators.
const maxShardChanges = 60

// applyTo writes the changes of a batch.
func (s *Store) applyTo(ctx context.Context, p *place, b *batch) (o outcome, err error) {
	if items := s.valueItems(p, b.values); len(items) > 0 {
		if err := s.writeBatch(ctx, items, nil); err != nil {
			return o, err
		}
	}
	portions := s.portions(p, b)
	for _, q := range portions {
		q.events = q.events && len(o.lost) == 0
		w := &writer{s: s, p: p, b: b, q: q}
		if err := w.commit(ctx); err != nil {
			return outcome{}, err
		}
		o.lost = append(o.lost, w.lost...)
		if len(portions) == 1 { // otherwise more may be written after it
			o.beside = w.neighbors()
		}
	}
	return o, nil
}

// portions divides a batch into what is written at once.
func (s *Store) portions(p *place, b *batch) []portion {
	ahead := b.report()
	var first *shardChanges
	rest := portion{update: b.update != nil, events: len(b.events) > 0}
	at := map[string]int{}
	for i := range b.changes {
		c := &b.changes[i]
		c.attr = p.layout.entryName(c.Want.Task, c.Want.Map)
		c.xattr = xcomPrefix + c.attr
		sk := p.layout.shardOf(p.epoch, c.Want.Task, c.Want.Map)
		n, known := at[sk]
		if !known {
			n = len(rest.shards)
			at[sk] = n
			rest.shards = append(rest.shards, shardChanges{sk: sk})
		}
		rest.shards[n].changes = append(rest.shards[n].changes, i)
	}
	if b.renewals() {
		var out []portion
		for _, sh := range rest.shards {
			out = append(out, s.split(p, b, portion{shards: []shardChanges{sh}})...)
		}
		return out
	}
	for n, sh := range rest.shards {
		if len(sh.changes) == 1 && sh.changes[0] == ahead && (len(rest.shards) > 1 || rest.update) && !rest.events {
			first = &shardChanges{sh.sk, sh.changes}
			rest.shards = slices.Delete(rest.shards, n, n+1)
			break
		}
	}
	var out []portion
	if first != nil {
		out = append(out, portion{shards: []shardChanges{*first}})
	}
	return append(out, s.split(p, b, rest)...)
}

// renewals says that a batch does nothing but renew leases, each of which stands for itself.
func (b *batch) renewals() bool {
	for i := range b.changes {
		c := &b.changes[i]
		if c.Gone || c.Archive || c.If.Token == "" || c.Want.State != c.If.State || c.Want.Token != c.If.Token {
			return false
		}
	}
	return b.update == nil && len(b.events) == 0
}

// report returns the position of the only fenced change of a batch, -1 if there is none or
// several.
func (b *batch) report() int {
	at := -1
	for i := range b.changes {
		if b.changes[i].If.Token == "" {
			continue
		}
		if at >= 0 {
			return -1
		}
		at = i
	}
	return at
}

// split divides what no transaction can hold, not even with new shards staged: changes in
// more than about a hundred shards that are there. Only then what is left after a crash may
// be a part of a batch.
func (s *Store) split(p *place, b *batch, q portion) []portion {
	var out []portion
	cur, ops := portion{}, 0
	for _, sh := range q.shards {
		_, known := s.shard(p, sh.sk)
		for changes := range slices.Chunk(sh.changes, maxShardChanges) {
			n := 0
			if known {
				n = 1
			}
			for _, i := range changes {
				if b.changes[i].Archive {
					n++
				}
			}
			twice := len(cur.shards) > 0 && cur.shards[len(cur.shards)-1].sk == sh.sk
			if ops > 0 && ops+n > maxTransact-reserved || twice {
				out = append(out, cur)
				cur, ops = portion{}, 0
			}
			cur.shards = append(cur.shards, shardChanges{sh.sk, changes})
			ops += n
		}
	}
	if q.events && ops+len(b.events)+reserved > maxTransact {
		out = append(out, cur)
		cur = portion{}
	}
	cur.update, cur.events = q.update, q.events
	return append(out, cur)
}

// reserved is the room in a transaction for the run itself and a staging.
const reserved = 2

// commit writes the portion: what holds of it, all at once.
func (w *writer) commit(ctx context.Context) error {
	if err := w.look(ctx); err != nil {
		return err
	}
	for n := 0; ; n++ {
		ops, err := w.ops(ctx)
		if err != nil {
			return err
		}
		if len(ops) == 0 {
			return w.finish(ctx)
		}
		var old []item
		ops, held, err := w.stage(ctx, ops)
		if err == nil && held {
			ops[0].after = w.saw
			old, held, err = w.s.write(ctx, ops...)
		}
		if err != nil {
			return err
		}
		if held || w.was(old) {
			return w.finish(ctx)
		}
		if n > trials {
			return fmt.Errorf("others change the same task instances all the time: %w", store.ErrConflict)
		}
		if n > 1 {
			if err := pause(ctx, n); err != nil {
				return err
			}
		}
		if err := w.relook(ctx, old); err != nil {
			return err
		}
	}
}

// mark tells a write from every other one.
func mark() []byte {
	b := make([]byte, 8)
	binary.LittleEndian.PutUint64(b, rand.Uint64())
	return b[:6]
}
