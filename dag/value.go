package dag

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// Operator arguments are JSON-like values (nil, bool, int64, float64, string,
// []any, map[string]any) that may contain the types of this file, wherever an
// author can write them: XComRef, Derived, GroupArg, Callable, Object, time.Time, time.Duration.
// EncodeValue and DecodeValue carry them through JSON without loss.

// XComRef stands for the XCom that a task pushes: `other.output` in a DAG file.
type XComRef struct {
	Task string
	// Key is the XCom key; empty means return_value.
	Key string
}

// GroupArg stands for what a mapped group is mapped over, in the arguments of its
// tasks: the element of this name at the task's map index.
type GroupArg struct{ Name string }

// Object is a Python object that a DAG file builds with __type__ and that has no
// Go counterpart; operators that know the class read it, others refuse it.
type Object struct {
	Class  string
	Args   []any
	Kwargs map[string]any
}

const typeTag = "__type"

// EncodeValue returns v with the types above replaced by tagged maps, ready for
// json.Marshal. Unknown Go types are an error naming the type.
func EncodeValue(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int64:
		return v, nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) { // JSON has no such numbers
			return map[string]any{typeTag: "float", "value": strconv.FormatFloat(v, 'g', -1, 64)}, nil
		}
		if v == math.Trunc(v) && math.Abs(v) < 1e15 { // 2.0 must not come back as 2
			return json.Number(strconv.FormatFloat(v, 'f', 1, 64)), nil
		}
		return v, nil
	case int:
		return int64(v), nil
	case json.Number:
		return v, nil
	case time.Duration:
		return map[string]any{typeTag: "timedelta", "microseconds": v.Microseconds()}, nil
	case time.Time:
		return map[string]any{typeTag: "datetime", "value": v.Format(time.RFC3339Nano), "zone": v.Location().String()}, nil
	case XComRef:
		return map[string]any{typeTag: "xcom", "task": v.Task, "key": v.Key}, nil
	case Derived:
		return v.tagged()
	case GroupArg:
		return map[string]any{typeTag: "group_arg", "name": v.Name}, nil
	case Callable:
		return v.tagged(), nil
	case Object:
		args, err := EncodeValue(v.Args)
		if err != nil {
			return nil, err
		}
		kwargs, err := encodeMap(v.Kwargs)
		return map[string]any{typeTag: "object", "class": v.Class, "args": args, "kwargs": kwargs}, err
	case []any:
		return encodeList(v)
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out, nil
	case map[string]any:
		if _, tagged := v[typeTag]; tagged {
			m, err := encodeMap(v)
			return map[string]any{typeTag: "dict", "items": m}, err
		}
		return encodeMap(v)
	default:
		return nil, fmt.Errorf("value of Go type %T cannot be part of a DAG", v)
	}
}

func encodeList(v []any) (any, error) {
	out := make([]any, len(v))
	for i, e := range v {
		x, err := EncodeValue(e)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		out[i] = x
	}
	return out, nil
}

func encodeMap(v map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(v))
	for _, k := range slices.Sorted(maps.Keys(v)) {
		x, err := EncodeValue(v[k])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = x
	}
	return out, nil
}

// DecodeValue is the inverse of EncodeValue, for a value read by encoding/json
// with UseNumber.
func DecodeValue(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i, nil
		}
		return v.Float64()
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			x, err := DecodeValue(e)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	case map[string]any:
		if tag, ok := v[typeTag].(string); ok {
			return decodeTagged(tag, v)
		}
		return decodeMap(v)
	default:
		return v, nil
	}
}

func decodeMap(v map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(v))
	for k, e := range v {
		x, err := DecodeValue(e)
		if err != nil {
			return nil, err
		}
		out[k] = x
	}
	return out, nil
}

func decodeTagged(tag string, v map[string]any) (any, error) {
	str := func(k string) string { s, _ := v[k].(string); return s }
	switch tag {
	case "timedelta":
		n, _ := v["microseconds"].(json.Number)
		us, err := n.Int64()
		if err != nil {
			return nil, fmt.Errorf("timedelta: %w", err)
		}
		return time.Duration(us) * time.Microsecond, nil
	case "datetime":
		t, err := time.Parse(time.RFC3339Nano, str("value"))
		if err != nil {
			return nil, err
		}
		if loc, err := LoadLocation(str("zone")); err == nil {
			t = t.In(loc)
		}
		return t, nil
	case "float":
		return strconv.ParseFloat(str("value"), 64)
	case "xcom":
		return XComRef{Task: str("task"), Key: str("key")}, nil
	case "derived":
		return decodeDerived(v)
	case "group_arg":
		return GroupArg{Name: str("name")}, nil
	case "callable":
		return Callable{Path: str("path"), File: str("file"), Name: str("name"), Lambda: str("lambda"), DAG: str("dag"), Task: str("task")}, nil
	case "object":
		args, err := DecodeValue(v["args"])
		if err != nil {
			return nil, err
		}
		kw, _ := v["kwargs"].(map[string]any)
		kwargs, err := decodeMap(kw)
		list, _ := args.([]any)
		return Object{Class: str("class"), Args: list, Kwargs: kwargs}, err
	case "dict":
		m, _ := v["items"].(map[string]any)
		return decodeMap(m)
	default:
		return nil, fmt.Errorf("unknown value tag %q", tag)
	}
}
