package objects

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/layout"
	"github.com/updraft-dev/updraft/run"
)

// pack is an object with several short logs: a line of JSON that describes them, and then
// their texts, one after the other.
type pack struct {
	Logs []packedLog `json:"logs"`
}

// packedLog is one log in a pack.
type packedLog struct {
	// Path is that of package layout: it can hold names that are no UTF-8.
	Path    string    `json:"path"`
	Size    int       `json:"size"`
	Written time.Time `json:"written"`
	Token   string    `json:"token"`
	attempt run.Attempt
	text    []byte
}

// maxPackSize bounds what is read of a pack. What is written is smaller: logs.MaxPack
// texts of logs.MaxPacked bytes, and their names.
const maxPackSize = 8 << 20

func (p *pack) encode() ([]byte, error) {
	head, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	b := append(head, '\n')
	for _, l := range p.Logs {
		b = append(b, l.text...)
	}
	return b, nil
}

func decodePack(b []byte) (pack, error) {
	head, rest, ok := bytes.Cut(b, []byte("\n"))
	var p pack
	if err := json.Unmarshal(head, &p); !ok || err != nil {
		return pack{}, errors.New("its first line does not describe logs")
	}
	for i := range p.Logs {
		n := p.Logs[i].Size
		if n < 0 || n > len(rest) {
			return pack{}, fmt.Errorf("it is shorter than its %d logs", len(p.Logs))
		}
		p.Logs[i].text, rest = rest[:n], rest[n:]
		if p.Logs[i].attempt, ok = layout.ParsePath(p.Logs[i].Path); !ok {
			return pack{}, fmt.Errorf("it has a log of %.100q", p.Logs[i].Path)
		}
	}
	return p, nil
}

// find returns the log of an attempt, or nil.
func (p *pack) find(a run.Attempt) *packedLog {
	if i := slices.IndexFunc(p.Logs, func(l packedLog) bool { return l.attempt == a }); i >= 0 {
		return &p.Logs[i]
	}
	return nil
}

func (l *packedLog) info() logs.Info {
	return logs.Info{Attempt: l.attempt, Segments: []logs.Segment{{Size: int64(l.Size)}}, Modified: l.Written}
}

// readPack reads a pack, or ErrNotFound.
func (d *driver) readPack(ctx context.Context, o Object) (pack, error) {
	if o.Size > maxPackSize {
		return pack{}, fmt.Errorf("the object %s has %d bytes: no pack of logs is so large", o.Key, o.Size)
	}
	b := make([]byte, o.Size)
	n, err := d.b.Get(ctx, o.Key, b, 0)
	if err != nil {
		return pack{}, err
	}
	p, err := decodePack(b[:n]) // it may have become smaller
	if err != nil {
		return pack{}, fmt.Errorf("the object %s is no pack of logs: %w", o.Key, err)
	}
	return p, nil
}

// packs gives the packs of a run that may hold logs of one of these instances.
func (d *driver) packs(ctx context.Context, id run.ID, keys ...run.Key) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for o, err := range d.list(ctx, d.packPrefix(id)) {
			may := func(k run.Key) bool { return mayHold(o.Key, k) }
			if (err != nil || slices.ContainsFunc(keys, may)) && !yield(o, err) {
				return
			}
		}
	}
}

// lookup finds the log of an attempt in packs; nil if it is in none.
func (d *driver) lookup(ctx context.Context, a run.Attempt) (*packedLog, error) {
	for o, err := range d.packs(ctx, a.ID, a.Key) {
		if err != nil {
			return nil, err
		}
		p, err := d.readPack(ctx, o)
		if errors.Is(err, ErrNotFound) {
			continue // just removed
		}
		if err != nil {
			return nil, err
		}
		if l := p.find(a); l != nil {
			return l, nil
		}
	}
	return nil, nil
}

func (d *driver) readPacked(ctx context.Context, a run.Attempt, p []byte, from int64) (int, error) {
	l, err := d.lookup(ctx, a)
	if err != nil {
		return 0, err
	}
	if l == nil {
		return 0, logs.ErrNotFound
	}
	return copy(p, l.text[min(from, int64(len(l.text))):]), nil
}

// maxRemovals is how often the same pack is read again because others remove logs from it.
const maxRemovals = 2 * logs.MaxPack

// removePacked removes a log from packs.
func (d *driver) removePacked(ctx context.Context, a run.Attempt) error {
	for o, err := range d.packs(ctx, a.ID, a.Key) {
		if err != nil {
			return err
		}
		for range maxRemovals {
			if err = d.shrink(ctx, o.Key, a); !errors.Is(err, ErrCondition) {
				break
			}
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("remove the log of %s from a pack: %w", a, err)
		}
	}
	return nil
}

// shrink writes a pack again without an attempt's log. Packs never grow, so an empty one
// can go.
func (d *driver) shrink(ctx context.Context, key string, a run.Attempt) error {
	o, err := d.b.Head(ctx, key) // before it is read, so that what was read is not older
	if err != nil {
		return err
	}
	p, err := d.readPack(ctx, o)
	if err != nil || p.find(a) == nil {
		return err
	}
	p.Logs = slices.DeleteFunc(p.Logs, func(l packedLog) bool { return l.attempt == a })
	if len(p.Logs) == 0 {
		return d.b.Delete(ctx, key)
	}
	b, err := p.encode()
	if err != nil {
		return err
	}
	return d.b.Put(ctx, Put{Key: key, Body: b, If: Condition{Version: o.Version}})
}

// WritePack implements logs.Packer.
func (d *driver) WritePack(ctx context.Context, id run.ID, whole []logs.Whole) ([]logs.Whole, error) {
	fresh, left, err := d.fresh(ctx, id, whole)
	switch {
	case err != nil:
		return nil, err
	case len(fresh) == 0:
		return left, nil
	case len(fresh) == 1: // an object that can be read without us costs the same
		w := fresh[0]
		err := (&appender{d: d, a: w.Attempt, writer: w.Token}).Close(ctx, 0, w.Text)
		if errors.Is(err, logs.ErrTaken) {
			return append(left, w), nil
		}
		return left, err
	}
	if err := d.noteLevels(ctx, runLevels(id)); err != nil {
		return nil, err
	}
	var p pack
	for _, w := range fresh {
		p.Logs = append(p.Logs, packedLog{Path: layout.Path(w.Attempt), Size: len(w.Text), Written: w.Written, Token: w.Token, text: w.Text})
	}
	b, err := p.encode()
	if err != nil {
		return nil, err
	}
	return left, d.b.Put(ctx, Put{Key: d.packKey(id, rand.Text(), fresh), Body: b})
}

// fresh sorts logs into those of which there is nothing yet and those that go on. Those
// that are there already, from a try whose answer was lost, are in neither.
func (d *driver) fresh(ctx context.Context, id run.ID, whole []logs.Whole) (fresh, left []logs.Whole, err error) {
	tokens, err := d.tokens(ctx, id, whole)
	if err != nil {
		return nil, nil, err
	}
	for i, w := range whole {
		switch tokens[i] {
		case "":
			fresh = append(fresh, w)
		case w.Token:
		default:
			left = append(left, w)
		}
	}
	return fresh, left, nil
}

// maxHeads is how many objects are looked for at once.
const maxHeads = 8

// tokens says for each log who has written the beginning of it; empty if nobody has.
func (d *driver) tokens(ctx context.Context, id run.ID, whole []logs.Whole) ([]string, error) {
	tokens, errs := make([]string, len(whole)), make([]error, len(whole))
	keys := make([]run.Key, len(whole))
	var wg sync.WaitGroup
	turn := make(chan struct{}, maxHeads)
	for i, w := range whole {
		keys[i] = w.Attempt.Key
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			o, err := d.b.Head(ctx, d.key(w.Attempt, 0))
			switch {
			case err == nil:
				tokens[i] = cmp.Or(o.Meta[metaWriter], "somebody")
			case !errors.Is(err, ErrNotFound):
				errs[i] = err
			}
		})
	}
	wg.Wait()
	for o, err := range d.packs(ctx, id, keys...) {
		if err == nil {
			err = d.tokensOf(ctx, o, whole, tokens)
		}
		errs = append(errs, err)
	}
	return tokens, errors.Join(errs...)
}

// tokensOf notes who wrote the logs that are in a pack.
func (d *driver) tokensOf(ctx context.Context, o Object, whole []logs.Whole, tokens []string) error {
	p, err := d.readPack(ctx, o)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	for i, w := range whole {
		if l := p.find(w.Attempt); l != nil {
			tokens[i] = l.Token
		}
	}
	return err
}
