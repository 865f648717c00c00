package dag

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Encode returns the DAG as stable JSON and the version that names its content:
// equal DAGs have equal versions, wherever they were read.
func Encode(d *DAG) (body []byte, version string, err error) {
	if body, err = json.Marshal(d); err != nil {
		return nil, "", fmt.Errorf("encode DAG %s: %w", d.ID, err)
	}
	sum := sha256.Sum256(body)
	return body, hex.EncodeToString(sum[:16]), nil
}

// Decode reads what Encode wrote. Unknown fields are an error: they were written by
// a newer release, and dropping them would change the DAG in silence.
func Decode(body []byte) (*DAG, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	d := new(DAG)
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("decode DAG: %w", err)
	}
	return d, nil
}

// Values are an author's named values (see XComRef and the other types of value.go
// for what they may contain), with a JSON form that loses nothing.
type Values map[string]any

// MarshalJSON implements json.Marshaler.
func (v Values) MarshalJSON() ([]byte, error) {
	m, err := encodeMap(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Values) UnmarshalJSON(b []byte) error {
	x, err := unmarshalValue(b)
	if err != nil {
		return err
	}
	m, _ := x.(map[string]any)
	*v = m
	return nil
}

func unmarshalValue(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var raw any
	if err := dec.Decode(&raw); err != nil {
		return nil, err
	}
	return DecodeValue(raw)
}

// MarshalJSON implements json.Marshaler.
func (a MappedArg) MarshalJSON() ([]byte, error) {
	type plain MappedArg
	p := plain(a)
	var err error
	if p.Literal, err = EncodeValue(a.Literal); err != nil {
		return nil, fmt.Errorf("mapped argument %s: %w", a.Name, err)
	}
	return json.Marshal(p)
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *MappedArg) UnmarshalJSON(b []byte) error {
	type plain MappedArg
	aux := struct {
		*plain
		Literal json.RawMessage `json:"literal"`
	}{plain: (*plain)(a)}
	if err := json.Unmarshal(b, &aux); err != nil || aux.Literal == nil {
		return err
	}
	var err error
	a.Literal, err = unmarshalValue(aux.Literal)
	return err
}

// MarshalJSON implements json.Marshaler.
func (p Param) MarshalJSON() ([]byte, error) {
	type plain Param
	q := plain(p)
	var err error
	if q.Default, err = EncodeValue(p.Default); err != nil {
		return nil, fmt.Errorf("param %s: %w", p.Name, err)
	}
	return json.Marshal(q)
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Param) UnmarshalJSON(b []byte) error {
	type plain Param
	aux := struct {
		*plain
		Default json.RawMessage `json:"default"`
	}{plain: (*plain)(p)}
	if err := json.Unmarshal(b, &aux); err != nil || aux.Default == nil {
		return err
	}
	var err error
	p.Default, err = unmarshalValue(aux.Default)
	return err
}
