package http_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/http"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

const (
	operator = "airflow.providers.http.operators.http.HttpOperator"
	sensing  = "airflow.providers.http.sensors.http.HttpSensor"
)

// connection is the connection to a test server.
func connection(t *testing.T, s *httptest.Server) settings.Connection {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return settings.Connection{Type: "http", Host: u.Hostname(), Port: port, Schema: u.Scheme}
}

// serve starts a server and a harness whose http_default leads to it.
func serve(t *testing.T, h nethttp.HandlerFunc) *operatortest.Harness {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o := operatortest.New(t)
	o.Settings.Connections = map[string]settings.Connection{"http_default": connection(t, s)}
	return o
}

// echo answers with what was asked.
func echo(w nethttp.ResponseWriter, r *nethttp.Request) {
	body, _ := io.ReadAll(r.Body)
	user, password, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "uri": r.RequestURI, "body": string(body), "type": r.Header.Get("Content-Type"),
		"x": r.Header.Get("X-Test"), "auth": user + ":" + password, "cookie": r.Header.Get("Cookie"), "host": r.Host,
	})
}

func run(t *testing.T, o *operatortest.Harness, class string, args map[string]any) (task.Result, error) {
	t.Helper()
	return o.Run(t.Context(), operatortest.Find(t, http.Operators(), class), args)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		conn  func(*settings.Connection)
		args  map[string]any
		want  map[string]any
		class string
	}{
		{name: "nothing given", args: map[string]any{}, want: map[string]any{"method": "POST", "uri": "/"}},
		{name: "get with parameters", args: map[string]any{"method": "get", "endpoint": "a/b?z=1", "data": map[string]any{"b": []any{int64(1), 2.5}, "a": "x y&", "n": nil, "t": true}},
			want: map[string]any{"method": "GET", "uri": "/a/b?z=1&a=x+y%26&b=1&b=2.5&t=True"}},
		{name: "get with a text", args: map[string]any{"method": "GET", "endpoint": "/q", "data": "a=1"}, want: map[string]any{"method": "GET", "uri": "/q?a=1"}},
		{name: "form", args: map[string]any{"endpoint": "/f", "data": map[string]any{"a": int64(1)}},
			want: map[string]any{"method": "POST", "uri": "/f", "body": "a=1", "type": "application/x-www-form-urlencoded"}},
		{name: "pairs", args: map[string]any{"data": []any{[]any{"b", int64(1)}, task.Tuple{"a", int64(2)}}},
			want: map[string]any{"method": "POST", "uri": "/", "body": "b=1&a=2", "type": "application/x-www-form-urlencoded"}},
		{name: "text body", args: map[string]any{"method": "PUT", "data": `{"a": 1}`, "headers": map[string]any{"Content-Type": "application/json", "X-Test": int64(5)}},
			want: map[string]any{"method": "PUT", "uri": "/", "body": `{"a": 1}`, "type": "application/json", "x": "5"}},
		{name: "json", args: map[string]any{"request_kwargs": map[string]any{"json": map[string]any{"a": []any{nil}}, "params": map[string]any{"q": "1"}, "cookies": map[string]any{"c": "d"}}},
			want: map[string]any{"method": "POST", "uri": "/?q=1", "body": `{"a":[null]}`, "type": "application/json", "cookie": "c=d"}},
		{name: "login and headers of the connection", conn: func(c *settings.Connection) {
			c.Login, c.Password = "me", "secret"
			c.SetExtraText(`{"X-Test": "conn", "timeout": 5, "verify": true}`)
		}, args: map[string]any{}, want: map[string]any{"method": "POST", "uri": "/", "x": "conn", "auth": "me:secret"}},
		{name: "header over the connection's", conn: func(c *settings.Connection) { c.SetExtraText(`{"x-test": "conn"}`) },
			args: map[string]any{"headers": map[string]any{"X-Test": "task", "Host": "other"}, "auth_type": "requests.auth.HTTPBasicAuth"},
			want: map[string]any{"method": "POST", "uri": "/", "x": "task", "host": "other"}},
		{name: "host with a path", conn: func(c *settings.Connection) {
			c.Host, c.Port = "http://"+c.Host+":"+strconv.Itoa(c.Port)+"/base", 0
		}, args: map[string]any{"endpoint": "x"}, want: map[string]any{"method": "POST", "uri": "/base/x"}},
		{name: "no data with HEAD", args: map[string]any{"method": "HEAD", "data": "x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := serve(t, echo)
			c := o.Settings.Connections["http_default"]
			host := fmt.Sprintf("%s:%d", c.Host, c.Port)
			if tt.conn != nil {
				tt.conn(&c)
				o.Settings.Connections["http_default"] = c
			}
			res, err := run(t, o, operator, tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				if res.Value != "" {
					t.Errorf("value %q, want an empty text", res.Value)
				}
				return
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(res.Value.(string)), &got); err != nil {
				t.Fatal(err)
			}
			for k, def := range map[string]any{"body": "", "type": "", "x": "", "auth": ":", "cookie": "", "host": host} {
				if _, ok := tt.want[k]; !ok {
					tt.want[k] = def
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("request (-want +got):\n%s", d)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		conn *settings.Connection
		args map[string]any
		want string
	}{
		{name: "connection", args: map[string]any{"http_conn_id": "nix"}, want: "failed: http_conn_id: connection `nix` not found"},
		{name: "data", args: map[string]any{"data": int64(5)}, want: "fatal (config): data is 5, not a text, a dict or a list of pairs"},
		{name: "pair", args: map[string]any{"data": []any{"a"}}, want: "fatal (config): data: element 0 is no pair of a name and a value"},
		{name: "endpoint", args: map[string]any{"endpoint": "https://evil.example/x?token=1"},
			want: "fatal (config): endpoint https://evil.example/x is a whole URL: the host comes from connection http_default, write only the path"},
		{name: "endpoint type", args: map[string]any{"endpoint": int64(5)}, want: "fatal (config): argument endpoint is a number, not a text"},
		{name: "bad escape", args: map[string]any{"endpoint": "/%zz"}, want: `fatal (config): endpoint "/%zz" makes no URL`},
		{name: "method", args: map[string]any{"method": "GE T"}, want: `fatal (config): argument method is "GE T": use one such as GET or POST`},
		{name: "header", args: map[string]any{"headers": map[string]any{"a b": "c"}}, want: `fatal (config): header "a b" has characters that HTTP does not allow`},
		{name: "header value", args: map[string]any{"headers": map[string]any{"a": "c\nd: e"}}, want: `fatal (config): header "a" has characters that HTTP does not allow`},
		{name: "auth", args: map[string]any{"auth_type": "requests.auth.HTTPDigestAuth"},
			want: `fatal (config): argument auth_type is "requests.auth.HTTPDigestAuth": only basic is known; tokens can be a header in the connection's extra`},
		{name: "kwargs", args: map[string]any{"request_kwargs": map[string]any{"files": "x"}}, want: "fatal (config): argument request_kwargs has files: use json, params or cookies (a dict)"},
		{name: "timeout", args: map[string]any{"extra_options": map[string]any{"timeout": "5"}}, want: "fatal (config): extra_options: timeout is 5, not a number of seconds above 0 or a list of two"},
		{name: "timeouts", args: map[string]any{"extra_options": map[string]any{"timeout": []any{int64(5)}}}, want: "fatal (config): extra_options: timeout has 1 elements: write one for connecting and one for reading"},
		{name: "verify", args: map[string]any{"extra_options": map[string]any{"verify": int64(1)}}, want: "fatal (config): extra_options: verify is 1, not true or false"},
		{name: "ca", args: map[string]any{"extra_options": map[string]any{"verify": "/none.pem"}}, want: "fatal (config): extra_options: verify: open /none.pem: no such file or directory"},
		{name: "ca without certificate", args: map[string]any{"extra_options": map[string]any{"verify": "/dev/null"}}, want: "fatal (config): extra_options: verify: /dev/null has no certificate"},
		{name: "cert", args: map[string]any{"extra_options": map[string]any{"cert": []any{"a", "b", "c"}}}, want: "fatal (config): extra_options: cert is [a b c], not a file or a list of certificate and key"},
		{name: "client certificate", args: map[string]any{"extra_options": map[string]any{"cert": "/none.pem"}}, want: "fatal (config): extra_options: cert: open /none.pem: no such file or directory"},
		{name: "proxies", args: map[string]any{"extra_options": map[string]any{"proxies": map[string]any{"http": "http://u:secret@/"}}}, want: "fatal (config): extra_options: proxies has no URL for http"},
		{name: "redirects", args: map[string]any{"extra_options": map[string]any{"max_redirects": -1.5}}, want: "fatal (config): extra_options: max_redirects is -1.5, not a whole number"},
		{name: "scheme", conn: &settings.Connection{Host: "h", Schema: "ftp"}, want: `fatal (config): connection http_default: "ftp" is no scheme of HTTP: its schema has to be http or https`},
		{name: "host", conn: &settings.Connection{Host: "a b"}, want: `fatal (config): connection http_default: host "a b" makes no URL`},
		{name: "no host", conn: &settings.Connection{}, want: "fatal (config): connection http_default has no host"},
		{name: "extra", conn: &settings.Connection{Host: "h", Extra: json.RawMessage(`{"check_response": "maybe"}`)}, want: "fatal (config): the connection's extra: check_response is maybe, not true or false"},
		{name: "refused", conn: &settings.Connection{Host: "127.0.0.1", Port: 1}, args: map[string]any{"endpoint": "x?token=1"}, want: "failed: POST http://127.0.0.1:1/x: dial tcp 127.0.0.1:1: connect: connection refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := serve(t, echo)
			if tt.conn != nil {
				o.Settings.Connections["http_default"] = *tt.conn
			}
			if tt.args == nil {
				tt.args = map[string]any{}
			}
			_, err := run(t, o, operator, tt.args)
			if got := operatortest.Outcome(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestHostOfIPv6 makes a URL of an address with colons; the machine need not have IPv6.
func TestHostOfIPv6(t *testing.T) {
	t.Parallel()
	o := serve(t, echo)
	o.Settings.Connections["http_default"] = settings.Connection{Host: "::1", Port: 1}
	_, err := run(t, o, operator, map[string]any{"endpoint": "x"})
	if got, want := operatortest.Outcome(err), "failed: POST http://[::1]:1/x: dial tcp [::1]:1: "; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s…", got, want)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	o := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.WriteHeader(nethttp.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "come back later")
	})
	_, err := run(t, o, operator, map[string]any{"endpoint": "x?token=1", "method": "GET"})
	want := fmt.Sprintf("failed: GET http://%s:%d/x: 503:Service Unavailable", "127.0.0.1", o.Settings.Connections["http_default"].Port)
	if got := operatortest.Outcome(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.Contains(o.Log(), "come back later") {
		t.Errorf("the log has not the body: %s", o.Log())
	}
	res, err := run(t, o, operator, map[string]any{"extra_options": map[string]any{"check_response": false, "strange": int64(1)}, "log_response": true})
	if err != nil || res.Value != "come back later" {
		t.Errorf("unchecked: %v, %v", res.Value, err)
	}
	if !strings.Contains(o.Log(), "extra_options: strange is unknown and ignored") {
		t.Errorf("the log does not warn: %s", o.Log())
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	o := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/end":
			_, _ = io.WriteString(w, r.Method)
		case "/once":
			nethttp.Redirect(w, r, "/end", nethttp.StatusFound)
		default:
			nethttp.Redirect(w, r, "/loop", nethttp.StatusFound)
		}
	})
	tests := []struct {
		args map[string]any
		want string
	}{
		{map[string]any{"endpoint": "once"}, "GET"},
		{map[string]any{"endpoint": "once", "extra_options": map[string]any{"allow_redirects": false}}, ""},
		{map[string]any{"endpoint": "once", "extra_options": map[string]any{"max_redirects": int64(0)}}, "failed: more than 0 redirects"},
		{map[string]any{"endpoint": "loop"}, "failed: more than 30 redirects"},
	}
	for _, tt := range tests {
		res, err := run(t, o, operator, tt.args)
		got := fmt.Sprint(res.Value)
		if err != nil {
			_, why, _ := strings.Cut(err.Error(), ": more")
			got = "failed: more" + strings.Split(why, ":")[0]
		}
		if got != tt.want {
			t.Errorf("%v: got %q, want %q (%v)", tt.args, got, tt.want, err)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, body, want string }{
		{"application/json", `"ü"`, `"ü"`},
		{"application/json", "\xff", "\uFFFD"},
		{"text/plain; charset=utf-8", "ü", "ü"},
		{"text/plain", "\xfc", "ü"},
		{"text/plain; charset=windows-1252", "\x80", "€"},
		{"text/plain; charset=nonsense", "ü", "ü"},
		{"application/xml", "ü", "ü"},
		{"application/xml", "\xfc", "ü"},
		{"", "", ""},
		{"text/plain; charset=shift_jis", "\x82\xa0", "あ"},
	}
	for _, tt := range tests {
		o := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
			w.Header()["Content-Type"] = []string{tt.kind}
			_, _ = io.WriteString(w, tt.body)
		})
		res, err := run(t, o, operator, map[string]any{})
		if err != nil || res.Value != tt.want {
			t.Errorf("%s %q: got %q, want %q (%v)", tt.kind, tt.body, res.Value, tt.want, err)
		}
	}
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	o := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		chunk := make([]byte, 1<<20)
		for range http.MaxBody>>20 + 1 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	_, err := run(t, o, operator, map[string]any{})
	const want = "reading the answer: it is larger than 64 MiB: let a Bash or Python task store it in a file"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want …%s", err, want)
	}
}

// A time-out bounds each silence, before the answer and within it.
func TestTimeout(t *testing.T) {
	t.Parallel()
	o := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "beginning")
			w.(nethttp.Flusher).Flush()
		}
		<-r.Context().Done()
	})
	for _, tt := range []struct {
		endpoint string
		seconds  float64
		want     string
	}{
		{"head", 0.05, "net/http: timeout awaiting response headers"},
		// Long enough for a busy machine to send the beginning.
		{"body", 1, "reading the answer: the server sent nothing for the timeout in extra_options (1s)"},
	} {
		_, err := run(t, o, operator, map[string]any{"endpoint": tt.endpoint, "extra_options": map[string]any{"timeout": []any{nil, tt.seconds}}})
		if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want …%s", tt.endpoint, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := o.Run(ctx, operatortest.Find(t, http.Operators(), operator), map[string]any{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(echo))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake that has to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	o := operatortest.New(t)
	o.Settings.Connections = map[string]settings.Connection{"http_default": connection(t, s)}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(o.Dir, "ca.pem"), ca, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, o, operator, map[string]any{}); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("an unknown authority: %v", err)
	}
	for _, verify := range []any{false, "ca.pem"} {
		if _, err := run(t, o, operator, map[string]any{"extra_options": map[string]any{"verify": verify}}); err != nil {
			t.Errorf("verify %v: %v", verify, err)
		}
	}
}

// A proxy gets the request with the whole address.
func TestProxy(t *testing.T) {
	t.Parallel()
	o := serve(t, echo)
	s := httptest.NewServer(nethttp.HandlerFunc(echo))
	t.Cleanup(s.Close)
	proxy := connection(t, s)
	o.Settings.Connections["http_default"] = settings.Connection{Host: "nowhere.invalid"}
	res, err := run(t, o, operator, map[string]any{"endpoint": "x", "extra_options": map[string]any{
		"proxies": map[string]any{"http": fmt.Sprintf("%s:%d", proxy.Host, proxy.Port)},
	}})
	if err != nil || !strings.Contains(res.Value.(string), `"uri":"http://nowhere.invalid/x"`) {
		t.Errorf("got %v, %v", res.Value, err)
	}
}

func TestCheckAndFilter(t *testing.T) {
	t.Parallel()
	hook := dag.Callable{Path: "m.f"}
	o := serve(t, echo)
	p := &operatortest.Python{Value: json.RawMessage(`{"n":1}`), Done: true}
	o.Python = p
	res, err := run(t, o, operator, map[string]any{"response_check": hook, "response_filter": hook})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(json.RawMessage(`{"n":1}`), res.Value); d != "" {
		t.Error(d)
	}
	if len(p.Calls) != 2 || p.Calls[0].Paged || len(p.Calls[0].Responses) != 1 || p.Calls[0].Responses[0].StatusCode != nethttp.StatusOK ||
		p.Calls[0].Responses[0].Reason != "OK" || p.Calls[0].Responses[0].Headers["Content-Type"] != "application/json" || p.Calls[0].NoContext {
		t.Errorf("calls: %+v", p.Calls)
	}
	p.Done = false
	_, err = run(t, o, operator, map[string]any{"endpoint": "x?token=1", "response_check": hook})
	want := fmt.Sprintf("failed: response_check returned false for http://127.0.0.1:%d/x", o.Settings.Connections["http_default"].Port)
	if got := operatortest.Outcome(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.Err = errors.New("ValueError: no")
	if _, err = run(t, o, operator, map[string]any{"response_filter": hook}); !errors.Is(err, p.Err) {
		t.Errorf("got %v", err)
	}
	p.Err, p.Value = nil, nil
	if res, err = run(t, o, operator, map[string]any{"response_filter": hook}); err != nil || res.Value != nil {
		t.Errorf("a filter that returns None: %v, %v", res.Value, err)
	}
}

// pager is a pagination_function: a list of what it returns.
type pager struct {
	operatortest.Python
	next []string
}

func (p *pager) Call(ctx context.Context, a *task.Attempt, c task.PythonCall) (json.RawMessage, error) {
	p.Calls = append(p.Calls, c)
	n := p.next[0]
	p.next = p.next[1:]
	return json.RawMessage(n), nil
}

func TestPages(t *testing.T) {
	t.Parallel()
	o := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		_, _ = io.WriteString(w, r.RequestURI+" "+r.Header.Get("A")+r.Header.Get("B"))
	})
	p := &pager{next: []string{`{"data":{"page":2},"headers":{"B":"2"}}`, `{"endpoint":"other","data":"raw=1","extra_options":{"timeout":5}}`, "null"}}
	o.Python = p
	args := map[string]any{
		"method": "GET", "endpoint": "list", "data": map[string]any{"k": "v"}, "headers": map[string]any{"A": "1"},
		"pagination_function": dag.Callable{Path: "m.f"},
	}
	res, err := run(t, o, operator, args)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]any{"/list?k=v 1", "/list?k=v&page=2 12", "/other?raw=1 1"}, res.Value); d != "" {
		t.Errorf("pages (-want +got):\n%s", d)
	}
	if len(p.Calls) != 3 || !p.Calls[0].NoContext || len(p.Calls[2].Responses) != 1 {
		t.Errorf("calls: %+v", p.Calls)
	}
	p.next = []string{`"more"`}
	_, err = run(t, o, operator, args)
	const want = "pagination_function returned more, not a dict with endpoint, data, headers or extra_options, or None"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSensor(t *testing.T) {
	t.Parallel()
	hook := dag.Callable{Path: "m.f"}
	at := time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		status int
		args   map[string]any
		python *operatortest.Python
		want   string
		value  any
	}{
		{name: "there", status: 200, want: "success"},
		{name: "redirect without address counts as an answer", status: 304, want: "success"},
		{name: "not yet", status: 404, want: "reschedule: 2024-05-02T00:01:00Z"},
		{name: "another error", status: 500, want: "failed: GET URL/up: 500:Internal Server Error"},
		{name: "allowed", status: 503, args: map[string]any{"response_error_codes_allowlist": []any{int64(503)}}, want: "reschedule: 2024-05-02T00:01:00Z"},
		{name: "not allowed any more", status: 404, args: map[string]any{"response_error_codes_allowlist": []any{}}, want: "failed: GET URL/up: 404:Not Found"},
		{name: "bad list", status: 404, args: map[string]any{"response_error_codes_allowlist": []any{true}},
			want: "fatal (config): argument response_error_codes_allowlist: element 0 is True, not a status code"},
		{name: "unchecked", status: 404, args: map[string]any{"extra_options": map[string]any{"check_response": false}}, want: "success"},
		{name: "check says no", status: 200, args: map[string]any{"response_check": hook}, python: &operatortest.Python{}, want: "reschedule: 2024-05-02T00:01:00Z"},
		{name: "check says yes with a value", status: 200, args: map[string]any{"response_check": hook},
			python: &operatortest.Python{Done: true, Value: json.RawMessage("7")}, want: "success", value: json.RawMessage("7")},
		{name: "check says yes", status: 200, args: map[string]any{"response_check": hook}, python: &operatortest.Python{Done: true}, want: "success"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := serve(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				if r.Method != nethttp.MethodGet || r.RequestURI != "/up?a=1" {
					t.Errorf("asked for %s %s", r.Method, r.RequestURI)
				}
				w.WriteHeader(tt.status)
			})
			o.Now = func() time.Time { return at }
			o.Python = tt.python
			args := map[string]any{"endpoint": "up", "mode": "reschedule", "request_params": map[string]any{"a": "1"}}
			for k, v := range tt.args {
				args[k] = v
			}
			res, err := run(t, o, sensing, args)
			port := o.Settings.Connections["http_default"].Port
			got := strings.ReplaceAll(operatortest.Outcome(err), fmt.Sprintf("http://127.0.0.1:%d", port), "URL")
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if d := cmp.Diff(tt.value, res.Value); d != "" {
				t.Errorf("value (-want +got):\n%s", d)
			}
		})
	}
}
