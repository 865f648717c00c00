package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestMain lets the test program be the command: it prints what the service answers.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || os.Args[1] != "get" {
		os.Exit(m.Run())
	}
	res, err := http.Get(os.Getenv(addressVariable) + os.Args[2])
	if err != nil {
		os.Exit(1)
	}
	io.Copy(os.Stdout, res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		os.Exit(7)
	}
	os.Exit(0)
}

func TestRunsACommand(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		command []string
		code    int
		out     string
		err     string
	}{
		{"it finds the service", []string{self, "get", "/health"}, 0, `{"status":"ok"}`, ""},
		{"its exit code is ours", []string{self, "get", "/v1/forecast"}, 7, "the parameter city is missing", ""},
		{"a signal has a code as in a shell", []string{"sh", "-c", "kill -9 $$"}, 137, "", ""},
		{"no such command", []string{"/no/such/command"}, 0, "", "no such file or directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			code, err := serve(t.Context(), tt.command, &out)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error is %v, want one with %q", err, tt.err)
			}
			if code != tt.code || !strings.Contains(out.String(), tt.out) {
				t.Errorf("exit code %d and %q, want %d and %q", code, out.String(), tt.code, tt.out)
			}
		})
	}
}

// TestPassesSIGTERMOn: the command decides what its end is.
func TestPassesSIGTERMOn(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"0", "5"} {
		ctx, stop := context.WithCancel(t.Context())
		r, w := io.Pipe()
		ended := make(chan string, 1)
		go func() {
			got, err := serve(ctx, []string{"sh", "-c", "trap 'exit " + code + "' TERM; echo ready; while :; do sleep 0.02; done"}, w)
			ended <- fmt.Sprint(got, err)
		}()
		if _, err := r.Read(make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		stop() // as SIGTERM does
		if got := <-ended; got != code+" <nil>" {
			t.Errorf("a command that ends with %s gave %s", code, got)
		}
	}
}

// TestServesWithoutACommand: it says where, and stops with its context.
func TestServesWithoutACommand(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := serve(ctx, nil, w)
		ended <- err
	}()
	line := make([]byte, 256)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	_, address, ok := strings.Cut(string(line[:n]), addressVariable+"=")
	if !ok {
		t.Fatalf("it printed %q", line[:n])
	}
	res, err := http.Get(strings.TrimSpace(address) + "/health")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	res.Body.Close()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
