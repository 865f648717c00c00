package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Connection is an Airflow connection.
type Connection struct {
	ID          string `json:"conn_id"`
	Type        string `json:"conn_type"`
	Description string `json:"description,omitempty"`
	Host        string `json:"host,omitempty"`
	Login       string `json:"login,omitempty"`
	Password    string `json:"password,omitempty"`
	Schema      string `json:"schema,omitempty"`
	// Port is 0 when there is none.
	Port int `json:"port,omitempty"`
	// Extra is a JSON object or any other JSON value; a JSON string stands for text
	// that is no JSON. Nil when there is none. See ExtraText and ExtraMap.
	Extra json.RawMessage `json:"extra,omitempty"`
	// DAGs are those whose tasks may use it; nil is everybody.
	DAGs DAGs `json:"-"`
}

// String names the connection without any of its secrets.
func (c Connection) String() string { return fmt.Sprintf("connection %s (%s)", c.ID, c.Type) }

// GoString is String: %#v must not print a password either.
func (c Connection) GoString() string { return c.String() }

// ExtraText is the extra as Airflow stores it: a text, usually a JSON object.
func (c *Connection) ExtraText() string {
	if len(c.Extra) > 0 && c.Extra[0] == '"' {
		var s string
		if json.Unmarshal(c.Extra, &s) == nil {
			return s
		}
	}
	return string(c.Extra)
}

// SetExtraText sets the extra from the text that Airflow stores. Any text is fine.
func (c *Connection) SetExtraText(text string) {
	c.Extra = nil
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
	case trimmed[0] != '"' && json.Valid([]byte(trimmed)):
		var b bytes.Buffer
		_ = json.Compact(&b, []byte(trimmed)) // valid, as just seen
		c.Extra = b.Bytes()
	default:
		c.Extra, _ = marshal(text) // a string always marshals
	}
}

// ExtraMap is the extra as an object (numbers as json.Number); it is empty for an
// extra that is none, as Airflow's extra_dejson.
func (c *Connection) ExtraMap() map[string]any {
	m := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(c.Extra))
	d.UseNumber()
	if len(c.Extra) == 0 || d.Decode(&m) != nil || m == nil {
		return map[string]any{}
	}
	return m
}

// Secrets are the texts that must not appear in a log: the password, as it is and as
// URIs write it, and the values of sensitive names in the extra.
func (c *Connection) Secrets() []string {
	var out []string
	if c.Password != "" {
		out = append(out, c.Password)
		if q := quote(c.Password); q != c.Password {
			out = append(out, q)
		}
		if q := url.QueryEscape(c.Password); q != c.Password {
			out = append(out, q)
		}
	}
	if len(c.Extra) > 0 {
		var v any
		if json.Unmarshal(c.Extra, &v) == nil {
			out = sensitiveValues(out, v, false)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Validate says what is wrong with the connection, all of it, or nil.
func (c *Connection) Validate() error {
	var faults []error
	if err := checkID("connection id", c.ID); err != nil {
		faults = append(faults, err)
	}
	if c.Type == "" {
		faults = append(faults, fmt.Errorf("connection %s has no type: give one such as http, postgres or generic", c.ID))
	}
	if c.Port < 0 || c.Port > 65535 {
		faults = append(faults, fmt.Errorf("connection %s: port %d is not between 0 and 65535", c.ID, c.Port))
	}
	if len(c.Extra) > 0 && !json.Valid(c.Extra) {
		faults = append(faults, fmt.Errorf("connection %s: extra is not JSON", c.ID))
	}
	if err := c.DAGs.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("connection %s: dags: %w", c.ID, err))
	}
	return errors.Join(faults...)
}

// ParseConnection reads a connection in any of Airflow's texts: a JSON object if it
// begins with a brace, else a URI. Errors name the part at fault and never contain
// a password.
func ParseConnection(id, text string) (Connection, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return parseJSON(id, text)
	}
	return ParseURI(id, text)
}

func parseJSON(id, text string) (Connection, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return Connection{}, fmt.Errorf("connection %s: it begins with { but is not a JSON object", id)
	}
	if d.More() {
		return Connection{}, fmt.Errorf("connection %s: something follows the JSON object", id)
	}
	return connectionFromMap(id, m)
}

// connectionFromMap reads the fields that Airflow's JSON form and its files know.
func connectionFromMap(id string, m map[string]any) (Connection, error) {
	c := Connection{ID: id}
	fail := func(format string, args ...any) (Connection, error) {
		return Connection{}, fmt.Errorf("connection %s: %s", id, fmt.Sprintf(format, args...))
	}
	if uri, ok := m["uri"]; ok {
		text, isText := uri.(string)
		for k := range m {
			if k != "uri" && k != "conn_id" && k != "description" && k != "dags" {
				return fail("uri and %s exclude each other: write one of them", k)
			}
		}
		if !isText {
			return fail("uri is not a text")
		}
		var err error
		if c, err = ParseURI(id, text); err != nil {
			return c, err
		}
	}
	texts := map[string]*string{
		"conn_type": &c.Type, "description": &c.Description, "host": &c.Host, "login": &c.Login,
		"password": &c.Password, "schema": &c.Schema,
	}
	for k, v := range m {
		if p, ok := texts[k]; ok {
			s, isText := scalarText(v)
			if !isText {
				return fail("%s is not a text", k)
			}
			*p = s
			continue
		}
		switch k {
		case "uri":
		case "conn_id":
			if s, _ := v.(string); s != id && v != nil {
				return fail("its conn_id says otherwise: leave it out or make them equal")
			}
		case "port":
			var err error
			if c.Port, err = parsePort(v); err != nil {
				return fail("%v", err)
			}
		case "extra", "extra_dejson":
			if k == "extra_dejson" && m["extra"] != nil {
				return fail("extra and extra_dejson exclude each other: write one of them")
			}
			if err := c.setExtraValue(v); err != nil {
				return fail("%s: %v", k, err)
			}
		case "dags":
			if err := c.setDAGs(v); err != nil {
				return fail("%v", err)
			}
		default:
			return fail("unknown field %q: use conn_type, description, host, login, password, schema, port, extra, dags, or uri", k)
		}
	}
	c.Type = normalType(c.Type)
	return c, nil
}

func (c *Connection) setExtraValue(v any) error {
	switch v := v.(type) {
	case nil:
	case string:
		c.SetExtraText(v)
	default:
		raw, err := marshal(v)
		if err != nil {
			return errors.New("not a JSON value")
		}
		if string(raw) != "{}" {
			c.Extra = raw
		}
	}
	return nil
}

func (c *Connection) setDAGs(v any) (err error) {
	c.DAGs, err = dagsValue(v)
	return err
}

func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool, int64, uint64, int, float64:
		return fmt.Sprint(v), true
	default:
		return "", false
	}
}

func parsePort(v any) (int, error) {
	s, ok := scalarText(v)
	if !ok {
		return 0, errors.New("port is not a number")
	}
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("port %q is not a number", s)
	}
	if n < 0 || n > 65535 {
		return 0, fmt.Errorf("port %d is not between 0 and 65535", n)
	}
	return n, nil
}

// JSON is Airflow's JSON form, without the id: what AIRFLOW_CONN_* may hold.
func (c *Connection) JSON() string {
	raw, err := marshal(c.fields())
	if err != nil { // only an Extra that is no JSON
		return "{}"
	}
	return string(raw)
}

// fields are Airflow's fields of an exported connection, all of them, and its limit.
func (c *Connection) fields() map[string]any {
	orNil := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	m := map[string]any{
		"conn_type": c.Type, "description": orNil(c.Description), "host": orNil(c.Host), "login": orNil(c.Login),
		"password": orNil(c.Password), "schema": orNil(c.Schema), "port": nil, "extra": nil,
	}
	if c.Port != 0 {
		m["port"] = c.Port
	}
	if len(c.Extra) > 0 {
		m["extra"] = c.ExtraText()
	}
	if c.DAGs.Limited() { // Airflow knows no such field
		m["dags"] = []string(c.DAGs)
	}
	return m
}

// normalType applies Airflow's rules for connection types in texts.
func normalType(t string) string {
	t = strings.ReplaceAll(t, "-", "_")
	if t == "postgresql" {
		return "postgres"
	}
	return t
}

// MaxIDLength is the longest id of a setting, in bytes.
const MaxIDLength = 250

func checkID(what, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%s is empty", what)
	case len(id) > MaxIDLength:
		return fmt.Errorf("%s has %d characters: %d are allowed", what, len(id), MaxIDLength)
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%s %q has control characters", what, id)
	}
	return nil
}
