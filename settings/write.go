package settings

import (
	"context"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/store"
)

// errNoStore is the answer to every change without a store.
var errNoStore = errors.New("there is no store for settings")

// maxWrites bounds how often a write begins anew because others write the same setting. Each
// time one of those has got through, so that it is many writers and not many tries.
const maxWrites = 100

// PutConnection checks and stores a connection, over any that is there. A limit that is there
// stays if DAGs is nil: what is written by somebody who does not think of limits lifts none.
// Everybody lifts it.
func (r *Registry) PutConnection(ctx context.Context, c Connection) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return r.put(ctx, store.KindConnection, c.ID, c, c.DAGs, nil)
}

// PutVariable checks and stores a variable, over any that is there. With its limit it is as
// with that of a connection.
func (r *Registry) PutVariable(ctx context.Context, v Variable) error {
	if err := v.Validate(); err != nil {
		return err
	}
	return r.put(ctx, store.KindVariable, v.Key, v, v.DAGs, nil)
}

// PutPool checks and stores a pool, over any that is there.
func (r *Registry) PutPool(ctx context.Context, p Pool) error {
	if err := p.Validate(); err != nil {
		return err
	}
	return r.put(ctx, store.KindPool, p.Name, p, Everybody(), nil)
}

// EditConnection changes a connection of the store; store.ErrNotFound if it is not there.
// Change may be called again if others write it, too.
func (r *Registry) EditConnection(ctx context.Context, id string, change func(*Connection) error) error {
	return r.replace(ctx, store.KindConnection, id, func(old *store.Setting) (any, DAGs, error) {
		var c Connection
		if err := r.opened(store.KindConnection, id, old, &c); err != nil {
			return nil, nil, err
		}
		err := change(&c)
		c.ID = id
		return c, c.DAGs, errors.Join(err, c.Validate())
	})
}

// EditVariable changes a variable of the store as EditConnection does a connection.
func (r *Registry) EditVariable(ctx context.Context, key string, change func(*Variable) error) error {
	return r.replace(ctx, store.KindVariable, key, func(old *store.Setting) (any, DAGs, error) {
		var v Variable
		if err := r.opened(store.KindVariable, key, old, &v); err != nil {
			return nil, nil, err
		}
		err := change(&v)
		v.Key = key
		return v, v.DAGs, errors.Join(err, v.Validate())
	})
}

// opened decodes what is to be edited.
func (r *Registry) opened(k store.Kind, id string, old *store.Setting, into any) error {
	if old == nil {
		return gone(k, id)
	}
	return r.open(k, *old, into)
}

// put stores a value. If may is given, it is asked whether the limit that is there allows it.
func (r *Registry) put(ctx context.Context, k store.Kind, id string, v any, dags DAGs, may func(DAGs) error) error {
	if dags != nil && may == nil { // whatever is there does not matter
		return r.write(ctx, k, store.Setting{ID: id}, v, dags)
	}
	return r.replace(ctx, k, id, func(old *store.Setting) (any, DAGs, error) {
		if old == nil {
			return v, dags, nil
		}
		have, _, err := cutLimit(old.Value)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", place(k, id), err)
		}
		if may != nil {
			err = may(have)
		}
		return v, have, err
	})
}

// replace writes what next makes of the value that is there (nil: none), and nothing over a
// value that next has not seen: a limit that is set meanwhile must not get lost.
func (r *Registry) replace(ctx context.Context, k store.Kind, id string, next func(old *store.Setting) (any, DAGs, error)) error {
	if r.Store == nil {
		return errNoStore
	}
	var err error
	for range maxWrites {
		s := store.Setting{ID: id, Revision: -1}
		old, readErr := r.Store.Setting(ctx, k, id)
		seen := &old
		switch {
		case errors.Is(readErr, store.ErrNotFound):
			seen = nil
		case readErr != nil:
			return fmt.Errorf("reading %s: %w", place(k, id), readErr)
		default:
			s.Revision = old.Revision
		}
		v, dags, nextErr := next(seen)
		if nextErr != nil {
			return nextErr
		}
		err = r.write(ctx, k, s, v, dags)
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	return err
}

// write seals a value and stores it under s's id and revision.
func (r *Registry) write(ctx context.Context, k store.Kind, s store.Setting, v any, dags DAGs) error {
	if r.Store == nil {
		return errNoStore
	}
	body, err := marshal(v)
	if err != nil {
		return fmt.Errorf("storing %s: not a JSON value", place(k, s.ID))
	}
	if r.Keys != nil && k != store.KindPool {
		if body, err = r.Keys.Seal(sealedAt(k, s.ID, dags), body); err != nil {
			return fmt.Errorf("sealing %s: %w", place(k, s.ID), err)
		}
	}
	s.Value, s.At = addLimit(dags, body), r.Now()
	if err := r.Store.PutSetting(ctx, k, s); err != nil {
		return fmt.Errorf("storing %s: %w", place(k, s.ID), err)
	}
	return nil
}

// sealedAt is the place that a value is sealed for. The limit belongs to it: who can write
// to the store and has no key cannot change it.
func sealedAt(k store.Kind, id string, dags DAGs) string {
	if !dags.Limited() {
		return place(k, id)
	}
	return place(k, id) + "\nfor " + dags.String()
}

func (r *Registry) remove(ctx context.Context, k store.Kind, id string) error {
	if r.Store == nil {
		return errNoStore
	}
	err := r.Store.DeleteSetting(ctx, k, id)
	if errors.Is(err, store.ErrNotFound) {
		return gone(k, id)
	}
	if err != nil {
		return fmt.Errorf("deleting %s: %w", place(k, id), err)
	}
	return nil
}

// gone says that the store has no such setting.
func gone(k store.Kind, id string) error {
	return fmt.Errorf("%s `%s` %w: `updraft %ss list` shows those there are", k, id, store.ErrNotFound, k)
}
