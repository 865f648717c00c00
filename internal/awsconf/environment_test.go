package awsconf_test

import (
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
)

// asLambda are the variables of every function.
func asLambda(more map[string]string) map[string]string {
	all := map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	}
	maps.Copy(all, more)
	return all
}

// TestFromEnvironmentAsTheSDK: the SDK's own loader makes the same of the same variables. It is
// not parallel: that loader reads the environment.
func TestFromEnvironmentAsTheSDK(t *testing.T) {
	for name, vars := range map[string]map[string]string{
		"Lambda":          {},
		"another region":  {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2"},
		"old key names":   {"AWS_ACCESS_KEY_ID": "", "AWS_ACCESS_KEY": "k", "AWS_SECRET_ACCESS_KEY": "", "AWS_SECRET_KEY": "s"},
		"account":         {"AWS_ACCOUNT_ID": "123456789012"},
		"account ignored": {"AWS_ACCOUNT_ID": "123456789012", "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"},
		"endpoint":        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
		"one endpoint":    {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000"},
		"no endpoint":     {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
		"FIPS":            {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_REGION": "us-gov-west-1"},
		"dual stack":      {"AWS_USE_DUALSTACK_ENDPOINT": "TRUE"},
		"retries":         {"AWS_MAX_ATTEMPTS": "7", "AWS_RETRY_MODE": "adaptive"},
		"checksums":       {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required", "AWS_RESPONSE_CHECKSUM_VALIDATION": "WHEN_REQUIRED"},
		"name":            {"AWS_SDK_UA_APP_ID": "here"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kv := range os.Environ() { // of whoever runs the tests
				if k, _, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "AWS_") && k != "AWS_CA_BUNDLE" {
					t.Setenv(k, "")
				}
			}
			for k, v := range asLambda(vars) {
				t.Setenv(k, v)
			}
			ours, err := awsconf.FromEnvironment(os.LookupEnv, "1", "")
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := profiles.Load(t.Context(), "1")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := facts(t, ours), facts(t, theirs); !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v\nthe SDK has\n%+v", got, want)
			}
		})
	}
}

// facts are what one sees of a configuration: its plain fields, its keys, and where calls go.
func facts(t *testing.T, cfg aws.Config) map[string]any {
	t.Helper()
	out := map[string]any{}
	v := reflect.ValueOf(cfg)
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint8, reflect.String:
			out[v.Type().Field(i).Name] = f.Interface()
		}
	}
	delete(out, "DefaultsMode")            // legacy is what none means
	delete(out, "RestrictFilePermissions") // of files that functions do not have
	keys, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out["keys"] = keys
	var asked []string
	cfg.HTTPClient = roundTrip(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.Method+" "+r.URL.Host+" "+strings.Join(slices.Sorted(maps.Keys(r.Header)), ","))
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusNotFound)
		return w.Result(), nil
	})
	_, _ = dynamodb.NewFromConfig(cfg).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String("t")})
	_, _ = s3.NewFromConfig(cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: strings.NewReader("x")})
	if len(asked) != 2 {
		t.Fatalf("asked %v", asked)
	}
	out["asked"] = asked
	return out
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestFromEnvironmentRefuses(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, want string }{
		{"AWS_REGION", "", "set AWS_REGION"},
		{"AWS_ACCESS_KEY_ID", "", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"},
		{"AWS_MAX_ATTEMPTS", "many", `AWS_MAX_ATTEMPTS is "many": write a number`},
		{"AWS_RETRY_MODE", "never", `AWS_RETRY_MODE is "never"`},
		{"AWS_USE_FIPS_ENDPOINT", "yes", `AWS_USE_FIPS_ENDPOINT is "yes": write true or false`},
		{"AWS_USE_DUALSTACK_ENDPOINT", "1", `AWS_USE_DUALSTACK_ENDPOINT is "1"`},
		{"AWS_REQUEST_CHECKSUM_CALCULATION", "sometimes", `AWS_REQUEST_CHECKSUM_CALCULATION is "sometimes"`},
		{"AWS_CA_BUNDLE", empty, "has no certificate in PEM"},
		{"AWS_CA_BUNDLE", empty + ".gone", "AWS_CA_BUNDLE: open "},
	} {
		vars := asLambda(map[string]string{c.name: c.value})
		_, err := awsconf.FromEnvironment(func(n string) (string, bool) { v, ok := vars[n]; return v, ok }, "1", "")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v, want %q", c.name, c.value, err, c.want)
		}
	}
}

func TestFromEnvironmentTrustsBundle(t *testing.T) {
	t.Parallel()
	called := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	t.Cleanup(server.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	vars := asLambda(map[string]string{"AWS_CA_BUNDLE": bundle, "AWS_ENDPOINT_URL": server.URL, "AWS_REGION": ""})
	cfg, err := awsconf.FromEnvironment(func(n string) (string, bool) { v, ok := vars[n]; return v, ok }, "1", "eu-north-1")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = dynamodb.NewFromConfig(cfg).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if !called || cfg.Region != "eu-north-1" {
		t.Errorf("called %t, region %s", called, cfg.Region)
	}
}
