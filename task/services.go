package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// settingsOf reads connections and variables for an attempt, as its DAG may, and has their
// secrets masked in its log.
type settingsOf struct{ x *execution }

var errNoSettings = errors.New("connections and variables are not available here")

func (s settingsOf) reader() (settings.Reader, error) {
	reg := s.x.r.cfg.Settings
	if reg == nil {
		return settings.Reader{}, errNoSettings
	}
	return reg.For(s.x.w.Run.DAG), nil
}

// audited has the log tell of what was refused, whatever the operator makes of the error.
func (s settingsOf) audited(err error) error {
	var denied *settings.DeniedError
	if errors.As(err, &denied) {
		s.x.say(slog.LevelError, "Refused: %v", denied)
	}
	return err
}

// Connection implements Settings.
func (s settingsOf) Connection(ctx context.Context, id string) (settings.Connection, error) {
	r, err := s.reader()
	if err != nil {
		return settings.Connection{}, err
	}
	c, err := r.Connection(ctx, id)
	if err == nil {
		s.x.log.Redact(c.Secrets()...)
	}
	return c, s.audited(err)
}

// Variable implements Settings.
func (s settingsOf) Variable(ctx context.Context, key string) (string, error) {
	r, err := s.reader()
	if err != nil {
		return "", err
	}
	v, err := r.Variable(ctx, key)
	if err == nil {
		s.x.log.Redact(v.Secrets()...)
	}
	return v.Value, s.audited(err)
}

// SetVariable implements Settings.
func (s settingsOf) SetVariable(ctx context.Context, v settings.Variable) error {
	r, err := s.reader()
	if err != nil {
		return err
	}
	s.x.log.Redact(v.Secrets()...)
	return s.audited(r.PutVariable(ctx, v))
}

// DeleteVariable implements Settings.
func (s settingsOf) DeleteVariable(ctx context.Context, key string) error {
	r, err := s.reader()
	if err != nil {
		return err
	}
	return s.audited(r.DeleteVariable(ctx, key))
}

// runsOf looks at runs for an attempt.
type runsOf struct{ x *execution }

var errNoRuns = errors.New("runs are not available here")

func (r runsOf) store() (Store, error) {
	if s := r.x.r.cfg.Store; s != nil {
		return s, nil
	}
	return nil, errNoRuns
}

// Find implements Runs.
func (r runsOf) Find(ctx context.Context, id run.ID) (run.Run, error) {
	s, err := r.store()
	if err != nil {
		return run.Run{}, err
	}
	// No task has an empty id: only the run is read.
	data, err := s.Run(ctx, id, "")
	if err != nil {
		return run.Run{}, fmt.Errorf("run %s: %w", id, err)
	}
	return data.Run, nil
}

// FindByDate implements Runs. The ids that the date would give are tried first;
// otherwise the DAG's runs are looked through, newest first.
func (r runsOf) FindByDate(ctx context.Context, dagID string, logical time.Time) (run.Run, error) {
	s, err := r.store()
	if err != nil {
		return run.Run{}, err
	}
	is := func(found *run.Run) bool { return found.LogicalDate != nil && found.LogicalDate.Equal(logical) }
	for _, kind := range []run.Type{run.TypeScheduled, run.TypeManual} {
		found, err := r.Find(ctx, run.ID{DAG: dagID, Run: string(kind) + "__" + isoTime(logical)})
		if err == nil && is(&found) {
			return found, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return run.Run{}, err
		}
	}
	filter := store.RunFilter{DAG: dagID, LogicalBefore: logical.Add(time.Microsecond)}
	for page := (store.Page{}); ; {
		list, err := s.ListRuns(ctx, filter, page)
		if err != nil {
			return run.Run{}, fmt.Errorf("looking for the run of %s at %s: %w", dagID, isoTime(logical), err)
		}
		for i := range list.Items {
			if is(&list.Items[i]) {
				return list.Items[i], nil
			}
		}
		if page.Token = list.Next; page.Token == "" {
			return run.Run{}, fmt.Errorf("run of %s at %s: %w", dagID, isoTime(logical), store.ErrNotFound)
		}
	}
}

// Instances implements Runs.
func (r runsOf) Instances(ctx context.Context, id run.ID, tasks ...string) ([]run.Instance, error) {
	s, err := r.store()
	if err != nil {
		return nil, err
	}
	data, err := s.Run(ctx, id, tasks...)
	if err != nil {
		return nil, fmt.Errorf("tasks of run %s: %w", id, err)
	}
	return data.Instances, nil
}

// DAG implements Runs.
func (r runsOf) DAG(ctx context.Context, id string) (*dag.DAG, error) {
	s, err := r.store()
	if err != nil {
		return nil, err
	}
	d, err := s.DAG(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("DAG %s: %w", id, err)
	}
	return dag.Decode(d.Body)
}

// Paused says whether a DAG is paused, for TriggerDagRunOperator.
func (r runsOf) Paused(ctx context.Context, id string) (bool, error) {
	s, err := r.store()
	if err != nil {
		return false, err
	}
	d, err := s.DAG(ctx, id)
	if err != nil {
		return false, fmt.Errorf("DAG %s: %w", id, err)
	}
	return d.State.Paused, nil
}

// Trigger implements Runs.
func (r runsOf) Trigger(ctx context.Context, t Trigger) (run.Run, error) {
	if r.x.r.cfg.Trigger == nil {
		return run.Run{}, errors.New("runs cannot be triggered from here")
	}
	return r.x.r.cfg.Trigger(ctx, t)
}
