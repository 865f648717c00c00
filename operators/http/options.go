package http

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// defaultRedirects is how many redirects Python's requests follows.
const defaultRedirects = 30

// options are the extra_options, in the words of Python's requests.
type options struct {
	// connect and read are time-outs; read is for each wait, not for the whole. 0 is none.
	connect, read time.Duration
	// insecure accepts any certificate; ca is a file of accepted authorities.
	insecure bool
	ca       string
	// cert and key are files of the client's certificate.
	cert, key string
	// proxies are by scheme (http, https, all); trustEnv asks the environment as well.
	proxies      map[string]*url.URL
	trustEnv     bool
	redirects    bool
	maxRedirects int
	// check makes an error of status codes from 400 on.
	check bool
}

// optionNames are all names that extra_options and a connection's extra may have.
var optionNames = []string{
	"allow_redirects", "cert", "check_response", "max_redirects", "proxies", "proxy", "stream", "timeout",
	"trust_env", "verify", "verify_ssl",
}

// splitExtra divides a connection's extra into options and headers.
func splitExtra(c *settings.Connection) (opts map[string]any, headers map[string]string) {
	opts, headers = make(map[string]any), make(map[string]string)
	for k, v := range c.ExtraMap() {
		if slices.Contains(optionNames, k) {
			opts[k] = v
		} else {
			headers[k] = task.PythonText(v)
		}
	}
	return opts, headers
}

// readOptions reads extra_options over those of the connection's extra.
func readOptions(ctx context.Context, a *task.Attempt, fromConn, given map[string]any) (options, error) {
	o := options{trustEnv: true, redirects: true, maxRedirects: defaultRedirects, check: true}
	for _, from := range []struct {
		where  string
		values map[string]any
	}{{"the connection's extra", fromConn}, {"extra_options", given}} {
		for _, name := range slices.Sorted(maps.Keys(from.values)) {
			v := from.values[name]
			if !slices.Contains(optionNames, name) {
				a.Log.WarnContext(ctx, fmt.Sprintf("%s: %s is unknown and ignored; known are %s", from.where, name, strings.Join(optionNames, ", ")))
				continue
			}
			if v == nil {
				continue
			}
			if err := o.set(name, v); err != nil {
				return o, task.Misconfigured(fmt.Errorf("%s: %s %w", from.where, name, err))
			}
		}
	}
	return o, nil
}

func (o *options) set(name string, v any) (err error) {
	switch name {
	case "timeout":
		return o.setTimeout(v)
	case "verify", "verify_ssl":
		if text, ok := v.(string); ok {
			o.ca, o.insecure = text, false
			return nil
		}
		var verify bool
		if verify, err = truth(v); err == nil {
			o.ca, o.insecure = "", !verify
		}
	case "cert":
		return o.setCert(v)
	case "proxies", "proxy":
		return o.setProxies(v)
	case "max_redirects":
		n, ok := seconds(v)
		if !ok || n < 0 || n != float64(int(n)) {
			return fmt.Errorf("is %v, not a whole number", v)
		}
		o.maxRedirects = int(n)
	case "allow_redirects":
		o.redirects, err = truth(v)
	case "trust_env":
		o.trustEnv, err = truth(v)
	case "check_response":
		o.check, err = truth(v)
	case "stream": // the answer is read to its end in any case
		_, err = truth(v)
	}
	return err
}

// setTimeout reads a number of seconds, or a list of one for connecting and one for reading.
func (o *options) setTimeout(v any) error {
	l, ok := list(v)
	if !ok {
		l = []any{v, v}
	}
	if len(l) == 2 {
		for i, to := range []*time.Duration{&o.connect, &o.read} {
			if l[i] == nil {
				*to = 0
				continue
			}
			n, ok := seconds(l[i])
			if !ok || n <= 0 || n > 1e9 {
				return fmt.Errorf("is %v, not a number of seconds above 0 or a list of two", v)
			}
			*to = time.Duration(n * float64(time.Second))
		}
		return nil
	}
	return fmt.Errorf("has %d elements: write one for connecting and one for reading", len(l))
}

// setCert reads a file with certificate and key, or a list of the two.
func (o *options) setCert(v any) error {
	if text, ok := v.(string); ok {
		o.cert, o.key = text, text
		return nil
	}
	if l, ok := list(v); ok && len(l) == 2 {
		cert, ok1 := l[0].(string)
		key, ok2 := l[1].(string)
		if ok1 && ok2 {
			o.cert, o.key = cert, key
			return nil
		}
	}
	return fmt.Errorf("is %v, not a file or a list of certificate and key", v)
}

// setProxies reads a dict of URLs by scheme.
func (o *options) setProxies(v any) error {
	m, ok := v.(map[string]any)
	if text, isText := v.(string); isText {
		m, ok = map[string]any{"all": text}, true
	}
	if !ok {
		return fmt.Errorf("is %v, not a dict of URLs by scheme", v)
	}
	o.proxies = make(map[string]*url.URL)
	for scheme, p := range m {
		text, _ := p.(string)
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return fmt.Errorf("has no URL for %s", scheme) // it may hold a password: not shown
		}
		o.proxies[scheme] = u
	}
	return nil
}

func list(v any) ([]any, bool) {
	if t, ok := v.(task.Tuple); ok {
		return t, true
	}
	l, ok := v.([]any)
	return l, ok
}

func seconds(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case time.Duration:
		return v.Seconds(), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	default:
		return 0, false
	}
}

func truth(v any) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return false, fmt.Errorf("is %v, not true or false", v)
}
