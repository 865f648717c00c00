package task

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// updates collects what an attempt says of assets while it runs.
type updates struct {
	mu   sync.Mutex
	list []AssetUpdate
}

// Update implements Assets.
func (u *updates) Update(one AssetUpdate) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.list = append(u.list, one)
}

// events are the updates that a success makes: one of each outlet, and those that the
// attempt added for aliases.
func (u *updates) events(outlets []dag.AssetRef, at time.Time, source run.Key) []run.AssetEvent {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []run.AssetEvent
	var aliases []string
	for _, o := range outlets {
		if o.Alias != "" {
			aliases = append(aliases, o.Alias)
			continue
		}
		e := run.AssetEvent{Asset: o.Key(), Name: o.Name, At: at, Source: source}
		for _, said := range u.list {
			if said.Alias == "" && same(said.Asset, o) {
				e.Extra = said.Extra
			}
		}
		out = append(out, e)
	}
	own := len(out) // what is added for an alias is an event of its own, even of an outlet
	for _, said := range u.list {
		if said.Alias == "" || !slices.Contains(aliases, said.Alias) {
			continue
		}
		i := slices.IndexFunc(out[own:], func(e run.AssetEvent) bool {
			return e.Asset == said.Asset.Key() && (len(e.Extra) == 0 && len(said.Extra) == 0 || reflect.DeepEqual(e.Extra, said.Extra))
		})
		if i < 0 {
			i = len(out) - own
			out = append(out, run.AssetEvent{Asset: said.Asset.Key(), Name: said.Asset.Name, At: at, Extra: said.Extra, Source: source})
		}
		if e := &out[own+i]; !slices.Contains(e.Aliases, said.Alias) {
			e.Aliases = append(e.Aliases, said.Alias)
		}
	}
	return out
}

// same says that an author's reference means an outlet; it may lack the name or the URI.
func same(ref, outlet dag.AssetRef) bool {
	name, uri := cmp.Or(outlet.Name, outlet.URI), outlet.Key()
	return (ref.Name != "" || ref.URI != "") && cmp.Or(ref.Name, name) == name && cmp.Or(ref.URI, uri) == uri
}

// maxEvents bounds what is read of one asset, and eventPage what is read at once to find
// the events of an alias.
const (
	maxEvents = 10_000
	eventPage = 1000
)

// EventLister reads asset events, as a store does.
type EventLister interface {
	AssetEvents(ctx context.Context, asset string, after, until time.Time, limit int) ([]run.AssetEvent, error)
}

// AssetEvents are the events of an asset, or those of an alias, after a time and not after
// another (zero: no bound), oldest first. More than 10,000 are an error.
func AssetEvents(ctx context.Context, l EventLister, ref dag.AssetRef, after, until time.Time) ([]run.AssetEvent, error) {
	read := func(uri string, limit int) ([]run.AssetEvent, error) {
		page, err := l.AssetEvents(ctx, uri, after, until, limit)
		if err != nil {
			err = fmt.Errorf("looking for events of asset %s: %w", ref.Key(), err)
		}
		return page, err
	}
	var out []run.AssetEvent
	if ref.Alias == "" {
		var err error
		if out, err = read(ref.Key(), maxEvents+1); err != nil {
			return nil, err
		}
	}
	// The events of an alias have to be looked for among those of all assets.
	for more := ref.Alias != ""; more && len(out) <= maxEvents; {
		page, err := read("", eventPage)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if slices.Contains(page[i].Aliases, ref.Alias) {
				out = append(out, page[i])
			}
		}
		if more = len(page) == eventPage; more {
			after = page[len(page)-1].At
		}
	}
	if len(out) > maxEvents {
		return nil, fmt.Errorf("asset %s has more than %d events, which is too much to read at once: narrow them down with after or before", ref.Key(), maxEvents)
	}
	return out, nil
}
