// Package aws is what the operators of Amazon's services share: how a client is made of
// an Airflow connection, what an error of a service means, and how a job that runs over
// there is waited for. The operators are in the folders below, one for each service, so
// that a program links only the services it offers.
package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// DefaultConnection is the connection that Airflow uses when none is named.
const DefaultConnection = "aws_default"

// Args are the arguments that every AWS operator has beside its own.
func Args() []dag.ArgSpec {
	return []dag.ArgSpec{
		{
			Name: "aws_conn_id", Type: dag.ArgString, Templated: true, Default: DefaultConnection,
			Doc: "Connection with the keys as login and password, and region_name, role_arn, endpoint_url and others in its extra; None, or one that does not exist, means what the AWS SDK finds by itself.",
		},
		{Name: "region_name", Type: dag.ArgString, Templated: true, Doc: "Region, over the connection's."},
		{Name: "verify", Type: dag.ArgAny, Templated: true, Doc: "False accepts any certificate; a text is a file with the certificates of the authorities to trust."},
		{
			Name: "botocore_config", Type: dag.ArgDict,
			Doc: "Any of connect_timeout, read_timeout, retries, proxies, region_name, signature_version (unsigned) and s3 (addressing_style), as in botocore's Config.",
		},
	}
}

// Names are the arguments that an account is made of, for operators that have two.
type Names struct{ Connection, Verify string }

// Account is what the clients of an attempt are made of.
type Account struct {
	// Config is the configuration of the SDK. It has a region.
	Config sdk.Config
	// PathStyle asks S3 for buckets in the path instead of the host name.
	PathStyle bool

	id        string // of the connection; empty means none
	found     bool
	endpoint  string
	services  map[string]any
	transport *http.Transport
}

// Open makes the account of an attempt from its arguments. The region is what region_name,
// the connection or the worker says, or else this one; an empty one is then an error.
// The caller closes the account.
func Open(ctx context.Context, a *task.Attempt, region string) (*Account, error) {
	return OpenAs(ctx, a, region, Names{Connection: "aws_conn_id", Verify: "verify"})
}

// OpenAs is Open with the arguments of other names.
func OpenAs(ctx context.Context, a *task.Attempt, region string, names Names) (*Account, error) {
	s, err := readSettings(ctx, a, names)
	if err != nil {
		return nil, err
	}
	client, err := s.httpClient(a.Dir)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, s.options(client)...)
	if err != nil {
		return nil, task.Misconfigured(fmt.Errorf("%s: %w", s.name(), err))
	}
	if cfg.Region == "" {
		cfg.Region = region
	}
	if cfg.Region == "" {
		return nil, task.Misconfigured(fmt.Errorf("%s: no region: set region_name of the task or in the connection's extra, or AWS_REGION of the worker", s.name()))
	}
	acc := &Account{Config: cfg, PathStyle: s.pathStyle, id: s.id, found: s.found, endpoint: s.endpoint, services: s.services}
	acc.ownTransport()
	if s.role != nil {
		acc.assume(s.role)
	}
	return acc, nil
}

// Close gives back the account's connections to the services.
func (c *Account) Close() { c.transport.CloseIdleConnections() }

// Endpoint sets where a service is, if the connection says so.
func (c *Account) Endpoint(service string, to **string) {
	at := c.endpoint
	if s, ok := c.services[service].(map[string]any); ok {
		if e, ok := s["endpoint_url"].(string); ok && e != "" {
			at = e
		}
	}
	if at != "" {
		*to = &at
	}
}

// ownTransport replaces the SDK's HTTP client by one whose connections can be closed.
func (c *Account) ownTransport() {
	c.transport = http.DefaultTransport.(*http.Transport).Clone()
	if b, ok := c.Config.HTTPClient.(*awshttp.BuildableClient); ok {
		c.transport = b.GetTransport()
	}
	c.Config.HTTPClient = awsconf.Whole(&http.Client{
		Transport: c.transport,
		// As the SDK's own client: an answer that redirects is for the SDK to judge.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
}

// options are what the SDK is told of the settings.
func (s *accountSettings) options(client *awshttp.BuildableClient) []func(*config.LoadOptions) error {
	out := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithAppID("updraft"),
		config.WithLogger(logging.Nop{}),
	}
	if s.region != "" {
		out = append(out, config.WithRegion(s.region))
	}
	if s.profile != "" {
		out = append(out, config.WithSharedConfigProfile(s.profile))
	}
	switch {
	case s.unsigned:
		out = append(out, config.WithCredentialsProvider(sdk.AnonymousCredentials{}))
	case s.key != "":
		out = append(out, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(s.key, s.secret, s.token)))
	}
	if s.attempts > 0 {
		out = append(out, config.WithRetryMaxAttempts(s.attempts))
	}
	if s.retryMode != "" {
		out = append(out, config.WithRetryMode(s.retryMode))
	}
	return out
}

// name is how messages call where the account comes from.
func (s *accountSettings) name() string { return accountName(s.id, s.found) }

func accountName(id string, found bool) string {
	switch {
	case id == "":
		return "AWS"
	case !found:
		return fmt.Sprintf("AWS (there is no connection %s)", id)
	default:
		return "AWS connection " + id
	}
}

// connectionID is the connection to use; empty means none.
func connectionID(a *task.Attempt, arg string) (string, error) {
	if v, given := a.Args[arg]; given && v == nil {
		return "", nil
	}
	return task.Get(a, arg, DefaultConnection)
}

// isMissing says that a connection does not exist: the SDK's own way is then taken, as
// Airflow does.
func isMissing(err error) bool { return errors.Is(err, store.ErrNotFound) }
