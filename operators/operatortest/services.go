package operatortest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Settings are connections and variables in memory.
type Settings struct {
	Connections map[string]settings.Connection
	Variables   map[string]string
}

// Connection implements task.Settings.
func (s *Settings) Connection(_ context.Context, id string) (settings.Connection, error) {
	c, ok := s.Connections[id]
	if !ok {
		return c, fmt.Errorf("connection `%s` %w", id, store.ErrNotFound)
	}
	c.ID = id
	return c, nil
}

// Variable implements task.Settings.
func (s *Settings) Variable(_ context.Context, key string) (string, error) {
	v, ok := s.Variables[key]
	if !ok {
		return "", fmt.Errorf("variable %q: %w", key, store.ErrNotFound)
	}
	return v, nil
}

// SetVariable implements task.Settings.
func (s *Settings) SetVariable(_ context.Context, v settings.Variable) error {
	if s.Variables == nil {
		s.Variables = map[string]string{}
	}
	s.Variables[v.Key] = v.Value
	return nil
}

// DeleteVariable implements task.Settings.
func (s *Settings) DeleteVariable(_ context.Context, key string) error {
	delete(s.Variables, key)
	return nil
}

// XComs keeps what the attempt pushes by name; Pulled is what every pull gives.
type XComs struct {
	Pushed map[string]any
	Pulled []task.PulledXCom
}

// Push implements task.XComs. What cannot be an XCom is refused.
func (x *XComs) Push(_ context.Context, name string, value any) error {
	if _, err := task.EncodeXCom(value); err != nil {
		return err
	}
	if x.Pushed == nil {
		x.Pushed = map[string]any{}
	}
	x.Pushed[name] = value
	return nil
}

// Pull implements task.XComs.
func (x *XComs) Pull(_ context.Context, q task.Pull) ([]task.PulledXCom, error) {
	var out []task.PulledXCom
	for _, p := range x.Pulled {
		if len(q.Tasks) == 0 || slices.Contains(q.Tasks, p.Key.Task) {
			out = append(out, p)
		}
	}
	return out, nil
}

// Runs are other runs, in memory.
type Runs struct {
	Known []run.Run
	// Tasks are the instances of runs.
	Tasks map[run.ID][]run.Instance
	DAGs  map[string]*dag.DAG
	// Triggered collects what was asked for.
	Triggered []task.Trigger
}

// Find implements task.Runs.
func (r *Runs) Find(_ context.Context, id run.ID) (run.Run, error) {
	for _, k := range r.Known {
		if k.ID == id {
			return k, nil
		}
	}
	return run.Run{}, fmt.Errorf("run %s: %w", id, store.ErrNotFound)
}

// FindByDate implements task.Runs.
func (r *Runs) FindByDate(_ context.Context, dagID string, logical time.Time) (run.Run, error) {
	for _, k := range r.Known {
		if k.DAG == dagID && k.LogicalDate != nil && k.LogicalDate.Equal(logical) {
			return k, nil
		}
	}
	return run.Run{}, fmt.Errorf("run of %s for %s: %w", dagID, logical, store.ErrNotFound)
}

// Instances implements task.Runs.
func (r *Runs) Instances(_ context.Context, id run.ID, tasks ...string) ([]run.Instance, error) {
	var out []run.Instance
	for _, i := range r.Tasks[id] {
		if len(tasks) == 0 || slices.Contains(tasks, i.Task) {
			out = append(out, i)
		}
	}
	return out, nil
}

// DAG implements task.Runs.
func (r *Runs) DAG(_ context.Context, id string) (*dag.DAG, error) {
	if d := r.DAGs[id]; d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("DAG %s: %w", id, store.ErrNotFound)
}

// Trigger implements task.Runs: the run is queued, and known from then on. A run id
// that is known is task.ErrRunExists, unless Reset queues it again.
func (r *Runs) Trigger(_ context.Context, t task.Trigger) (run.Run, error) {
	r.Triggered = append(r.Triggered, t)
	made := run.Run{ID: run.ID{DAG: t.DAG, Run: t.Run}, Type: run.TypeManual, State: run.RunQueued, LogicalDate: t.LogicalDate, Note: t.Note}
	if made.Run == "" {
		made.Run = fmt.Sprintf("manual__%d", len(r.Triggered))
	}
	for i, k := range r.Known {
		if k.ID != made.ID {
			continue
		}
		if !t.Reset {
			return k, task.ErrRunExists
		}
		r.Known[i].State = run.RunQueued
		return r.Known[i], nil
	}
	r.Known = append(r.Known, made)
	return made, nil
}

// Mails keeps the mails that are sent.
type Mails struct {
	mu sync.Mutex
	// Sent are the mails, Through the connections they were sent through.
	Sent    []task.Mail
	Through []settings.Connection
}

// Send implements task.Mailer.
func (m *Mails) Send(_ context.Context, c settings.Connection, mail task.Mail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Sent, m.Through = append(m.Sent, mail), append(m.Through, c)
	return nil
}

// Assets keeps what the attempt says of assets.
type Assets struct{ Updates []task.AssetUpdate }

// Update implements task.Assets.
func (a *Assets) Update(u task.AssetUpdate) { a.Updates = append(a.Updates, u) }
