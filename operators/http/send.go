package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/updraft-dev/updraft/task"
)

// statusError is an answer with a status code from 400 on.
type statusError struct {
	method, url string
	code        int
	reason      string
}

// Error contains the code and reason as Airflow writes them, for those who look for it.
func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s: %d:%s", e.method, e.url, e.code, e.reason)
}

// send sends one request and reads the answer.
func (c *caller) send(ctx context.Context, r request) (task.PythonResponse, error) {
	var none task.PythonResponse
	req, err := c.build(ctx, r)
	if err != nil {
		return none, err
	}
	o, err := readOptions(ctx, c.a, c.connOpts, r.options)
	if err != nil {
		return none, err
	}
	if err := c.connect(o); err != nil {
		return none, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	where := req.Method + " " + withoutQuery(req.URL.Redacted())
	res, err := c.client(o).Do(req.WithContext(ctx))
	if err != nil {
		return none, fmt.Errorf("%s: %w", where, withoutURL(err))
	}
	defer res.Body.Close()
	body, err := read(ctx, res.Body, o.read, cancel)
	if err != nil {
		return none, fmt.Errorf("%s: reading the answer: %w", where, err)
	}
	answer := response(res, body)
	if o.check && res.StatusCode >= 400 {
		c.a.Log.ErrorContext(ctx, "HTTP error: "+answer.Reason)
		c.a.Log.ErrorContext(ctx, text(answer))
		return answer, &statusError{req.Method, withoutQuery(req.URL.Redacted()), answer.StatusCode, answer.Reason}
	}
	return answer, nil
}

// withoutURL takes the address out of an error: its query may hold a token.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// connect makes the transport, or keeps the one of the page before.
func (c *caller) connect(o options) error {
	if c.transport != nil && reflect.DeepEqual(o, c.options) {
		return nil
	}
	c.close()
	conf := &tls.Config{InsecureSkipVerify: o.insecure} // verify: false says so
	if o.ca != "" {
		pem, err := os.ReadFile(c.file(o.ca))
		if err != nil {
			return task.Misconfigured(fmt.Errorf("extra_options: verify: %w", err))
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return task.Misconfigured(fmt.Errorf("extra_options: verify: %s has no certificate", o.ca))
		}
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.file(o.cert), c.file(o.key))
		if err != nil {
			return task.Misconfigured(fmt.Errorf("extra_options: cert: %w", err))
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	dialer := &net.Dialer{Timeout: o.connect, KeepAlive: -1}
	if k := c.keepAlive; k.enable {
		dialer.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: k.idle, Interval: k.interval, Count: k.count}
	}
	c.transport = &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: conf, TLSHandshakeTimeout: o.connect,
		ResponseHeaderTimeout: o.read, Proxy: o.proxy, ForceAttemptHTTP2: true,
	}
	c.options = o
	return nil
}

// close ends idle connections.
func (c *caller) close() {
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
}

func (o *options) proxy(r *http.Request) (*url.URL, error) {
	for _, scheme := range []string{r.URL.Scheme, "all"} {
		if p := o.proxies[scheme]; p != nil {
			return p, nil
		}
	}
	if o.trustEnv {
		return http.ProxyFromEnvironment(r)
	}
	return nil, nil // no proxy, as http.Transport has it
}

func (c *caller) client(o options) *http.Client {
	return &http.Client{Transport: c.transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		switch {
		case !o.redirects:
			return http.ErrUseLastResponse
		case len(via) > o.maxRedirects:
			return fmt.Errorf("more than %d redirects: raise max_redirects in extra_options, or mend the server", o.maxRedirects)
		default:
			return nil
		}
	}}
}

var (
	errSilent = errors.New("the server sent nothing for the timeout in extra_options")
	errLarge  = fmt.Errorf("it is larger than %d MiB: let a Bash or Python task store it in a file", MaxBody>>20)
)

// read reads a body to its end, or to the limit. Silence longer than idle ends it.
func read(ctx context.Context, body io.Reader, idle time.Duration, cancel context.CancelCauseFunc) ([]byte, error) {
	if idle > 0 {
		timer := time.AfterFunc(idle, func() { cancel(errSilent) })
		defer timer.Stop()
		body = &watched{body, func() { timer.Reset(idle) }}
	}
	b, err := io.ReadAll(io.LimitReader(body, MaxBody+1))
	switch {
	case err != nil && errors.Is(context.Cause(ctx), errSilent):
		return nil, fmt.Errorf("%w (%s)", errSilent, idle)
	case err != nil:
		return nil, err
	case len(b) > MaxBody:
		return nil, task.Fatal(errLarge)
	}
	return b, nil
}

// watched tells of each read.
type watched struct {
	io.Reader
	seen func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.seen()
	return n, err
}

func response(res *http.Response, body []byte) task.PythonResponse {
	out := task.PythonResponse{
		StatusCode: res.StatusCode, URL: res.Request.URL.String(), Body: body,
		Headers: make(map[string]string, len(res.Header)), Encoding: charset(res.Header.Get("Content-Type"), body),
	}
	out.Reason = strings.TrimSpace(strings.TrimPrefix(res.Status, strconv.Itoa(res.StatusCode)))
	if out.Reason == "" {
		out.Reason = http.StatusText(res.StatusCode) // HTTP/2 has none
	}
	for name, v := range res.Header {
		out.Headers[name] = strings.Join(v, ", ")
	}
	return out
}

// charset is the encoding of a body: the one named, ISO 8859-1 for texts that name
// none, UTF-8 for JSON, and for the rest UTF-8 if it is. This is what Python's requests
// does, except that it guesses among more.
func charset(contentType string, body []byte) string {
	kind, params, err := mime.ParseMediaType(contentType)
	switch name := params["charset"]; {
	case err == nil && name != "":
		if e, err := htmlindex.Get(name); err == nil {
			if canonical, err := htmlindex.Name(e); err == nil {
				return canonical
			}
		}
	case strings.HasPrefix(kind, "text/"):
		return "iso-8859-1"
	case kind == "application/json":
		return "utf-8"
	}
	if utf8.Valid(body) {
		return "utf-8"
	}
	return "iso-8859-1"
}

// text decodes a body; bytes that are not of its encoding become the replacement
// character.
func text(r task.PythonResponse) string {
	switch r.Encoding {
	case "utf-8":
		return strings.ToValidUTF8(string(r.Body), "\uFFFD")
	case "iso-8859-1":
		runes := make([]rune, len(r.Body))
		for i, b := range r.Body {
			runes[i] = rune(b)
		}
		return string(runes)
	}
	if e, err := htmlindex.Get(r.Encoding); err == nil {
		if out, err := e.NewDecoder().Bytes(r.Body); err == nil {
			return string(out)
		}
	}
	return strings.ToValidUTF8(string(r.Body), "\uFFFD")
}
