// Package lambdaevent is what the worker function is told and what is told of its end:
// the event that names attempts, how a list of them is shared out, and the record of an
// invocation that failed. It calls nobody.
package lambdaevent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/queue"
)

// MaxPayload is the largest payload of an asynchronous invocation, in bytes. The quota says
// 1 MB (Invoke, API reference); this is the smaller reading of it.
const MaxPayload = 1_000_000

// ErrTooLarge says that attempts do not fit into one event.
var ErrTooLarge = errors.New("too much for one invocation")

// version is that of wire.
const version = 1

// wire is the event as JSON. Fields are added only with a new version.
type wire struct {
	Version  *int              `json:"v"`
	Attempts []json.RawMessage `json:"attempts"`
}

// Encode writes the event that has a worker execute attempts. It refuses what Decode
// would refuse, and with ErrTooLarge what Lambda would.
func Encode(attempts []queue.Envelope) ([]byte, error) {
	v := version
	w := wire{Version: &v, Attempts: make([]json.RawMessage, len(attempts))}
	if len(attempts) == 0 {
		return nil, errors.New("encode an event: it names no attempt")
	}
	for i, e := range attempts {
		if e.Kind != queue.KindAttempt {
			return nil, fmt.Errorf("encode an event: %q is not the kind of an attempt", e.Kind)
		}
		b, err := queue.Encode(e)
		if err != nil {
			return nil, fmt.Errorf("encode an event: %w", err)
		}
		w.Attempts[i] = b
	}
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	if len(b) > MaxPayload {
		return nil, fmt.Errorf("encode an event: %w: %d attempts are %d bytes, of %d", ErrTooLarge, len(attempts), len(b), MaxPayload)
	}
	return b, nil
}

// Decode reads an event. Its errors say what is wrong with it; one of a newer version is
// queue.ErrVersion.
func Decode(b []byte) ([]queue.Envelope, error) {
	if len(b) > MaxPayload {
		return nil, fmt.Errorf("decode an event: %w: %d bytes, of %d", ErrTooLarge, len(b), MaxPayload)
	}
	var v struct {
		Version *int `json:"v"`
	}
	if err := json.Unmarshal(b, &v); err != nil || v.Version == nil {
		return nil, errors.New("decode an event: it is not a JSON object with a version (v)")
	}
	if *v.Version > version {
		return nil, fmt.Errorf("decode an event: %w: it has version %d, this program knows %d: update it", queue.ErrVersion, *v.Version, version)
	}
	if *v.Version != version {
		return nil, fmt.Errorf("decode an event: version %d does not exist", *v.Version)
	}
	var w wire
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return nil, fmt.Errorf("decode an event: %w", err)
	}
	if len(w.Attempts) == 0 {
		return nil, errors.New("decode an event: it names no attempt")
	}
	out := make([]queue.Envelope, len(w.Attempts))
	for i, raw := range w.Attempts {
		e, err := queue.Decode(raw)
		if err != nil {
			return nil, fmt.Errorf("decode attempt %d of an event: %w", i, err)
		}
		if e.Kind != queue.KindAttempt {
			return nil, fmt.Errorf("decode attempt %d of an event: %q is not the kind of an attempt", i, e.Kind)
		}
		out[i] = e
	}
	return out, nil
}

// WorkerName is the name of the worker that an invocation is, for its claims: it is how
// the failure of an invocation is traced to what it has claimed.
func WorkerName(function, requestID string) string { return "lambda/" + function + "/" + requestID }
