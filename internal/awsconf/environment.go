package awsconf

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
)

// environment reads the variables that AWS documents for all its SDKs.
type environment struct {
	lookup func(string) (string, bool)
	errs   []error
}

// FromEnvironment reads the configuration of a function, all of which Lambda gives in
// variables: keys, region, endpoints, retries, FIPS and dual-stack endpoints, checksums and the
// file of certificates. A test holds it to what the SDK makes of the same variables. Profiles
// and roles are package profiles' matter: a function has neither. A region that is not empty
// counts instead of the variable's. The version is told to AWS as updraft/VERSION.
func FromEnvironment(lookup func(string) (string, bool), version, region string) (aws.Config, error) {
	e := &environment{lookup: lookup}
	client := Client()
	if path := e.text("AWS_CA_BUNDLE"); path != "" {
		roots := e.roots(path)
		client = client.WithTransportOptions(func(t *http.Transport) { t.TLSClientConfig.RootCAs = roots })
	}
	cfg := aws.Config{
		Region: cmp.Or(region, e.text("AWS_REGION", "AWS_DEFAULT_REGION")), Credentials: e.credentials(),
		HTTPClient: client, APIOptions: UserAgent(version), ConfigSources: []any{e}, Logger: logging.NewStandardLogger(os.Stderr),
		RetryMaxAttempts: e.attempts(), RetryMode: e.retryMode(), AppID: e.text("AWS_SDK_UA_APP_ID"),
		// Unset is not what the SDK's loader leaves these at.
		DefaultsMode: aws.DefaultsModeLegacy, RequestMinCompressSizeBytes: 10_240,
		RequestChecksumCalculation: choice(e, "AWS_REQUEST_CHECKSUM_CALCULATION", aws.RequestChecksumCalculationWhenSupported,
			map[string]aws.RequestChecksumCalculation{"when_supported": aws.RequestChecksumCalculationWhenSupported, "when_required": aws.RequestChecksumCalculationWhenRequired}),
		ResponseChecksumValidation: choice(e, "AWS_RESPONSE_CHECKSUM_VALIDATION", aws.ResponseChecksumValidationWhenSupported,
			map[string]aws.ResponseChecksumValidation{"when_supported": aws.ResponseChecksumValidationWhenSupported, "when_required": aws.ResponseChecksumValidationWhenRequired}),
		AccountIDEndpointMode: choice(e, "AWS_ACCOUNT_ID_ENDPOINT_MODE", aws.AccountIDEndpointModePreferred,
			map[string]aws.AccountIDEndpointMode{"preferred": aws.AccountIDEndpointModePreferred, "required": aws.AccountIDEndpointModeRequired, "disabled": aws.AccountIDEndpointModeDisabled}),
	}
	if u := e.text("AWS_ENDPOINT_URL"); u != "" && !e.ignoresEndpoints() {
		cfg.BaseEndpoint = &u
	}
	if _, _, err := e.GetUseFIPSEndpoint(context.Background()); err != nil {
		e.errs = append(e.errs, err)
	}
	if _, _, err := e.GetUseDualStackEndpoint(context.Background()); err != nil {
		e.errs = append(e.errs, err)
	}
	if err := errors.Join(e.errs...); err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return Complete(cfg)
}

// text is the first of some variables that is set.
func (e *environment) text(names ...string) string {
	for _, name := range names {
		if v, ok := e.lookup(name); ok && v != "" {
			return v
		}
	}
	return ""
}

func (e *environment) credentials() aws.CredentialsProvider {
	c := aws.Credentials{
		AccessKeyID: e.text("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"), SecretAccessKey: e.text("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"),
		SessionToken: e.text("AWS_SESSION_TOKEN"), AccountID: e.text("AWS_ACCOUNT_ID"), Source: "EnvConfigCredentials",
	}
	if !c.HasKeys() {
		e.errs = append(e.errs, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: Lambda sets them for a function with a role"))
	}
	return aws.NewCredentialsCache(credentials.StaticCredentialsProvider{Value: c, Source: []aws.CredentialSource{aws.CredentialSourceEnvVars}})
}

func (e *environment) roots(path string) *x509.CertPool {
	pool := x509.NewCertPool()
	b, err := os.ReadFile(path)
	switch {
	case err != nil:
		e.errs = append(e.errs, fmt.Errorf("AWS_CA_BUNDLE: %w", err))
	case !pool.AppendCertsFromPEM(b):
		e.errs = append(e.errs, fmt.Errorf("AWS_CA_BUNDLE: %s has no certificate in PEM", path))
	}
	return pool
}

func (e *environment) attempts() int {
	v := e.text("AWS_MAX_ATTEMPTS")
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		e.errs = append(e.errs, fmt.Errorf("AWS_MAX_ATTEMPTS is %q: write a number", v))
	}
	return n
}

func (e *environment) retryMode() aws.RetryMode {
	v := e.text("AWS_RETRY_MODE")
	if v == "" {
		return ""
	}
	m, err := aws.ParseRetryMode(v)
	if err != nil {
		e.errs = append(e.errs, fmt.Errorf("AWS_RETRY_MODE is %q: write standard or adaptive", v))
	}
	return m
}

// choice is a variable that has one of some values.
func choice[V any](e *environment, name string, otherwise V, of map[string]V) V {
	v := e.text(name)
	if v == "" {
		return otherwise
	}
	if known, ok := of[strings.ToLower(v)]; ok {
		return known
	}
	e.errs = append(e.errs, fmt.Errorf("%s is %q, which is none of its values", name, v))
	return otherwise
}

// ignoresEndpoints says whether variables with endpoints do not count.
func (e *environment) ignoresEndpoints() bool {
	return strings.EqualFold(e.text("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true")
}

// GetServiceBaseEndpoint is how a client of the SDK asks for an endpoint of its own:
// AWS_ENDPOINT_URL_DYNAMODB and so on.
func (e *environment) GetServiceBaseEndpoint(_ context.Context, sdkID string) (string, bool, error) {
	u := e.text("AWS_ENDPOINT_URL_" + strings.ReplaceAll(strings.ToUpper(sdkID), " ", "_"))
	return u, u != "", nil
}

// GetIgnoreConfiguredEndpoints is how it asks whether that counts.
func (e *environment) GetIgnoreConfiguredEndpoints(context.Context) (ignore, found bool, err error) {
	return e.ignoresEndpoints(), true, nil
}

// GetUseFIPSEndpoint is how it asks whether endpoints have to be validated ones.
func (e *environment) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	on, found, err := e.flag("AWS_USE_FIPS_ENDPOINT")
	if on {
		return aws.FIPSEndpointStateEnabled, found, err
	}
	return aws.FIPSEndpointStateDisabled, found, err
}

// GetUseDualStackEndpoint is how it asks whether endpoints have to speak IPv6, too.
func (e *environment) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	on, found, err := e.flag("AWS_USE_DUALSTACK_ENDPOINT")
	if on {
		return aws.DualStackEndpointStateEnabled, found, err
	}
	return aws.DualStackEndpointStateDisabled, found, err
}

func (e *environment) flag(name string) (on, found bool, err error) {
	v := e.text(name)
	switch strings.ToLower(v) {
	case "":
		return false, false, nil
	case "true", "false":
		return strings.EqualFold(v, "true"), true, nil
	}
	return false, false, fmt.Errorf("%s is %q: write true or false", name, v)
}
