package settings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/store"
)

// Config is what a Registry works with. Every part may be absent.
type Config struct {
	// Store keeps what is set at run time. Nil: there is nothing, and nothing can be set.
	Store store.Settings
	// Keys seal connections and variables in the store. Nil: they are stored in clear.
	Keys *Keys
	// Lookup reads the environment (os.LookupEnv).
	Lookup func(name string) (string, bool)
	// Secrets are those of files; they come first.
	Secrets *Secrets
	// Backend is a service that keeps secrets; it is asked next. Nil: there is none.
	Backend Backend
	// Now is the time that settings are stamped with.
	Now func() time.Time
}

// Backend looks connections and variables up at a service. It keeps answers for a while
// itself. It is safe for concurrent use.
type Backend interface {
	// Lookup returns the text of a connection, as ParseConnection reads it, or of a
	// variable, and whether there is one. An error is that of the service, names what was
	// looked up, and has no secrets: then nobody knows whether there is one.
	Lookup(ctx context.Context, k store.Kind, id string) (text string, found bool, err error)
}

// Registry finds connections, variables and pools: in the secrets files, at the service
// for secrets, in the environment, in the store, in this order. It is safe for concurrent
// use.
type Registry struct{ Config }

// NewRegistry returns a registry.
func NewRegistry(c Config) *Registry {
	if c.Lookup == nil {
		c.Lookup = func(string) (string, bool) { return "", false }
	}
	if c.Secrets == nil {
		c.Secrets = &Secrets{}
	}
	if c.Now == nil {
		c.Now = func() time.Time { return time.Time{} }
	}
	return &Registry{Config: c}
}

// Connection returns a connection, whoever may use it: tasks ask [Registry.For]. The error is
// store.ErrNotFound if there is none, and says how to make it.
func (r *Registry) Connection(ctx context.Context, id string) (Connection, error) {
	c, _, err := r.connection(ctx, id)
	return c, err
}

// connection also says where a connection comes from; empty is the store.
func (r *Registry) connection(ctx context.Context, id string) (c Connection, from string, err error) {
	if c, ok := r.Secrets.Connections[id]; ok {
		return c, r.Secrets.ConnectionsFrom, nil
	}
	if text, ok, err := r.backend(ctx, store.KindConnection, id); ok || err != nil {
		if err == nil {
			c, err = ParseConnection(id, text)
		}
		return c, fromBackend, err
	}
	if text, name, ok := r.env("CONN", id); ok {
		c, err := ParseConnection(id, text)
		if err == nil && c.DAGs.Limited() {
			err = errors.New("it has dags, and every task inherits the environment, so that a limit would hold nothing: set the connection in the database or in a secrets file")
		}
		if err != nil {
			return Connection{}, name, fmt.Errorf("%s: %w", name, err)
		}
		return c, name, nil
	}
	err = r.load(ctx, store.KindConnection, id, &c)
	if errors.Is(err, store.ErrNotFound) {
		return Connection{}, "", fmt.Errorf("connection `%s` %w: set it with `updraft connections add %s …` or AIRFLOW_CONN_%s", id, store.ErrNotFound, id, strings.ToUpper(id))
	}
	c.ID = id
	return c, "", err
}

// Variable returns a variable, whoever may use it: tasks ask [Registry.For]. The error is
// store.ErrNotFound if there is none, and says how to make it.
func (r *Registry) Variable(ctx context.Context, key string) (Variable, error) {
	v, _, err := r.variable(ctx, key)
	return v, err
}

// variable also says where a variable comes from; empty is the store.
func (r *Registry) variable(ctx context.Context, key string) (v Variable, from string, err error) {
	if v, ok := r.Secrets.Variables[key]; ok {
		return v, r.Secrets.VariablesFrom, nil
	}
	if text, ok, err := r.backend(ctx, store.KindVariable, key); ok || err != nil {
		return Variable{Key: key, Value: text}, fromBackend, err
	}
	if text, name, ok := r.env("VAR", key); ok {
		return Variable{Key: key, Value: text}, name, nil
	}
	err = r.load(ctx, store.KindVariable, key, &v)
	if errors.Is(err, store.ErrNotFound) {
		return Variable{}, "", fmt.Errorf("variable `%s` %w: set it with `updraft variables set %s …` or AIRFLOW_VAR_%s", key, store.ErrNotFound, key, strings.ToUpper(key))
	}
	v.Key = key
	return v, "", err
}

// fromBackend is where the service for secrets is said to have things from.
const fromBackend = "the service for secrets"

// backend asks the service, if there is one.
func (r *Registry) backend(ctx context.Context, k store.Kind, id string) (text string, found bool, err error) {
	if r.Backend == nil {
		return "", false, nil
	}
	return r.Backend.Lookup(ctx, k, id)
}

// env looks a name up as Airflow does, with the id in capitals.
func (r *Registry) env(kind, id string) (text, name string, ok bool) {
	for _, prefix := range []string{"AIRFLOW_", "UPDRAFT_"} {
		name = prefix + kind + "_" + strings.ToUpper(id)
		if text, ok = r.Lookup(name); ok && (text != "" || kind == "VAR") {
			return text, name, true
		}
	}
	return "", "", false
}

// Connections returns the connections of the store, ordered by id.
func (r *Registry) Connections(ctx context.Context) ([]Connection, error) {
	return list[Connection](ctx, r, store.KindConnection)
}

// Variables returns the variables of the store, ordered by key.
func (r *Registry) Variables(ctx context.Context) ([]Variable, error) {
	return list[Variable](ctx, r, store.KindVariable)
}

// DeleteConnection removes a connection from the store; store.ErrNotFound if it is not there.
func (r *Registry) DeleteConnection(ctx context.Context, id string) error {
	return r.remove(ctx, store.KindConnection, id)
}

// DeleteVariable removes a variable from the store; store.ErrNotFound if it is not there.
func (r *Registry) DeleteVariable(ctx context.Context, key string) error {
	return r.remove(ctx, store.KindVariable, key)
}

// Pool returns a pool; store.ErrNotFound if there is none.
func (r *Registry) Pool(ctx context.Context, name string) (Pool, error) {
	var p Pool
	err := r.load(ctx, store.KindPool, name, &p)
	if errors.Is(err, store.ErrNotFound) {
		if name == dag.DefaultPool {
			return DefaultPool(), nil
		}
		return Pool{}, fmt.Errorf("pool `%s` %w: make it with `updraft pools set %s SLOTS DESCRIPTION`", name, store.ErrNotFound, name)
	}
	p.Name = name
	return p, err
}

// Pools returns all pools, ordered by name; the default pool is always among them.
func (r *Registry) Pools(ctx context.Context) ([]Pool, error) {
	pools, err := list[Pool](ctx, r, store.KindPool)
	if err != nil {
		return nil, err
	}
	at := 0
	for at < len(pools) && pools[at].Name < dag.DefaultPool {
		at++
	}
	if at < len(pools) && pools[at].Name == dag.DefaultPool {
		return pools, nil
	}
	out := append([]Pool{}, pools[:at]...)
	return append(append(out, DefaultPool()), pools[at:]...), nil
}

// DeletePool removes a pool; the default pool stays.
func (r *Registry) DeletePool(ctx context.Context, name string) error {
	if name == dag.DefaultPool {
		return fmt.Errorf("pool %s cannot be deleted: tasks without a pool are in it", name)
	}
	return r.remove(ctx, store.KindPool, name)
}

// place names a setting in messages; what is sealed opens only there.
func place(k store.Kind, id string) string { return string(k) + " " + id }

func (r *Registry) load(ctx context.Context, k store.Kind, id string, into any) error {
	if r.Store == nil {
		return store.ErrNotFound
	}
	s, err := r.Store.Setting(ctx, k, id)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return err
		}
		return fmt.Errorf("reading %s: %w", place(k, id), err)
	}
	return r.open(k, s, into)
}

// open decodes a stored value, with its limit.
func (r *Registry) open(k store.Kind, s store.Setting, into any) error {
	dags, body, err := cutLimit(s.Value)
	if err != nil {
		return fmt.Errorf("%s: %w", place(k, s.ID), err)
	}
	if Sealed(body) {
		if r.Keys == nil {
			return fmt.Errorf("%s is sealed, and there is no key: name the key file: %w", place(k, s.ID), ErrKey)
		}
		if body, err = r.Keys.Open(sealedAt(k, s.ID, dags), body); err != nil {
			return err
		}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w: its value is not readable", place(k, s.ID), store.ErrCorrupt)
	}
	switch v := into.(type) {
	case *Connection:
		v.DAGs = dags
	case *Variable:
		v.DAGs = dags
	}
	return nil
}

func list[T Connection | Variable | Pool](ctx context.Context, r *Registry, k store.Kind) ([]T, error) {
	if r.Store == nil {
		return nil, nil
	}
	stored, err := r.Store.Settings(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("listing %ss: %w", k, err)
	}
	out := make([]T, 0, len(stored))
	for _, s := range stored {
		var v T
		if err := r.open(k, s, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
