package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Format is the format of an exported file.
type Format string

// The formats of exported files. FormatEnv writes connections as URIs, FormatEnvJSON
// as JSON objects.
const (
	FormatJSON    Format = "json"
	FormatYAML    Format = "yaml"
	FormatEnv     Format = "env"
	FormatEnvJSON Format = "env+json"
)

// EncodeConnections writes connections as Airflow's export does: passwords in clear. Those
// that are limited have dags besides; FormatEnv cannot hold them.
func EncodeConnections(list []Connection, f Format) ([]byte, error) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Connection) int { return strings.Compare(a.ID, b.ID) })
	if f == FormatEnv || f == FormatEnvJSON {
		var b bytes.Buffer
		for _, c := range list {
			text := c.URI()
			if f == FormatEnvJSON {
				text = c.JSON()
			} else if c.DAGs.Limited() {
				return nil, fmt.Errorf("connection %s is limited to DAGs, which a URI cannot hold: export as JSON, or with --format env+json", c.ID)
			}
			fmt.Fprintf(&b, "%s=%s\n", c.ID, text)
		}
		return b.Bytes(), nil
	}
	m := make(map[string]any, len(list))
	for _, c := range list {
		m[c.ID] = c.fields()
	}
	return encodeEntries(m, f)
}

// EncodeVariables writes variables as Airflow's export does: a value that is JSON as
// that value, one with a description or a limit as value, description and dags.
// FormatEnv cannot hold a limit.
func EncodeVariables(list []Variable, f Format) ([]byte, error) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Variable) int { return strings.Compare(a.Key, b.Key) })
	if f == FormatEnv || f == FormatEnvJSON {
		var b bytes.Buffer
		for _, v := range list {
			if v.DAGs.Limited() {
				return nil, fmt.Errorf("variable %s is limited to DAGs, which a .env file cannot hold: export as JSON", v.Key)
			}
			if strings.ContainsAny(v.Value, "\r\n") {
				return nil, fmt.Errorf("variable %s has several lines, which a .env file cannot hold: export as JSON", v.Key)
			}
			fmt.Fprintf(&b, "%s=%s\n", v.Key, v.Value)
		}
		return b.Bytes(), nil
	}
	m := make(map[string]any, len(list))
	for _, v := range list {
		value := parsedValue(v.Value)
		if v.Description != "" || v.DAGs.Limited() {
			value = described(v, value)
		} else if o, ok := value.(map[string]any); ok && describes(o) {
			// Its own shape would be read as a description.
			value = v.Value
		}
		m[v.Key] = value
	}
	return encodeEntries(m, f)
}

// described is the value of a variable with its description and its limit.
func described(v Variable, value any) map[string]any {
	m := map[string]any{"value": value}
	if v.Description != "" {
		m["description"] = v.Description
	}
	if v.DAGs.Limited() { // Airflow knows no such field
		m["dags"] = []string(v.DAGs)
	}
	return m
}

// parsedValue is a text's JSON value if writing that gives the same text again.
func parsedValue(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return text
	}
	if _, isText := v.(string); isText {
		return text
	}
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(text)) != nil {
		return text
	}
	if again, err := marshal(v); err != nil || !bytes.Equal(again, compact.Bytes()) {
		return text
	}
	return v
}

// EncodePools writes pools as Airflow's export does.
func EncodePools(list []Pool, f Format) ([]byte, error) {
	m := make(map[string]any, len(list))
	for _, p := range list {
		m[p.Name] = map[string]any{"slots": p.Slots, "description": p.Description, "include_deferred": p.IncludeDeferred}
	}
	return encodeEntries(m, f)
}

func encodeEntries(m map[string]any, f Format) ([]byte, error) {
	switch f {
	case FormatJSON:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "    ")
		err := e.Encode(m)
		return b.Bytes(), err
	case FormatYAML:
		return yaml.Marshal(plainNumbers(m))
	default:
		return nil, fmt.Errorf("unknown format %q: use json, yaml or env", f)
	}
}

// plainNumbers replaces json.Number, which the YAML library would write as a text.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		n, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return n
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plainNumbers(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plainNumbers(e)
		}
		return out
	default:
		return v
	}
}
