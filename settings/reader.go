package settings

import (
	"context"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/store"
)

// Reader is a registry as the tasks of one DAG may use it. What they may not is a
// *[DeniedError]. It is safe for concurrent use.
type Reader struct {
	r   *Registry
	dag string
}

// For returns the registry for the tasks of a DAG. With an empty id it is for DAG files
// while they are read: which DAGs are in them is not known then.
func (r *Registry) For(dagID string) Reader { return Reader{r: r, dag: dagID} }

// Connection returns a connection as [Registry.Connection] does, if the DAG may use it.
func (d Reader) Connection(ctx context.Context, id string) (Connection, error) {
	c, from, err := d.r.connection(ctx, id)
	if err == nil {
		err = d.may(store.KindConnection, id, c.DAGs, from)
	}
	if err != nil {
		return Connection{}, err
	}
	return c, nil
}

// Variable returns a variable as [Registry.Variable] does, if the DAG may use it.
func (d Reader) Variable(ctx context.Context, key string) (Variable, error) {
	v, from, err := d.r.variable(ctx, key)
	if err == nil {
		err = d.may(store.KindVariable, key, v.DAGs, from)
	}
	if err != nil {
		return Variable{}, err
	}
	return v, nil
}

// PutVariable stores a variable over any that is there, if the DAG may use that. Its limit
// stays as it is: tasks set none.
func (d Reader) PutVariable(ctx context.Context, v Variable) error {
	v.DAGs = nil
	if err := v.Validate(); err != nil {
		return err
	}
	return d.r.put(ctx, store.KindVariable, v.Key, v, nil, func(have DAGs) error {
		return d.may(store.KindVariable, v.Key, have, "")
	})
}

// DeleteVariable removes a variable from the store, if the DAG may use it;
// store.ErrNotFound if it is not there.
func (d Reader) DeleteVariable(ctx context.Context, key string) error {
	if d.r.Store == nil {
		return errNoStore
	}
	s, err := d.r.Store.Setting(ctx, store.KindVariable, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return gone(store.KindVariable, key)
	case err != nil:
		return fmt.Errorf("reading %s: %w", place(store.KindVariable, key), err)
	}
	have, _, err := cutLimit(s.Value)
	if err != nil {
		return fmt.Errorf("%s: %w", place(store.KindVariable, key), err)
	}
	if err := d.may(store.KindVariable, key, have, ""); err != nil {
		return err
	}
	return d.r.DeleteVariable(ctx, key)
}

func (d Reader) may(k store.Kind, id string, dags DAGs, from string) error {
	if dags.Allow(d.dag) {
		return nil
	}
	return &DeniedError{Kind: k, ID: id, DAG: d.dag, DAGs: dags, From: from}
}

// Limits returns what is limited among the settings of a kind that the store has, ordered by
// id. It needs no key.
func (r *Registry) Limits(ctx context.Context, k store.Kind) ([]Limit, error) {
	if r.Store == nil {
		return nil, nil
	}
	stored, err := r.Store.Settings(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("listing %ss: %w", k, err)
	}
	var out []Limit
	for _, s := range stored {
		dags, _, err := cutLimit(s.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place(k, s.ID), err)
		}
		if dags.Limited() {
			out = append(out, Limit{ID: s.ID, DAGs: dags, Hidden: r.hidden(k, s.ID)})
		}
	}
	return out, nil
}

// hidden says what is used in place of a setting of the store; empty if it is used.
func (r *Registry) hidden(k store.Kind, id string) string {
	kind, from := "CONN", r.Secrets.ConnectionsFrom
	_, inFile := r.Secrets.Connections[id]
	if k == store.KindVariable {
		kind, from = "VAR", r.Secrets.VariablesFrom
		_, inFile = r.Secrets.Variables[id]
	}
	if inFile {
		return from
	}
	_, name, _ := r.env(kind, id)
	return name
}
