package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/run"
)

// Kind says what a message asks for.
type Kind string

// The kinds of messages.
const (
	// KindAttempt asks for an attempt to be executed.
	KindAttempt Kind = "attempt"
	// KindCancel asks for an attempt to be stopped.
	KindCancel Kind = "cancel"
	// KindPlan asks for a run to be planned again, or, if it names none, for all that
	// may be due. It is only a hint.
	KindPlan Kind = "plan"
)

// Envelope is what a message says. What it is about is in the store: an envelope that
// comes twice, late or never does no harm.
type Envelope struct {
	Kind Kind
	// Attempt names the attempt; KindPlan uses only its run.
	Attempt run.Attempt
	// Token fences the attempt's claim; KindPlan has none, and KindAttempt none if
	// its receiver makes the claim.
	Token string
	// Data is JSON that belongs to the kind; nil if there is none.
	Data json.RawMessage
}

// ErrVersion says that a message was written by a newer program. It is not junk: a
// newer receiver will understand it.
var ErrVersion = errors.New("unknown version of a message")

// version is that of wire.
const version = 1

// wire is an envelope as JSON. Fields are added only with a new version, so that a
// receiver never ignores what it should have obeyed.
type wire struct {
	Version *int            `json:"v"`
	Kind    Kind            `json:"kind"`
	DAG     string          `json:"dag"`
	Run     string          `json:"run"`
	Task    string          `json:"task,omitempty"`
	Map     *int            `json:"map,omitempty"`
	Try     int             `json:"try,omitempty"`
	Token   string          `json:"token,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Encode writes an envelope. It refuses what Decode would refuse.
func Encode(e Envelope) ([]byte, error) {
	v := version
	w := wire{Version: &v, Kind: e.Kind, DAG: e.Attempt.DAG, Run: e.Attempt.Run, Token: e.Token, Data: e.Data}
	if e.Kind != KindPlan {
		w.Task, w.Map, w.Try = e.Attempt.Task, &e.Attempt.Map, e.Attempt.Try
	}
	for _, s := range []string{w.DAG, w.Run, w.Task, w.Token} {
		if !utf8.ValidString(s) {
			return nil, fmt.Errorf("encode a message: %q is not UTF-8", s)
		}
	}
	if err := w.validate(); err != nil {
		return nil, fmt.Errorf("encode a message: %w", err)
	}
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode a message: %w", err)
	}
	return b, nil
}

// Decode reads an envelope. Its errors say what is wrong with it; one of a newer
// version is ErrVersion.
func Decode(b []byte) (Envelope, error) {
	var v struct {
		Version *int `json:"v"`
	}
	if !json.Valid(b) || !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) {
		return Envelope{}, errors.New("decode a message: it is not a JSON object")
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return Envelope{}, errors.New("decode a message: its version (v) is not a whole number")
	}
	if v.Version == nil {
		return Envelope{}, errors.New("decode a message: it has no version (v)")
	}
	if *v.Version > version {
		return Envelope{}, fmt.Errorf("decode a message: %w: it has version %d, this program knows %d: update it", ErrVersion, *v.Version, version)
	}
	if *v.Version != version {
		return Envelope{}, fmt.Errorf("decode a message: version %d does not exist", *v.Version)
	}
	var w wire
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return Envelope{}, fmt.Errorf("decode a message: %w", err)
	}
	if err := w.validate(); err != nil {
		return Envelope{}, fmt.Errorf("decode a message: %w", err)
	}
	e := Envelope{Kind: w.Kind, Token: w.Token, Data: w.Data}
	e.Attempt.ID = run.ID{DAG: w.DAG, Run: w.Run}
	e.Attempt.Task, e.Attempt.Try = w.Task, w.Try
	if e.Attempt.Map = run.Unmapped; w.Map != nil {
		e.Attempt.Map = *w.Map
	}
	return e, nil
}

func (w *wire) validate() error {
	if w.Kind == KindPlan && w.DAG == "" && w.Run == "" && w.Task == "" && w.Map == nil && w.Try == 0 && w.Token == "" {
		if w.Data != nil && !json.Valid(w.Data) {
			return errors.New("its data is not JSON")
		}
		return nil
	}
	if w.DAG == "" {
		return errors.New("it names no DAG")
	}
	if w.Run == "" {
		return errors.New("it names no run")
	}
	if w.Data != nil && !json.Valid(w.Data) {
		return errors.New("its data is not JSON")
	}
	switch w.Kind {
	case KindPlan:
		if w.Task != "" || w.Map != nil || w.Try != 0 || w.Token != "" {
			return fmt.Errorf("a %s message is about a run, and names a task or a token", w.Kind)
		}
		return nil
	case KindAttempt, KindCancel:
	case "":
		return errors.New("it has no kind")
	default:
		return fmt.Errorf("kind %q is not known", w.Kind)
	}
	switch {
	case w.Task == "":
		return errors.New("it names no task")
	case w.Map == nil:
		return errors.New("it has no map index (map)")
	case *w.Map < run.Unmapped:
		return fmt.Errorf("map index %d is below %d", *w.Map, run.Unmapped)
	case w.Try < 1:
		return fmt.Errorf("try %d is below 1", w.Try)
	}
	return nil
}
