package operatortest

import (
	"context"
	"encoding/json"

	"github.com/updraft-dev/updraft/task"
)

// Python gives the same answer to every call, and keeps what it was asked.
type Python struct {
	Calls []task.PythonCall
	// Value is what Call returns, and Check when Done.
	Value json.RawMessage
	Done  bool
	Err   error
}

// Call implements task.Python.
func (p *Python) Call(_ context.Context, _ *task.Attempt, c task.PythonCall) (json.RawMessage, error) {
	p.Calls = append(p.Calls, c)
	return p.Value, p.Err
}

// Check implements task.Python.
func (p *Python) Check(_ context.Context, _ *task.Attempt, c task.PythonCall) (bool, json.RawMessage, error) {
	p.Calls = append(p.Calls, c)
	if !p.Done {
		return false, nil, p.Err
	}
	return true, p.Value, p.Err
}
