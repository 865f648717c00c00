package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// Secrets are connections and variables that were read from files.
type Secrets struct {
	// ConnectionsFrom and VariablesFrom name the files, for messages.
	ConnectionsFrom, VariablesFrom string
	Connections                    map[string]Connection
	Variables                      map[string]Variable
}

// ReadSecrets reads the files of Airflow's local filesystem backend: JSON, YAML or
// .env, by their endings. An empty path is no file.
func ReadSecrets(connections, variables string) (*Secrets, error) {
	s := &Secrets{ConnectionsFrom: connections, VariablesFrom: variables}
	if connections != "" {
		body, err := os.ReadFile(connections)
		if err != nil {
			return nil, fmt.Errorf("reading connections: %w", err)
		}
		if s.Connections, err = DecodeConnections(connections, body); err != nil {
			return nil, err
		}
	}
	if variables != "" {
		body, err := os.ReadFile(variables)
		if err != nil {
			return nil, fmt.Errorf("reading variables: %w", err)
		}
		if s.Variables, err = DecodeVariables(variables, body); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// DecodeConnections reads connections by id from the text of a file; its name says the
// format. Each is a URI, an object of fields, or a list of one of those.
func DecodeConnections(name string, body []byte) (map[string]Connection, error) {
	entries, err := decodeEntries(name, body)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Connection, len(entries))
	for id, v := range entries {
		v, err := single("connection", id, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		var c Connection
		switch v := v.(type) {
		case string:
			c, err = ParseConnection(id, v)
		case map[string]any:
			c, err = connectionFromMap(id, v)
		default:
			err = fmt.Errorf("connection %s: a URI or an object of fields is expected, not %s", id, kindOf(v))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[id] = c
	}
	return out, nil
}

// DecodeVariables reads variables by key from the text of a file; its name says the
// format. A value that is no text becomes its JSON; an object with only value and
// description, dags, or both, is a variable with these.
func DecodeVariables(name string, body []byte) (map[string]Variable, error) {
	entries, err := decodeEntries(name, body)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Variable, len(entries))
	for k, v := range entries {
		vr := Variable{Key: k}
		if l, ok := v.(envLines); ok {
			if v, err = single("variable", k, l); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if m, ok := v.(map[string]any); ok && describes(m) {
			vr.Description, _ = m["description"].(string)
			if vr.DAGs, err = dagsValue(m["dags"]); err != nil {
				return nil, fmt.Errorf("%s: variable %s: %w", name, k, err)
			}
			v = m["value"]
		}
		if vr.Value, err = variableText(v); err != nil {
			return nil, fmt.Errorf("%s: variable %s: %w", name, k, err)
		}
		out[k] = vr
	}
	return out, nil
}

// describes says that an exported variable comes as value and description, as Airflow's, or
// as value and dags, with a description or without.
func describes(m map[string]any) bool {
	_, value := m["value"]
	n := 1
	for _, k := range []string{"description", "dags"} {
		if _, ok := m[k]; ok {
			n++
		}
	}
	return value && n > 1 && len(m) == n
}

func variableText(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	raw, err := marshal(v)
	if err != nil {
		return "", fmt.Errorf("not a JSON value: %w", err)
	}
	return string(raw), nil
}

// marshal is json.Marshal without escaping <, > and &.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// DecodePools reads pools as Airflow exports them: an object of name to slots,
// description and include_deferred.
func DecodePools(name string, body []byte) (map[string]Pool, error) {
	entries, err := decodeEntries(name, body)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Pool, len(entries))
	for id, v := range entries {
		p := Pool{Name: id}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: pool %s: an object with slots is expected, not %s", name, id, kindOf(v))
		}
		raw, err := marshal(m)
		if err == nil {
			d := json.NewDecoder(bytes.NewReader(raw))
			d.DisallowUnknownFields()
			err = d.Decode(&p)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: pool %s: use slots (a number), description and include_deferred: %w", name, id, err)
		}
		if _, given := m["slots"]; !given {
			return nil, fmt.Errorf("%s: pool %s has no slots", name, id)
		}
		p.Name = id
		if err := p.Validate(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[id] = p
	}
	return out, nil
}

// envLines are the values of one name in a .env file.
type envLines []string

// single takes a list of one for its element.
func single(what, id string, v any) (any, error) {
	switch l := v.(type) {
	case envLines:
		if len(l) != 1 {
			return nil, fmt.Errorf("%s %s is there %d times: keep one", what, id, len(l))
		}
		return l[0], nil
	case []any:
		if len(l) != 1 {
			return nil, fmt.Errorf("%s %s has %d values: keep one", what, id, len(l))
		}
		return l[0], nil
	}
	return v, nil
}

func decodeEntries(name string, body []byte) (map[string]any, error) {
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".json":
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var m map[string]any
		if len(bytes.TrimSpace(body)) == 0 {
			return m, nil
		}
		if err := d.Decode(&m); err != nil {
			return nil, fmt.Errorf("%s: not a JSON object (near byte %d)", name, d.InputOffset())
		}
		return m, nil
	case ".yaml", ".yml":
		var m map[string]any
		if err := yaml.Unmarshal(body, &m); err != nil {
			// The library's message holds an excerpt of the file, and so perhaps a password.
			return nil, fmt.Errorf("%s: not a YAML map%s", name, yamlPlace(err))
		}
		return m, nil
	case ".env":
		return decodeEnv(name, body)
	default:
		return nil, fmt.Errorf("%s: unknown ending %q: use .json, .yaml, .yml or .env", name, ext)
	}
}

// yamlPlace takes the position out of the library's message.
func yamlPlace(err error) string {
	first, _, _ := strings.Cut(err.Error(), "]")
	if place, ok := strings.CutPrefix(first, "["); ok && !strings.ContainsAny(place, "\n ") {
		return " (at line:column " + place + ")"
	}
	return ""
}

func decodeEnv(name string, body []byte) (map[string]any, error) {
	out := map[string]any{}
	for i, line := range strings.Split(string(body), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		k, v, found := strings.Cut(line, "=")
		if k = strings.TrimSpace(k); !found || k == "" {
			return nil, fmt.Errorf("%s, line %d: write NAME=value", name, i+1)
		}
		have, _ := out[k].(envLines)
		out[k] = append(have, strings.TrimSpace(v))
	}
	return out, nil
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a text"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	default:
		return "a number"
	}
}
