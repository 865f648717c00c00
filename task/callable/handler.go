package callable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

var (
	errNoXComs    = errors.New("XComs are not available here")
	errNoSettings = errors.New("connections and variables are not available here")
	// errNoTemplates is for calls that belong to no attempt.
	errNoTemplates = errors.New("templates are not rendered here")
)

// handler answers a callable's questions with its attempt's services.
type handler struct {
	a   *task.Attempt
	cfg *Config
}

// XComPush implements python.Handler.
func (h handler) XComPush(ctx context.Context, key string, value json.RawMessage) error {
	if h.a.XComs == nil {
		return errNoXComs
	}
	return h.a.XComs.Push(ctx, key, value)
}

// XComPull implements python.Handler.
func (h handler) XComPull(ctx context.Context, q python.XComQuery) ([]python.XCom, error) {
	if h.a.XComs == nil {
		return nil, errNoXComs
	}
	found, err := h.a.XComs.Pull(ctx, task.Pull{
		Tasks: q.TaskIDs, Name: q.Key, Maps: q.MapIndexes, DAG: q.DAGID, Run: q.RunID, PriorDates: q.IncludePriorDates,
	})
	if err != nil {
		return nil, err
	}
	out := make([]python.XCom, len(found))
	for i, x := range found {
		out[i] = python.XCom{TaskID: x.Key.Task, MapIndex: x.Key.Map, Value: x.Value}
	}
	return out, nil
}

// Render implements python.Templater.
func (h handler) Render(ctx context.Context, value json.RawMessage) (json.RawMessage, error) {
	if h.a.Templates == nil {
		return nil, errNoTemplates
	}
	v, err := task.DecodeXCom(value)
	if err != nil {
		return nil, err
	}
	v, err = h.a.Templates.Render(ctx, v)
	if err != nil {
		return nil, Known(err)
	}
	return task.EncodeXCom(v)
}

// Variable implements python.Handler.
func (h handler) Variable(ctx context.Context, key string) (string, error) {
	if h.a.Settings == nil {
		return "", errNoSettings
	}
	text, err := h.a.Settings.Variable(ctx, key)
	return text, Known(err)
}

// SetVariable implements python.Handler.
func (h handler) SetVariable(ctx context.Context, key, value, description string) error {
	if h.a.Settings == nil {
		return errNoSettings
	}
	return Known(h.a.Settings.SetVariable(ctx, settings.Variable{Key: key, Value: value, Description: description}))
}

// DeleteVariable implements python.Handler.
func (h handler) DeleteVariable(ctx context.Context, key string) error {
	if h.a.Settings == nil {
		return errNoSettings
	}
	return Known(h.a.Settings.DeleteVariable(ctx, key))
}

// Connection implements python.Handler.
func (h handler) Connection(ctx context.Context, id string) (python.Connection, error) {
	if h.a.Settings == nil {
		return python.Connection{}, errNoSettings
	}
	c, err := h.a.Settings.Connection(ctx, id)
	if err != nil {
		return python.Connection{}, Known(err)
	}
	return Connection(id, &c), nil
}

// Connection is a connection as callables and DAG files in Python see it.
func Connection(id string, c *settings.Connection) python.Connection {
	return python.Connection{
		ID: id, Type: c.Type, Description: c.Description, Host: c.Host, Login: c.Login, Password: c.Password,
		Schema: c.Schema, Port: c.Port, Extra: c.ExtraText(),
	}
}

// Known marks a store's "not found" as package python's, and what a DAG may not use; it
// returns other errors, and nil, as they are.
func Known(err error) error {
	var denied *settings.DeniedError
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w (%w)", err, python.ErrNotFound)
	case errors.As(err, &denied):
		return &python.DeniedError{Err: err}
	}
	return err
}
