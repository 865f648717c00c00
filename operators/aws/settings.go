package aws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// accountSettings is what an attempt's arguments and connection say of its account.
type accountSettings struct {
	id    string
	found bool

	key, secret, token        string
	region, profile, endpoint string
	services                  map[string]any
	role                      *role

	// insecure and authorities are verify.
	insecure    bool
	authorities string

	unsigned, pathStyle         bool
	connectTimeout, readTimeout time.Duration
	attempts                    int
	retryMode                   sdk.RetryMode
	proxy                       *url.URL
}

// readSettings reads the arguments, and the connection if there is one.
func readSettings(ctx context.Context, a *task.Attempt, names Names) (*accountSettings, error) {
	s := &accountSettings{}
	var err error
	if s.id, err = connectionID(a, names.Connection); err != nil {
		return nil, err
	}
	var botocore map[string]any
	var errs [2]error
	s.region, errs[0] = task.Get(a, "region_name", "")
	botocore, errs[1] = task.Get(a, "botocore_config", map[string]any(nil))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	verify := a.Args[names.Verify]
	if s.id != "" {
		conn, err := a.Settings.Connection(ctx, s.id)
		switch {
		case isMissing(err):
			a.Log.WarnContext(ctx, fmt.Sprintf("there is no connection %s: using the credentials that the AWS SDK finds by itself", s.id))
		case err != nil:
			return nil, fmt.Errorf("%s: %w", names.Connection, err)
		default:
			s.found = true
			extra := conn.ExtraMap()
			if err := s.connection(&conn, extra); err != nil {
				return nil, err
			}
			if verify == nil {
				verify = extra["verify"]
			}
			if m, ok := extra["config_kwargs"].(map[string]any); ok && len(botocore) == 0 {
				botocore = m
			}
		}
	}
	if err := s.verify(names.Verify, verify); err != nil {
		return nil, err
	}
	return s, s.botocore(ctx, a, botocore)
}

// connection reads a connection of type aws.
func (s *accountSettings) connection(c *settings.Connection, extra map[string]any) error {
	session, _ := extra["session_kwargs"].(map[string]any)
	text := func(m map[string]any, name string) string { v, _ := m[name].(string); return v }
	switch {
	case c.Login != "" && c.Password != "":
		s.key, s.secret = c.Login, c.Password
	case text(extra, "aws_access_key_id") != "":
		s.key, s.secret = text(extra, "aws_access_key_id"), text(extra, "aws_secret_access_key")
	default:
		s.key, s.secret = text(session, "aws_access_key_id"), text(session, "aws_secret_access_key")
	}
	if s.token = text(extra, "aws_session_token"); s.token == "" {
		s.token = text(session, "aws_session_token")
	}
	if s.key != "" && s.secret == "" {
		return task.Misconfigured(fmt.Errorf("connection %s has an access key and no secret: set its password", s.id))
	}
	if s.region == "" {
		s.region = text(extra, "region_name")
	}
	s.profile, s.endpoint = text(extra, "profile_name"), text(extra, "endpoint_url")
	if s.endpoint != "" && !strings.Contains(s.endpoint, "://") {
		return task.Misconfigured(fmt.Errorf("connection %s: endpoint_url is %q: write a URL such as http://127.0.0.1:4566", s.id, s.endpoint))
	}
	// boto3 asks with the bucket in the path as soon as the endpoint is not Amazon's.
	s.pathStyle = s.endpoint != ""
	s.services, _ = extra["service_config"].(map[string]any)
	var err error
	s.role, err = readRole(s.id, extra)
	return err
}

func (s *accountSettings) verify(name string, v any) error {
	switch v := v.(type) {
	case nil:
	case bool:
		s.insecure = !v
	case string:
		switch strings.ToLower(v) {
		case "", "true":
		case "false":
			s.insecure = true
		default:
			s.authorities = v
		}
	default:
		return task.Misconfigured(fmt.Errorf("%s is neither true, false nor a file name", name))
	}
	return nil
}

// botocore reads what is known of botocore's Config; the rest is told and ignored.
func (s *accountSettings) botocore(ctx context.Context, a *task.Attempt, m map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v := m[name]
		sub, _ := v.(map[string]any)
		f, isNumber := number(v)
		ok := true
		switch name {
		case "connect_timeout":
			s.connectTimeout, ok = seconds(f), isNumber
		case "read_timeout":
			s.readTimeout, ok = seconds(f), isNumber
		case "region_name":
			if text, isText := v.(string); isText && s.region == "" {
				s.region = text
			}
		case "signature_version":
			s.unsigned = v == "unsigned"
		case "s3":
			s.pathStyle = sub["addressing_style"] == "path" || s.pathStyle && sub["addressing_style"] != "virtual"
		case "retries":
			ok = s.retries(sub)
		case "proxies":
			ok = s.proxies(sub)
		default:
			a.Log.WarnContext(ctx, fmt.Sprintf("botocore_config: %s is unknown and ignored", name))
		}
		if !ok {
			return task.Misconfigured(fmt.Errorf("botocore_config: %s is %v: write it as for botocore's Config", name, v))
		}
	}
	return nil
}

// retries reads the dict of that name. botocore's max_attempts does not count the first
// call, its total_max_attempts and the SDK do.
func (s *accountSettings) retries(m map[string]any) bool {
	if f, ok := number(m["max_attempts"]); ok {
		s.attempts = int(f) + 1
	}
	if f, ok := number(m["total_max_attempts"]); ok {
		s.attempts = int(f)
	}
	switch m["mode"] {
	case nil, "standard", "legacy":
	case "adaptive":
		s.retryMode = sdk.RetryModeAdaptive
	default:
		return false
	}
	return s.attempts >= 0
}

func (s *accountSettings) proxies(m map[string]any) bool {
	for _, scheme := range []string{"http", "https"} { // https over http: services are there
		text, ok := m[scheme].(string)
		if !ok {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return false
		}
		s.proxy = u
	}
	return true
}

// httpClient is the SDK's client with the certificates, time-outs and proxy asked for.
// Relative names of files start at dir.
func (s *accountSettings) httpClient(dir string) (*awshttp.BuildableClient, error) {
	var roots *x509.CertPool
	if s.authorities != "" {
		path := s.authorities
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, task.Misconfigured(fmt.Errorf("verify: %w", err))
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return nil, task.Misconfigured(fmt.Errorf("verify: %s has no certificate in PEM form", path))
		}
	}
	client := awshttp.NewBuildableClient()
	if s.connectTimeout > 0 {
		client = client.WithDialerOptions(func(d *net.Dialer) { d.Timeout = s.connectTimeout })
	}
	return client.WithTransportOptions(func(t *http.Transport) {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.InsecureSkipVerify = s.insecure
		if roots != nil {
			t.TLSClientConfig.RootCAs = roots
		}
		t.ResponseHeaderTimeout = s.readTimeout
		if s.proxy != nil {
			t.Proxy = http.ProxyURL(s.proxy)
		}
	}), nil
}

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

// number is a number of an argument, or of a connection's extra.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case int:
		return float64(v), true
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}
