package emulatortest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/internal/emulatortest"
)

// recorder is a test whose failures are looked at.
type recorder struct {
	testing.TB
	failed   string
	cleanups []func()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}
func (r *recorder) Errorf(format string, args ...any) { r.failed = fmt.Sprintf(format, args...) }
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }

// failure returns what f says when it fails, "" if it does not.
func failure(t *testing.T, f func(testing.TB)) string {
	t.Helper()
	r, done := &recorder{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.failed
}

// listener is a port where somebody answers.
func listener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// The variables are those of the process, so that these tests cannot run in parallel.

func TestMissingEmulatorIsAFailureWithItsRemedy(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent.Close()
	for _, variable := range []string{"AWS_ENDPOINT_URL", "UPDRAFT_TEST_DYNAMODB_LOCAL", "UPDRAFT_TEST_MINIO", "STORAGE_EMULATOR_HOST", "UPDRAFT_TEST_FAULTS", "UPDRAFT_TEST_POSTGRES"} {
		ask := func(tb testing.TB) {
			switch variable {
			case "AWS_ENDPOINT_URL":
				emulatortest.AWS(tb)
			case "UPDRAFT_TEST_DYNAMODB_LOCAL":
				emulatortest.DynamoDBLocal(tb)
			case "UPDRAFT_TEST_MINIO":
				emulatortest.MinIO(tb)
			case "STORAGE_EMULATOR_HOST":
				emulatortest.GCS(tb)
			case "UPDRAFT_TEST_POSTGRES":
				emulatortest.Postgres(tb)
			default:
				emulatortest.Faults(tb)
			}
		}
		for _, tt := range []struct{ value, want string }{
			{"", variable + " is not set"},
			{"http://" + silent.Addr().String(), "nobody answers at " + variable},
			{"https://sqs.eu-west-1.amazonaws.com:443", "is not on this machine"},
			{"http://127.0.0.1", "is no address with a port"},
		} {
			t.Setenv(variable, tt.value)
			got := failure(t, ask)
			if !strings.Contains(got, tt.want) || !strings.Contains(got, `run "make local-up"`) {
				t.Errorf("%s=%s: got %q, want %q and the remedy", variable, tt.value, got, tt.want)
			}
		}
	}
}

func TestServers(t *testing.T) {
	address := listener(t)
	t.Setenv("UPDRAFT_TEST_MINIO", "http://"+address)
	t.Setenv("UPDRAFT_TEST_MINIO_ACCESS_KEY", "me")
	t.Setenv("UPDRAFT_TEST_MINIO_SECRET_KEY", "hidden")
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	want := emulatortest.Server{Endpoint: address, URL: "http://" + address, AccessKey: "me", SecretKey: "hidden"}
	if diff := cmp.Diff(want, emulatortest.MinIO(t)); diff != "" {
		t.Errorf("MinIO (-want +got):\n%s", diff)
	}
	want.AccessKey, want.SecretKey = "", ""
	if diff := cmp.Diff(want, emulatortest.GCS(t)); diff != "" {
		t.Errorf("GCS (-want +got):\n%s", diff)
	}
	t.Setenv("UPDRAFT_TEST_MINIO_SECRET_KEY", "")
	if got := failure(t, func(tb testing.TB) { emulatortest.MinIO(tb) }); !strings.Contains(got, "UPDRAFT_TEST_MINIO_SECRET_KEY is not set") {
		t.Errorf("MinIO without its key: %q", got)
	}
}

// DynamoDB Local and the proxy are meant although the environment names LocalStack.
func TestEachHasItsEndpoint(t *testing.T) {
	aws, local, faults := listener(t), listener(t), listener(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://"+aws)
	t.Setenv("UPDRAFT_TEST_DYNAMODB_LOCAL", "http://"+local)
	t.Setenv("UPDRAFT_TEST_FAULTS", "http://"+faults)
	for want, client := range map[string]*dynamodb.Client{
		aws:    dynamodb.NewFromConfig(emulatortest.AWS(t)),
		local:  dynamodb.NewFromConfig(emulatortest.DynamoDBLocal(t)),
		faults: dynamodb.NewFromConfig(emulatortest.Faults(t).Config),
	} {
		options := client.Options()
		if options.BaseEndpoint == nil || *options.BaseEndpoint != "http://"+want {
			t.Errorf("got %v, want %s", options.BaseEndpoint, want)
		}
		if options.Region != "us-east-1" {
			t.Errorf("region %q", options.Region)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	good := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, name := range []string{"plain", "With Spaces/and_more", "ünïcode--", strings.Repeat("long", 40)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := emulatortest.Name(t), emulatortest.Name(t)
			if a == b {
				t.Errorf("%s twice", a)
			}
			if !good.MatchString(a) || len(a) > 43 || !strings.HasPrefix(a, "name-") {
				t.Errorf("%s is no good name", a)
			}
		})
	}
}

func TestCleanupHasAContextAndReports(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &ended{recorder: recorder{TB: t}, ctx: ctx}
	var during error
	emulatortest.Cleanup(r, "delete it", func(ctx context.Context) error {
		during = ctx.Err()
		return errors.New("still used")
	})
	for _, f := range r.cleanups {
		f()
	}
	if during != nil {
		t.Errorf("the context was done: %v", during)
	}
	if r.failed != "delete it: still used" {
		t.Errorf("reported %q", r.failed)
	}
}

// ended is a test whose context is done, as it is when its clean-up runs.
type ended struct {
	recorder
	ctx context.Context
}

func (e *ended) Context() context.Context { return e.ctx }
