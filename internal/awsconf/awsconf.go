// Package awsconf is what everything that talks to AWS shares: how functions load the
// configuration (other mains: package profiles), how calls are counted, and what their
// errors mean. It links no service, so that a program holds only those whose drivers it uses.
package awsconf

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

const (
	// attempts is how often a call is tried. The SDK's three are gone within a second or
	// two, which a table that is warming up outlasts; its waits grow up to 20 s, so that
	// more would outlast a function's patience.
	attempts = 5
	// dialTimeout bounds connecting and the TLS handshake, each; the SDK's 30 s would be
	// most of a scheduler tick.
	dialTimeout = 5 * time.Second
	// readTimeout is how long a connection may deliver nothing: three times the longest
	// poll of SQS. See WithReadTimeout for calls that are silent for longer.
	readTimeout = time.Minute
	// idlePerHost is how many connections to one service are kept: a fan-out that sends
	// more at once than the SDK's 10 would pay a handshake for each of the others.
	idlePerHost = 64
)

// Client is the HTTP client of all configurations, with our time-outs.
func Client() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = dialTimeout
			t.MaxIdleConnsPerHost = idlePerHost
			t.MaxIdleConns = 4 * idlePerHost
		}).
		WithReadTimeout(readTimeout)
}

// UserAgent has each call tell AWS that it is from updraft/VERSION.
func UserAgent(version string) []func(*stack) error {
	return []func(*stack) error{middleware.AddUserAgentKeyValue("updraft", version)}
}

// Complete sets what nobody has chosen: how calls are tried again, and that each is sent
// whole. The error says what to set if there is no region.
func Complete(cfg aws.Config) (aws.Config, error) {
	if cfg.Region == "" {
		return aws.Config{}, errors.New("load the AWS configuration: no region is set: set AWS_REGION, or region in the profile of ~/.aws/config")
	}
	if cfg.RetryMode == "" {
		cfg.RetryMode = aws.RetryModeStandard
	}
	if cfg.RetryMaxAttempts == 0 {
		cfg.RetryMaxAttempts = attempts
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), retryMore)
	cfg.HTTPClient = Whole(cfg.HTTPClient)
	return cfg, nil
}

// WithReadTimeout returns a configuration whose connections may deliver nothing for so
// long; 0 is without bound. Synchronous calls of functions need it, which answer only
// when they are done.
func WithReadTimeout(cfg aws.Config, d time.Duration) aws.Config {
	return withClient(cfg, func(c *awshttp.BuildableClient) *awshttp.BuildableClient { return c.WithReadTimeout(d) })
}

// WithConnections returns a configuration that keeps at least n connections to one host: a
// handshake for each of as many calls at once would take longer than the calls.
func WithConnections(cfg aws.Config, n int) aws.Config {
	return withClient(cfg, func(c *awshttp.BuildableClient) *awshttp.BuildableClient {
		return c.WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = max(n, t.MaxIdleConnsPerHost) })
	})
}

// withClient returns a configuration with another client, if it has one of Complete's.
func withClient(cfg aws.Config, change func(*awshttp.BuildableClient) *awshttp.BuildableClient) aws.Config {
	cfg = cfg.Copy()
	if w, ok := cfg.HTTPClient.(whole); ok {
		if c, ok := w.client.(*awshttp.BuildableClient); ok {
			cfg.HTTPClient = Whole(change(c))
		}
	}
	return cfg
}
