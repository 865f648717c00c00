// Package awstest runs AWS operators against a server in the test that answers as an AWS
// service does: what is asked and what follows from an answer can be tested without one.
// Whether a real service takes what is asked is for the tests with emulators.
package awstest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/settings"
)

// Call is one request to the service.
type Call struct {
	// Operation is the name of the operation in the JSON protocols, and the method and
	// path in the others.
	Operation string
	// Body is the request's, if it is a JSON object; Raw as it came.
	Body   map[string]any
	Raw    string
	Header http.Header
}

// Answer is what the service says.
type Answer struct {
	// Status is 200 by default, and 400 with a Code.
	Status int
	// Code and Message are an error's.
	Code, Message string
	// Body is written as JSON; a text as it is.
	Body   any
	Header map[string]string
}

// Service is the server, and what it was asked.
type Service struct {
	URL string

	mu    sync.Mutex
	calls []Call
}

// Serve starts a service, and returns it with a harness whose connection aws_default
// leads to it. Calls beyond max_attempts do not happen: the SDK tries once.
func Serve(t testing.TB, answer func(Call) Answer) (*operatortest.Harness, *Service) {
	t.Helper()
	s := &Service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := read(r)
		s.mu.Lock()
		s.calls = append(s.calls, c)
		s.mu.Unlock()
		answer(c).write(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	o := operatortest.New(t)
	o.Settings.Connections = map[string]settings.Connection{"aws_default": Connection(t, map[string]any{
		"endpoint_url": server.URL, "region_name": "eu-west-1", "config_kwargs": map[string]any{"retries": map[string]any{"total_max_attempts": 1}},
	})}
	return o, s
}

// Connection is a connection of type aws with keys and an extra.
func Connection(t testing.TB, extra map[string]any) settings.Connection {
	t.Helper()
	raw, err := json.Marshal(extra)
	if err != nil {
		t.Fatal(err)
	}
	return settings.Connection{ID: "aws_default", Type: "aws", Login: "AKIDEXAMPLE", Password: "secret", Extra: raw}
}

// Emulator returns a harness whose connection leads to the AWS emulator that the
// environment names.
func Emulator(t testing.TB) *operatortest.Harness {
	t.Helper()
	at := os.Getenv("AWS_ENDPOINT_URL")
	if at == "" {
		t.Fatal("AWS_ENDPOINT_URL is not set: start the emulators with localstack/up and read .local/env, or run `make emulator-test`")
	}
	o := operatortest.New(t)
	o.Settings.Connections = map[string]settings.Connection{"aws_default": Connection(t, map[string]any{"endpoint_url": at, "region_name": "us-east-1"})}
	return o
}

// Calls are the calls so far.
func (s *Service) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Operations are the names of the calls so far.
func (s *Service) Operations() string {
	var names []string
	for _, c := range s.Calls() {
		names = append(names, c.Operation)
	}
	return strings.Join(names, " ")
}

func read(r *http.Request) Call {
	raw, _ := io.ReadAll(r.Body)
	c := Call{Operation: r.Method + " " + r.URL.RequestURI(), Raw: string(raw), Header: r.Header}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		c.Operation = target[strings.LastIndexByte(target, '.')+1:]
	}
	_ = json.Unmarshal(raw, &c.Body) // it need not be JSON
	return c
}

func (a Answer) write(w http.ResponseWriter, r *http.Request) {
	for name, v := range a.Header {
		w.Header().Set(name, v)
	}
	w.Header().Set("X-Amzn-Requestid", "the-request")
	body := a.Body
	if a.Code != "" {
		w.Header().Set("X-Amzn-Errortype", a.Code)
		body = map[string]any{"__type": a.Code, "message": a.Message}
		if a.Status == 0 {
			a.Status = http.StatusBadRequest
		}
	}
	text, isText := body.(string)
	if !isText {
		if body == nil {
			body = map[string]any{}
		}
		raw, err := json.Marshal(body)
		if err != nil {
			panic(fmt.Sprintf("awstest: the answer to %s: %v", r.URL, err)) // the test's own mistake
		}
		text = string(raw)
	}
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, text)
	}
}

// Unique is a name that no other test has, for what tests make in an emulator.
func Unique(t testing.TB, prefix string) string {
	t.Helper()
	return fmt.Sprintf("%s-%s", prefix, strings.ToLower(rand.Text()[:10]))
}
