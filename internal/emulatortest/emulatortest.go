// Package emulatortest tells tests where the local stand-ins for AWS, MinIO and Google Cloud
// Storage are, and a PostgreSQL. What tests do with them does not belong here.
//
// A test that needs one carries the build tag emulator, in a file named
// *_emulator_test.go, and asks for it:
//
//	//go:build emulator
//
//	func TestSend(t *testing.T) {
//		t.Parallel()
//		client := sqs.NewFromConfig(emulatortest.AWS(t))
//		queue := emulatortest.Name(t)
//		// create it
//		emulatortest.Cleanup(t, "delete queue "+queue, func(ctx context.Context) error { … })
//	}
//
// "make emulator-test" starts them and runs all such tests. For a single package:
// "make local-up", ". .local/env", "go test -tags emulator ./that/package". An emulator that
// is not there is a failure, never a skip; one that is not on this machine is refused, so
// that no test runs in a real account.
//
// Faults leads through a proxy that has calls go wrong.
//
// All tests share the emulators and run side by side: what a test makes is named by Name,
// and it must not count on being alone. S3 clients need UsePathStyle.
package emulatortest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// The variables that localstack/up writes to .local/env.
const (
	awsVariable      = "AWS_ENDPOINT_URL"
	dynamoDBVariable = "UPDRAFT_TEST_DYNAMODB_LOCAL"
	minioVariable    = "UPDRAFT_TEST_MINIO"
	gcsVariable      = "STORAGE_EMULATOR_HOST"
	faultsVariable   = "UPDRAFT_TEST_FAULTS"
)

const (
	remedy = `run "make local-up" and then ". .local/env"`
	// dialTimeout is long for a machine that answers itself, and short for a person.
	dialTimeout = 5 * time.Second
	// cleanupTimeout bounds what Cleanup calls.
	cleanupTimeout = 30 * time.Second
	// prefixLength is how much of a test's name is kept: buckets and queues have names of
	// up to 63 and 80 characters, and a test may put something behind its own.
	prefixLength = 30
)

// AWS returns the configuration of LocalStack, which stands for every service of AWS.
func AWS(t testing.TB) aws.Config {
	t.Helper()
	at(t, awsVariable)
	return load(t)
}

// DynamoDBLocal returns the configuration of Amazon's DynamoDB Local, which has DynamoDB
// and its streams only.
func DynamoDBLocal(t testing.TB) aws.Config {
	t.Helper()
	endpoint := at(t, dynamoDBVariable)
	cfg := load(t)
	cfg.BaseEndpoint = aws.String(endpoint)
	cfg.ConfigSources = nil // or AWS_ENDPOINT_URL would be used instead
	return cfg
}

// Server is where an emulator is and who may use it.
type Server struct {
	// Endpoint is its host and port.
	Endpoint string
	// URL is the same with the scheme.
	URL string
	// AccessKey and SecretKey are empty where it asks for none.
	AccessKey, SecretKey string
}

// MinIO returns where MinIO is. A bucket has to be made by the test.
func MinIO(t testing.TB) Server {
	t.Helper()
	s := server(at(t, minioVariable))
	s.AccessKey, s.SecretKey = lookup(t, minioVariable+"_ACCESS_KEY"), lookup(t, minioVariable+"_SECRET_KEY")
	return s
}

// GCS returns where the stand-in for Google Cloud Storage is. Google's client finds it by
// itself, through STORAGE_EMULATOR_HOST.
func GCS(t testing.TB) Server {
	t.Helper()
	return server(at(t, gcsVariable))
}

// Name returns a name that nobody else has: the test's, as far as it fits, and a random
// part. It has at most 43 characters, lower-case letters, digits and inner hyphens, which
// is good for tables, queues, buckets, functions and clusters.
func Name(t testing.TB) string {
	t.Helper()
	random := make([]byte, 6)
	_, _ = rand.Read(random) // never fails
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimPrefix(t.Name(), "Test")) {
		switch {
		case b.Len() == prefixLength:
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-") + "-" + hex.EncodeToString(random)
}

// Cleanup calls remove when the test has ended, with a context of its own since the test's
// is done by then. An error fails the test, with what was being done.
func Cleanup(t testing.TB, what string, remove func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), cleanupTimeout)
		defer cancel()
		if err := remove(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
}

// at returns the URL in a variable, after a look at whether somebody answers there.
func at(t testing.TB, variable string) string {
	t.Helper()
	value := lookup(t, variable)
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Port() == "" {
		t.Fatalf("%s=%s is no address with a port: %s", variable, os.Getenv(variable), remedy)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && !ip.IsLoopback() {
		t.Fatalf("%s=%s is not on this machine, and tests only run against emulators: %s", variable, value, remedy)
	}
	conn, err := net.DialTimeout("tcp", u.Host, dialTimeout)
	if err != nil {
		t.Fatalf("nobody answers at %s=%s: %s: %v", variable, value, remedy, err)
	}
	conn.Close()
	return value
}

// lookup returns a variable that must be there.
func lookup(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Fatalf("%s is not set: %s", variable, remedy)
	}
	return value
}

// load reads what the SDK reads, but no file of the developer's.
func load(t testing.TB) aws.Config {
	t.Helper()
	key, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	if key == "" || secret == "" {
		key, secret = "test", "test" // emulators of AWS do not look at them
	}
	cfg, err := config.LoadDefaultConfig(t.Context(),
		config.WithSharedConfigFiles([]string{}),
		config.WithSharedCredentialsFiles([]string{}),
		config.WithRegion("us-east-1"),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(key, secret, "")),
	)
	if err != nil {
		t.Fatalf("load the configuration of the AWS SDK: %v", err)
	}
	return cfg
}

// server takes apart a URL that at has looked at.
func server(address string) Server {
	_, endpoint, _ := strings.Cut(address, "://")
	return Server{Endpoint: strings.TrimSuffix(endpoint, "/"), URL: strings.TrimSuffix(address, "/")}
}
