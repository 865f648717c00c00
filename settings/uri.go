package settings

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// extraKey is the query parameter that holds a whole extra as JSON.
const extraKey = "__extra__"

// ParseURI reads Airflow's URI form: type://login:password@host:port/schema?key=value
// with every part percent-encoded. A second protocol before the host belongs to the
// host. Errors name the part at fault and contain neither the URI nor a secret.
func ParseURI(id, uri string) (Connection, error) {
	fail := func(format string, args ...any) (Connection, error) {
		return Connection{}, fmt.Errorf("connection %s: %s", id, fmt.Sprintf(format, args...))
	}
	uri = strings.Trim(uri, " \t\r\n")
	if uri == "" {
		return fail("the URI is empty: use type://login:password@host:port/schema")
	}
	scheme, rest, found := strings.Cut(uri, "://")
	if !found {
		return fail("the URI has no type: use type://login:password@host:port/schema, or a JSON object")
	}
	if strings.Count(uri, "://") > 2 {
		return fail(`the URI has more than two "://": percent-encode those inside of its parts`)
	}
	if !validScheme(scheme) {
		return fail("the URI's type is not one: use letters, digits, and -")
	}
	c := Connection{ID: id, Type: normalType(strings.ToLower(scheme))}
	protocol := ""
	if p, r, second := strings.Cut(rest, "://"); second && !strings.ContainsAny(p, "?/#") {
		if !validScheme(p) {
			return fail("what stands before the second :// of the URI is not a protocol: login and password belong after it")
		}
		protocol, rest = p+"://", r
	} else if second && !strings.Contains(p, "?") {
		return fail(`the URI has a second "://" that does not begin the host: percent-encode it`)
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	netloc, schema, _ := strings.Cut(rest, "/")
	c.Schema = unquote(schema)
	if part, err := c.setNetloc(netloc); err != nil {
		return fail("%s of the URI: %v", part, err)
	}
	if protocol != "" {
		c.Host = protocol + c.Host
	}
	if query != "" {
		c.setQuery(query)
	}
	return c, nil
}

// setNetloc reads login:password@host:port. The host is lowered, as Airflow does, up
// to its first percent sign.
func (c *Connection) setNetloc(netloc string) (part string, err error) {
	if at := strings.LastIndex(netloc, "@"); at >= 0 {
		login, password, _ := strings.Cut(netloc[:at], ":")
		c.Login, c.Password = unquote(login), unquote(password)
		netloc = netloc[at+1:]
	}
	host, port, _ := strings.Cut(netloc, ":")
	if open := strings.Index(netloc, "["); open >= 0 {
		var closed bool
		host, port, closed = strings.Cut(netloc[open+1:], "]")
		if !closed || open > 0 {
			return "the host", fmt.Errorf("brackets do not match")
		}
		if port != "" && port[0] != ':' {
			return "the host", fmt.Errorf("something follows the bracket")
		}
		port = strings.TrimPrefix(port, ":")
	}
	name, quoted, _ := strings.Cut(host, "%")
	if len(host) > len(name) {
		quoted = "%" + quoted
	}
	c.Host = unquote(strings.ToLower(name) + quoted)
	if strings.Contains(c.Host, "/") { // a quoted URL or path keeps its case
		c.Host = unquote(host)
	}
	if port == "" {
		return "", nil
	}
	if strings.TrimLeft(port, "0123456789") != "" {
		// What is taken for a port is often the rest of a password with an unquoted "/".
		return "the port", fmt.Errorf("it is not a number (a password with / : @ ? or # must be percent-encoded)")
	}
	if c.Port, err = strconv.Atoi(port); err != nil || c.Port > 65535 {
		return "the port", fmt.Errorf("it is not between 0 and 65535")
	}
	return "", nil
}

// setQuery reads the query into the extra: __extra__ is taken as it is, otherwise all
// values are texts and the last of a name wins.
func (c *Connection) setQuery(query string) {
	m := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		m[unquotePlus(k)] = unquotePlus(v)
	}
	if text, ok := m[extraKey]; ok {
		c.SetExtraText(text)
		return
	}
	if len(m) > 0 {
		c.Extra, _ = marshal(m) // texts always marshal
	}
}

// URI is the connection as Airflow's get_uri writes it; ParseURI is its inverse for
// whatever a URI can hold.
func (c *Connection) URI() string {
	var b strings.Builder
	if c.Type != "" {
		b.WriteString(strings.ReplaceAll(strings.ToLower(c.Type), "_", "-"))
		b.WriteByte(':')
	}
	b.WriteString("//")
	host := c.Host
	if protocol, h, ok := strings.Cut(c.Host, "://"); ok && protocol != c.Type && validScheme(protocol) && !strings.Contains(h, "://") {
		b.WriteString(protocol + "://")
		host = h
	}
	authority := ""
	if c.Login != "" || c.Password != "" {
		authority = quote(c.Login)
		if c.Password != "" {
			authority += ":" + quote(c.Password)
		}
		authority += "@"
	}
	b.WriteString(authority)
	b.WriteString(quote(host))
	if c.Port != 0 {
		if host == "" && authority == "" {
			b.WriteByte('@')
		}
		b.WriteString(":" + strconv.Itoa(c.Port))
	}
	if c.Schema != "" {
		b.WriteString("/" + quote(c.Schema))
	}
	if len(c.Extra) > 0 {
		if c.Schema == "" {
			b.WriteByte('/')
		}
		b.WriteString("?" + c.query())
	}
	return b.String()
}

// query writes a flat extra of texts as parameters, anything else as __extra__.
func (c *Connection) query() string {
	var flat map[string]string
	if c.Extra[0] == '{' && json.Unmarshal(c.Extra, &flat) == nil && len(flat) > 0 && !hasNull(c.Extra) {
		if _, reserved := flat[extraKey]; !reserved {
			keys := make([]string, 0, len(flat))
			for k := range flat {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			pairs := make([]string, len(keys))
			for i, k := range keys {
				pairs[i] = quotePlus(k) + "=" + quotePlus(flat[k])
			}
			return strings.Join(pairs, "&")
		}
	}
	return extraKey + "=" + quotePlus(c.ExtraText())
}

// hasNull says that a flat object has a null, which is not the empty text.
func hasNull(raw json.RawMessage) bool {
	var m map[string]any
	if json.Unmarshal(raw, &m) != nil {
		return true
	}
	for _, v := range m {
		if v == nil {
			return true
		}
	}
	return false
}

func validScheme(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.' || c == '_'):
		default:
			return false
		}
	}
	return true
}

const hexDigits = "0123456789ABCDEF"

// quote percent-encodes everything but letters, digits and "_.-~".
func quote(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.-~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

func quotePlus(s string) string { return strings.ReplaceAll(quote(s), "%20", "+") }

// unquote decodes %XX; a percent sign that does not begin one stays, as in Python, and
// what is not UTF-8 afterwards becomes the replacement character.
func unquote(s string) string {
	if !strings.Contains(s, "%") {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

func unquotePlus(s string) string { return unquote(strings.ReplaceAll(s, "+", " ")) }
