package sql

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/task"
)

// parameters reads the argument: a list, a dict, a text with the JSON of one, or nil.
func parameters(a *task.Attempt) (any, error) {
	switch v := a.Args["parameters"].(type) {
	case nil:
		return nil, nil // there are none
	case map[string]any:
		if len(v) == 0 {
			return nil, nil // there are none
		}
		return v, nil
	case []any:
		return listOrNone(v), nil
	case task.Tuple:
		return listOrNone(v), nil
	case string:
		var out any
		if err := json.Unmarshal([]byte(v), &out); err == nil {
			if out, err = task.DecodeXCom(json.RawMessage(v)); err == nil {
				switch out := out.(type) {
				case []any:
					return listOrNone(out), nil
				case map[string]any:
					return out, nil
				}
			}
		}
	}
	return nil, task.Misconfigured(fmt.Errorf("argument parameters is %s, not a list or a dict", show(a.Args["parameters"])))
}

func listOrNone(l []any) any {
	if len(l) == 0 {
		return nil
	}
	return l
}

// interpolate puts parameters in the places of %s and %(name)s, as the Python drivers
// of Postgres and MySQL do, on this side: the database sees literals, and may take them
// for what it likes. Without parameters a percent sign is nothing special.
func interpolate(statement string, params any, literal func(any) (string, error)) (string, error) {
	if params == nil {
		return statement, nil
	}
	list, _ := params.([]any)
	dict, _ := params.(map[string]any)
	used := 0
	var b strings.Builder
	for {
		before, after, found := strings.Cut(statement, "%")
		b.WriteString(before)
		if !found {
			break
		}
		var v any
		var ok bool
		switch {
		case strings.HasPrefix(after, "%"):
			b.WriteByte('%')
			statement = after[1:]
			continue
		case strings.HasPrefix(after, "s"):
			if dict != nil {
				return "", task.Misconfigured(fmt.Errorf("the statement has %%s but parameters is a dict: write %%(name)s"))
			}
			if used == len(list) {
				return "", task.Misconfigured(fmt.Errorf("the statement has more %%s than the %d parameters", len(list)))
			}
			v, statement = list[used], after[1:]
			used++
		case strings.HasPrefix(after, "("):
			name, rest, closed := strings.Cut(after[1:], ")s")
			if !closed || strings.ContainsAny(name, "()'\n") {
				return "", task.Misconfigured(fmt.Errorf("a %%( in the statement is no %%(name)s: write %%%% for a percent sign"))
			}
			if dict == nil {
				return "", task.Misconfigured(fmt.Errorf("the statement has %%(%s)s but parameters is a list", name))
			}
			if v, ok = dict[name]; !ok {
				return "", task.Misconfigured(fmt.Errorf("the statement has %%(%s)s but parameters has no %s", name, name))
			}
			statement = rest
		default:
			return "", task.Misconfigured(fmt.Errorf("a %% in the statement is neither %%s nor %%(name)s: write %%%% for a percent sign"))
		}
		text, err := literal(v)
		if err != nil {
			return "", task.Misconfigured(fmt.Errorf("argument parameters: %w", err))
		}
		b.WriteString(text)
	}
	if list != nil && used < len(list) {
		return "", task.Misconfigured(fmt.Errorf("the statement has %d %%s for %d parameters", used, len(list)))
	}
	return b.String(), nil
}

// plainLiteral writes what both databases write alike; ok is false for other values.
func plainLiteral(v any) (_ string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "NULL", true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return negative(strconv.Itoa(v)), true
	case int64:
		return negative(strconv.FormatInt(v, 10)), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "", false
		}
		return negative(strconv.FormatFloat(v, 'g', -1, 64)), true
	}
	if class, data := tagged(v); class == classDecimal {
		if _, isNumber := parseFloat(fmt.Sprint(data)); isNumber {
			return negative(fmt.Sprint(data)), true
		}
	}
	return "", false
}

// negative puts a blank before a minus: after another minus it would be a comment.
func negative(n string) string {
	if strings.HasPrefix(n, "-") {
		return " " + n
	}
	return n
}

// timeText is how both databases read a time: with its offset, or without.
func timeText(v any) (string, bool) {
	switch v := v.(type) {
	case time.Time:
		return v.Format("2006-01-02 15:04:05.999999-07:00"), true
	case map[string]any:
		class, data := tagged(v)
		if s, ok := data.(string); ok && class == "datetime.date" {
			return s, true
		}
	}
	return "", false
}

// postgresLiteral writes a value as psycopg does: texts have no type, lists are arrays.
func postgresLiteral(v any) (string, error) {
	if s, ok := plainLiteral(v); ok {
		return s, nil
	}
	if s, ok := timeText(v); ok {
		return "'" + s + "'", nil
	}
	switch v := v.(type) {
	case string:
		return postgresText(v)
	case float64:
		return "'" + strconv.FormatFloat(v, 'g', -1, 64) + "'::float", nil
	case []byte:
		return `'\x` + hex.EncodeToString(v) + "'::bytea", nil
	case time.Duration:
		return fmt.Sprintf("'%d microseconds'::interval", v.Microseconds()), nil
	case []any:
		if len(v) == 0 {
			return "'{}'", nil
		}
		l, err := literals(v, postgresLiteral)
		return "ARRAY[" + l + "]", err
	case task.Tuple:
		l, err := literals(v, postgresLiteral)
		return "(" + l + ")", err
	}
	return "", fmt.Errorf("%s cannot be a parameter", show(v))
}

func postgresText(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", fmt.Errorf("a text with a zero byte cannot be a parameter")
	}
	quoted := strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) { // right with standard_conforming_strings on and off
		return " E'" + strings.ReplaceAll(quoted, `\`, `\\`) + "'", nil
	}
	return "'" + quoted + "'", nil
}

// mysqlLiteral writes a value as mysqlclient does.
func mysqlLiteral(v any) (string, error) {
	if s, ok := plainLiteral(v); ok {
		return s, nil
	}
	if t, ok := v.(time.Time); ok {
		return "'" + t.Format("2006-01-02 15:04:05.999999") + "'", nil // it stores no offset
	}
	if s, ok := timeText(v); ok {
		return "'" + s + "'", nil
	}
	switch v := v.(type) {
	case string:
		if strings.ContainsAny(v, "\\\x00") { // right with NO_BACKSLASH_ESCAPES on and off
			return "_utf8mb4 0x" + hex.EncodeToString([]byte(v)), nil
		}
		return "'" + strings.ReplaceAll(v, "'", "''") + "'", nil
	case []byte:
		return "x'" + hex.EncodeToString(v) + "'", nil
	case time.Duration:
		return fmt.Sprintf("sec_to_time(%s)", strconv.FormatFloat(v.Seconds(), 'f', -1, 64)), nil
	case []any:
		l, err := literals(v, mysqlLiteral)
		return "(" + l + ")", err
	case task.Tuple:
		l, err := literals(v, mysqlLiteral)
		return "(" + l + ")", err
	}
	return "", fmt.Errorf("%s cannot be a parameter", show(v))
}

func literals(l []any, literal func(any) (string, error)) (string, error) {
	parts := make([]string, len(l))
	for i, e := range l {
		s, err := literal(e)
		if err != nil {
			return "", err
		}
		parts[i] = s
	}
	return strings.Join(parts, ", "), nil
}
