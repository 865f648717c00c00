//go:build kubernetes

package dags_test

import "go.uber.org/goleak"

// left are the goroutines of connections to a real cluster, which are kept for the next
// request.
func left() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*ClientConn).readLoop"),
	}
}
