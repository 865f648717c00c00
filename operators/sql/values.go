package sql

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/task"
)

// tag is Airflow's form of a Python value that JSON lacks.
func tag(class string, version int, data any) map[string]any {
	return map[string]any{"__classname__": class, "__version__": version, "__data__": data}
}

const classDecimal = "decimal.Decimal"

// decimal is a Python Decimal: its number if it is written without a fraction.
func decimal(text string) any {
	if n, ok := new(big.Int).SetString(text, 10); ok {
		return tag(classDecimal, 1, json.Number(n.String()))
	}
	return tag(classDecimal, 1, text)
}

// date is a Python date from its ISO form.
func date(text string) any {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return text // infinity, years Python does not have, MySQL's 0000-00-00
	}
	return tag("datetime.date", 2, text)
}

// naive is a Python datetime without a zone. As with Airflow, whose machines run in
// UTC, its timestamp is that of the same time in UTC.
func naive(text string) any {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		return text
	}
	return tag("datetime.datetime", 2, map[string]any{"timestamp": timestamp(t), "tz": nil})
}

// aware is a Python datetime with an offset.
func aware(t time.Time) any {
	_, offset := t.Zone()
	if offset == 0 {
		return t.UTC()
	}
	zone := tag("builtins.tuple", 1, []any{int64(offset), "pendulum.tz.timezone.FixedTimezone", int64(1), true})
	return tag("datetime.datetime", 2, map[string]any{"timestamp": timestamp(t), "tz": zone})
}

func timestamp(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// tagged is the class and data of a tagged value.
func tagged(v any) (class string, data any) {
	m, ok := v.(map[string]any)
	if !ok {
		return "", nil
	}
	class, _ = m["__classname__"].(string)
	return class, m["__data__"]
}

// number is float(v) in Python for a number; ok is false for anything else.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	if class, data := tagged(v); class == classDecimal {
		return parseFloat(fmt.Sprint(data))
	}
	return 0, false
}

// toFloat is float(v) for numbers and texts.
func toFloat(v any) (float64, bool) {
	if s, ok := v.(string); ok {
		return parseFloat(s)
	}
	return number(v)
}

func parseFloat(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if strings.ContainsAny(s, "xXpP") { // Go's hexadecimal floats are none in Python
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// truth is bool(v) in Python.
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []byte:
		return len(v) > 0
	case []any:
		return len(v) > 0
	case task.Tuple:
		return len(v) > 0
	case time.Duration:
		return v != 0
	}
	if n, ok := number(v); ok {
		return n != 0
	}
	if class, _ := tagged(v); class == "" {
		if m, ok := v.(map[string]any); ok {
			return len(m) > 0
		}
	}
	return true
}

// show writes a value for people, nearly as Python prints it.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return "'" + strings.ReplaceAll(v, "'", `\'`) + "'"
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	case time.Time:
		return v.Format("2006-01-02 15:04:05.999999-07:00")
	case task.Tuple:
		if len(v) == 1 {
			return "(" + show(v[0]) + ",)"
		}
		return "(" + showAll(v) + ")"
	case []any:
		return "[" + showAll(v) + "]"
	}
	if class, data := tagged(v); class == classDecimal || class == "datetime.date" {
		return fmt.Sprint(data)
	}
	raw, err := task.EncodeXCom(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func showAll(l []any) string {
	parts := make([]string, len(l))
	for i, e := range l {
		parts[i] = show(e)
	}
	return strings.Join(parts, ", ")
}

// text is str(v) in Python.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return show(v)
}
