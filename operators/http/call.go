package http

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// caller sends the requests of one attempt.
type caller struct {
	a         *task.Attempt
	conn      settings.Connection
	connOpts  map[string]any
	headers   map[string]string // of the connection
	method    string
	base      *url.URL
	keepAlive keepAlive
	// params, json and cookies are the request_kwargs.
	params, json any
	cookies      map[string]string
	// transport is the one of the last request, kept for the next page.
	transport *http.Transport
	options   options
}

// keepAlive is how idle connections are probed.
type keepAlive struct {
	enable         bool
	idle, interval time.Duration
	count          int
}

// request is what differs between pages.
type request struct {
	endpoint string
	data     any
	headers  map[string]any
	options  map[string]any
}

// newCaller reads the arguments that all requests share, and the connection.
func newCaller(ctx context.Context, a *task.Attempt, method string) (*caller, error) {
	c := &caller{a: a, method: strings.ToUpper(method)}
	if err := c.arguments(); err != nil {
		return nil, err
	}
	id, err := task.Get(a, "http_conn_id", defaultConnection)
	if err != nil {
		return nil, err
	}
	if c.conn, err = a.Settings.Connection(ctx, id); err != nil {
		return nil, fmt.Errorf("http_conn_id: %w", err)
	}
	c.connOpts, c.headers = splitExtra(&c.conn)
	c.base, err = baseURL(&c.conn)
	return c, err
}

func (c *caller) arguments() error {
	var errs [6]error
	var idle, count, interval int
	c.keepAlive.enable, errs[0] = task.Get(c.a, "tcp_keep_alive", true)
	idle, errs[1] = task.Get(c.a, "tcp_keep_alive_idle", 120)
	count, errs[2] = task.Get(c.a, "tcp_keep_alive_count", 20)
	interval, errs[3] = task.Get(c.a, "tcp_keep_alive_interval", 30)
	c.keepAlive.count = count
	c.keepAlive.idle, c.keepAlive.interval = time.Duration(idle)*time.Second, time.Duration(interval)*time.Second
	auth, err := task.Get(c.a, "auth_type", "")
	errs[4] = err
	switch auth[strings.LastIndexByte(auth, '.')+1:] {
	case "", "basic", "HTTPBasicAuth", "BasicAuth":
	default:
		errs[4] = task.Misconfigured(fmt.Errorf("argument auth_type is %q: only basic is known; tokens can be a header in the connection's extra", auth))
	}
	kwargs, err := task.Get(c.a, "request_kwargs", map[string]any(nil))
	errs[5] = err
	for name, v := range kwargs {
		switch m, isMap := v.(map[string]any); {
		case name == "json":
			c.json = v
		case name == "params":
			c.params = v
		case name == "cookies" && isMap:
			c.cookies = textMap(m)
		default:
			errs[5] = task.Misconfigured(fmt.Errorf("argument request_kwargs has %s: use json, params or cookies (a dict)", name))
		}
	}
	if strings.ContainsAny(c.method, " \t\r\n") || c.method == "" {
		return task.Misconfigured(fmt.Errorf("argument method is %q: use one such as GET or POST", c.method))
	}
	return errors.Join(errs[:]...)
}

// baseURL is what endpoints are appended to: the host if it is a URL, else made of
// schema, host and port.
func baseURL(c *settings.Connection) (*url.URL, error) {
	text := c.Host
	if !strings.Contains(text, "://") {
		if strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "[") {
			text = "[" + text + "]" // an IPv6 address
		}
		schema := c.Schema
		if schema == "" {
			schema = "http"
		}
		text = schema + "://" + text
		if c.Port != 0 {
			text += fmt.Sprintf(":%d", c.Port)
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, task.Misconfigured(fmt.Errorf("connection %s: host %q makes no URL", c.ID, c.Host))
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, task.Misconfigured(fmt.Errorf("connection %s: %q is no scheme of HTTP: its schema has to be http or https", c.ID, u.Scheme))
	}
	return u, nil
}

// resolve makes the address of an endpoint.
func (c *caller) resolve(endpoint string) (*url.URL, error) {
	if strings.HasPrefix(endpoint, "http://") || strings.HasPrefix(endpoint, "https://") {
		// Not followed: the connection's password must not go where an answer says.
		return nil, task.Misconfigured(fmt.Errorf("endpoint %s is a whole URL: the host comes from connection %s, write only the path", withoutQuery(endpoint), c.conn.ID))
	}
	base := c.base.String()
	if !strings.HasSuffix(base, "/") && endpoint != "" && !strings.HasPrefix(endpoint, "/") {
		base += "/"
	}
	u, err := url.Parse(base + endpoint)
	if err != nil {
		return nil, task.Misconfigured(fmt.Errorf("endpoint %q makes no URL", withoutQuery(endpoint)))
	}
	if u.Host == "" {
		return nil, task.Misconfigured(fmt.Errorf("connection %s has no host", c.conn.ID))
	}
	return u, nil
}

func withoutQuery(address string) string {
	before, _, _ := strings.Cut(address, "?")
	return before
}

// build makes the request itself.
func (c *caller) build(ctx context.Context, r request) (*http.Request, error) {
	u, err := c.resolve(r.endpoint)
	if err != nil {
		return nil, err
	}
	var body, kind string
	switch {
	case c.method == http.MethodGet:
		if err := addQuery(u, "data", r.data); err != nil {
			return nil, err
		}
	case c.method != http.MethodHead && !empty(r.data):
		text, isText := r.data.(string)
		if body = text; !isText {
			kind = "application/x-www-form-urlencoded"
			if body, err = form("data", r.data); err != nil {
				return nil, err
			}
		}
	case c.method != http.MethodHead && c.json != nil:
		raw, err := task.EncodeXCom(c.json)
		if err != nil {
			return nil, task.Misconfigured(fmt.Errorf("request_kwargs: json: %w", err))
		}
		body, kind = string(raw), "application/json"
	}
	if err := addQuery(u, "request_kwargs: params", c.params); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, c.method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, task.Misconfigured(fmt.Errorf("making the request: %w", err))
	}
	if body == "" {
		req.Body, req.GetBody = http.NoBody, nil
	}
	return req, c.head(req, r, kind)
}

// head sets the headers: ours, the connection's, the task's, each over the one before.
func (c *caller) head(req *http.Request, r request, kind string) error {
	req.Header.Set("User-Agent", "updraft")
	req.Header.Set("Accept", "*/*")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for _, headers := range []map[string]string{c.headers, textMap(r.headers)} {
		for name, v := range headers {
			if !validHeader(name, v) {
				return task.Misconfigured(fmt.Errorf("header %q has characters that HTTP does not allow", name))
			}
			if strings.EqualFold(name, "Host") {
				req.Host = v
				continue
			}
			req.Header.Set(name, v)
		}
	}
	for name, v := range c.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: v})
	}
	if c.conn.Login != "" {
		req.SetBasicAuth(c.conn.Login, c.conn.Password)
	}
	return nil
}

func validHeader(name, value string) bool {
	return name != "" && !strings.ContainsAny(name, " \t\r\n:") && !strings.ContainsAny(value, "\r\n\x00")
}

func addQuery(u *url.URL, what string, v any) error {
	if empty(v) {
		return nil
	}
	q, isText := v.(string)
	if !isText {
		var err error
		if q, err = form(what, v); err != nil {
			return err
		}
	}
	if u.RawQuery != "" && q != "" {
		q = u.RawQuery + "&" + q
	}
	u.RawQuery = q
	return nil
}

// file is a path of an argument; relative ones start at the DAG's folder.
func (c *caller) file(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.a.Dir, name)
}

// callable returns a callable argument, or nil.
func callable(a *task.Attempt, name string) (*dag.Callable, error) {
	v, err := task.Get(a, name, dag.Callable{})
	if err != nil || v == (dag.Callable{}) {
		return nil, err
	}
	return &v, nil
}
