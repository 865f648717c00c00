// Package awsconf is what everything that talks to AWS shares: how mains load the
// configuration, how calls are counted, and what their errors mean. It links no service,
// so that a program holds only those whose drivers it uses.
package awsconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
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

// Load reads the configuration as every AWS program does: environment (AWS_REGION,
// AWS_PROFILE, AWS_ENDPOINT_URL, AWS_MAX_ATTEMPTS, …), ~/.aws, and the role of the machine or
// function. The version is told to AWS as updraft/VERSION. It is for mains; drivers take
// what it returns. The error says what to set if there is no region.
func Load(ctx context.Context, version string, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	client := awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = dialTimeout
			t.MaxIdleConnsPerHost = idlePerHost
			t.MaxIdleConns = 4 * idlePerHost
		}).
		WithReadTimeout(readTimeout)
	all := append([]func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithAPIOptions([]func(*stack) error{middleware.AddUserAgentKeyValue("updraft", version)}),
	}, options...)
	cfg, err := config.LoadDefaultConfig(ctx, all...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("load the AWS configuration: no region is set: set AWS_REGION, or region in the profile of ~/.aws/config")
	}
	if cfg.RetryMode == "" {
		cfg.RetryMode = aws.RetryModeStandard
	}
	if cfg.RetryMaxAttempts == 0 {
		cfg.RetryMaxAttempts = attempts
	}
	return cfg, nil
}

// LoadFor is Load with a region and a profile; a region or profile that is empty is left to the
// environment.
func LoadFor(ctx context.Context, version, region, profile string) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	return Load(ctx, version, options...)
}

// WithReadTimeout returns a configuration whose connections may deliver nothing for so
// long; 0 is without bound. Synchronous calls of functions need it, which answer only
// when they are done.
func WithReadTimeout(cfg aws.Config, d time.Duration) aws.Config {
	cfg = cfg.Copy()
	if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		cfg.HTTPClient = c.WithReadTimeout(d)
	}
	return cfg
}
