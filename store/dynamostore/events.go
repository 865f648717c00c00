package dynamostore

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// event is an asset event as it will be written.
type event struct {
	asset string
	key   key
	body  []byte
}

func (s *Store) encodeEvent(e *run.AssetEvent) (event, error) {
	copied := *e
	// To the microsecond, as runs are: what follows from an event is compared with it.
	copied.At = time.UnixMicro(e.At.UnixMicro()).UTC()
	if copied.ID == 0 {
		copied.ID = s.ids.next(0)
	}
	body, err := json.Marshal(copied)
	if err != nil {
		return event{}, fmt.Errorf("encoding an event of asset %s: %w", e.Asset, err)
	}
	k := key{assetKey(e.Asset), eventSort(store.Nanos(copied.At), copied.ID)}
	return event{e.Asset, k, body}, s.fitsItem(len(body), "an event of asset "+e.Asset)
}

func assetKey(uri string) string { return "asset#" + part(uri) }

func eventSort(at, id int64) string { return sortable(at) + "#" + sortable(id) }

// eventItems are the items of events, whose assets are known afterwards.
func (s *Store) eventItems(ctx context.Context, events []event) ([]item, error) {
	var l []item
	for _, e := range events {
		if err := s.register(ctx, kindAsset, e.asset); err != nil {
			return nil, err
		}
		it := s.expiry(e.key.item(), spare)
		it[attrBody] = blob(e.body)
		l = append(l, it)
	}
	return l, nil
}

func (s *Store) putEvents(ctx context.Context, events []event) error {
	items, err := s.eventItems(ctx, events)
	if err != nil {
		return err
	}
	return s.writeBatch(ctx, items, nil)
}

// AssetEvents implements store.Settings.
func (s *Store) AssetEvents(
	ctx context.Context, uri string, after, until time.Time, limit int,
) ([]run.AssetEvent, error) {
	list, err := s.assetEvents(ctx, uri, after, until, limit)
	if err != nil {
		return nil, s.explain("reading asset events", err)
	}
	return list, nil
}

func (s *Store) assetEvents(ctx context.Context, uri string, after, until time.Time, limit int) ([]run.AssetEvent, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	assets := []string{uri}
	if uri == "" {
		var err error
		if assets, err = s.registered(ctx, kindAsset); err != nil {
			return nil, err
		}
	}
	last := int64(math.MaxInt64)
	if !until.IsZero() {
		last = store.Nanos(until)
	}
	if limit <= 0 {
		limit = 1000
	}
	// What is after the date has another first part.
	from, to := sortable(store.Nanos(after))+"#~", sortable(last)+"#~"
	found, err := collect(ctx, len(assets), func(ctx context.Context, i int) ([]item, error) {
		var l []item
		err := s.query(ctx, span{pk: assetKey(assets[i]), from: from, to: to, limit: limit}, func(items []item) bool {
			l = append(l, items...)
			return len(l) < limit
		})
		return l, err
	})
	if err != nil {
		return nil, err
	}
	items := slices.Concat(found...)
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(strOf(a, attrSK), strOf(b, attrSK)) })
	var list []run.AssetEvent
	for _, it := range items[:min(limit, len(items))] {
		var e run.AssetEvent
		if err := json.Unmarshal(blobOf(it, attrBody), &e); err != nil {
			return nil, damaged(fmt.Sprintf("asset event %s of %s", strOf(it, attrSK), strOf(it, attrPK)), err)
		}
		list = append(list, e)
	}
	return list, nil
}
