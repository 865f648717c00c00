package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// Tuple is a Python tuple: what mapping over a dict gives, and what Python tasks push.
// Operators in Go read it as a list (Get does so by itself).
type Tuple []any

// The class names of Airflow's tagged form that have a counterpart here.
const (
	classTuple    = "builtins.tuple"
	classDatetime = "datetime.datetime"
	classDelta    = "datetime.timedelta"
)

// EncodeXCom writes a value in Airflow's tagged JSON form: nil, booleans, numbers,
// texts, lists, maps by text, and Tuple, time.Time, time.Duration, json.RawMessage.
// Anything else, bytes among them, is an error.
func EncodeXCom(v any) (json.RawMessage, error) {
	if raw, ok := v.(json.RawMessage); ok {
		if len(raw) == 0 {
			return json.RawMessage("null"), nil
		}
		if !json.Valid(raw) {
			return nil, errors.New("not JSON")
		}
		return raw, nil
	}
	return appendXCom(make([]byte, 0, 64), v)
}

func appendXCom(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		return appendFloat(b, v)
	case string:
		return appendText(b, v), nil
	case json.Number:
		return append(b, v...), nil
	case json.RawMessage:
		raw, err := EncodeXCom(v)
		return append(b, raw...), err
	case []any:
		return appendList(b, v)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, s)
		}
		return append(b, ']'), nil
	case map[string]any:
		return appendMap(b, v)
	case Tuple:
		b = append(b, `{"__classname__":"`+classTuple+`","__version__":1,"__data__":`...)
		b, err := appendList(b, v)
		return append(b, '}'), err
	case time.Time:
		b = append(b, `{"__classname__":"`+classDatetime+`","__version__":2,"__data__":{"timestamp":`...)
		b, _ = appendFloat(b, float64(v.UnixMicro())/1e6)
		b = append(b, `,"tz":`...)
		b, err := appendXCom(b, Tuple{"UTC", "pendulum.tz.timezone.FixedTimezone", 1, true})
		return append(b, "}}"...), err
	case time.Duration:
		b = append(b, `{"__classname__":"`+classDelta+`","__version__":2,"__data__":`...)
		b, err := appendFloat(b, v.Seconds())
		return append(b, '}'), err
	case []byte:
		return nil, errors.New("bytes cannot be an XCom: push a text")
	default:
		return nil, fmt.Errorf("a value of type %T cannot be an XCom: push numbers, texts, lists and dicts", v)
	}
}

// appendFloat writes a float as Python does: with a point, so that it stays a float.
func appendFloat(b []byte, v float64) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, fmt.Errorf("%v cannot be an XCom: it is not in JSON", v)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(b, v, 'e', -1, 64), nil
	}
	if v == math.Trunc(v) {
		return strconv.AppendFloat(b, v, 'f', 1, 64), nil
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64), nil
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f || c == '<' || c == '>' || c == '&' {
			var w bytes.Buffer
			e := json.NewEncoder(&w)
			e.SetEscapeHTML(false)
			_ = e.Encode(s) // a string always encodes
			return append(b, bytes.TrimSuffix(w.Bytes(), []byte("\n"))...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendList(b []byte, v []any) (_ []byte, err error) {
	b = append(b, '[')
	for i, e := range v {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendXCom(b, e); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return append(b, ']'), nil
}

func appendMap(b []byte, v map[string]any) (_ []byte, err error) {
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, k), ':')
		if b, err = appendXCom(b, v[k]); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
	}
	return append(b, '}'), nil
}

// DecodeXCom is the inverse of EncodeXCom: whole numbers are int64, and float64 if
// they are too large. Tagged values without a counterpart stay as they are, maps with
// __classname__, so that they reach Python as they came.
func DecodeXCom(raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return untag(v)
}

func untag(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("number %s is too large", v)
		}
		return f, nil
	case []any:
		for i, e := range v {
			x, err := untag(e)
			if err != nil {
				return nil, err
			}
			v[i] = x
		}
		return v, nil
	case map[string]any:
		for k, e := range v {
			x, err := untag(e)
			if err != nil {
				return nil, err
			}
			v[k] = x
		}
		if class, ok := v["__classname__"].(string); ok {
			return untagged(class, v), nil
		}
		return v, nil
	default:
		return v, nil
	}
}

// untagged is the value of a tagged map, or the map itself if it is not understood.
func untagged(class string, m map[string]any) any {
	switch data := m["__data__"]; class {
	case classTuple:
		if l, ok := data.([]any); ok {
			return Tuple(l)
		}
	case classDelta:
		if s, ok := number(data); ok && math.Abs(s) < math.MaxInt64/1e9 {
			return time.Duration(math.Round(s*1e6)) * time.Microsecond
		}
	case classDatetime:
		// Only UTC: other zones keep their tag, which knows more than an offset.
		d, _ := data.(map[string]any)
		tz, _ := d["tz"].(Tuple)
		s, ok := number(d["timestamp"])
		if ok && len(tz) > 0 && tz[0] == "UTC" && math.Abs(s) < 1e12 {
			return time.UnixMicro(int64(math.Round(s * 1e6))).UTC()
		}
	}
	return m
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

// pair is one entry of a dict, in the order in which it was pushed.
type pair struct {
	key   string
	value json.RawMessage
}

// elements splits a pushed list, tuple or dict into what can be mapped over, without
// decoding it. ok is false for anything else.
func elements(raw json.RawMessage) (list []json.RawMessage, dict []pair, ok bool) {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return nil, nil, false
	}
	switch raw[0] {
	case '[':
		return list, nil, json.Unmarshal(raw, &list) == nil
	case '{':
		d := json.NewDecoder(bytes.NewReader(raw))
		if _, err := d.Token(); err != nil {
			return nil, nil, false
		}
		for d.More() {
			k, err := d.Token()
			var p pair
			p.key, ok = k.(string)
			if err != nil || !ok || d.Decode(&p.value) != nil {
				return nil, nil, false
			}
			dict = append(dict, p)
		}
		if class, data := tagOf(dict); class != "" {
			if class != classTuple {
				return nil, nil, false
			}
			return list, nil, json.Unmarshal(data, &list) == nil
		}
		return nil, dict, true
	}
	return nil, nil, false
}

func tagOf(dict []pair) (class string, data json.RawMessage) {
	for _, p := range dict {
		switch p.key {
		case "__classname__":
			_ = json.Unmarshal(p.value, &class) // anything but a text is no tag
		case "__data__":
			data = p.value
		}
	}
	return class, data
}

// PythonText is a plain value as Python's str has it; containers are JSON, which no server
// can tell from a mistake either way.
func PythonText(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case time.Time:
		if v.Nanosecond() < 1000 {
			return v.Format("2006-01-02 15:04:05-07:00")
		}
		return v.Format("2006-01-02 15:04:05.000000-07:00")
	}
	if raw, err := EncodeXCom(v); err == nil {
		return string(raw)
	}
	return fmt.Sprint(v)
}
