//go:build emulator

package s3logs

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/logstest"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
	"github.com/updraft-dev/updraft/run"
)

func env(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run localstack/up, and then . .local/env", name)
	}
	return v
}

// emulator is a server that speaks S3.
type emulator struct{ name, endpoint, key, secret string }

func emulators() []emulator {
	return []emulator{
		{"LocalStack", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
		{"MinIO", "UPDRAFT_TEST_MINIO", "UPDRAFT_TEST_MINIO_ACCESS_KEY", "UPDRAFT_TEST_MINIO_SECRET_KEY"},
	}
}

func (e emulator) config(t testing.TB) aws.Config {
	t.Helper()
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(env(t, e.endpoint)),
		Credentials: credentials.NewStaticCredentialsProvider(env(t, e.key), env(t, e.secret), ""),
	}
}

// bucket makes a bucket of its own for a test.
func (e emulator) bucket(t testing.TB, c Config) objects.Bucket {
	t.Helper()
	cfg := e.config(t)
	c.Bucket = "updraft-" + strings.ToLower(rand.Text())
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &c.Bucket}); err != nil {
		t.Fatalf("make a bucket at %s: %v", e.name, err)
	}
	b, err := OpenBucket(cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEmulatorBucket(t *testing.T) {
	t.Parallel()
	for _, e := range emulators() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			objectstest.Run(t, func(t testing.TB) objects.Bucket { return e.bucket(t, Config{}) })
		})
	}
}

// TestEmulatorConformance packs short logs at the first emulator, and not at the second.
func TestEmulatorConformance(t *testing.T) {
	t.Parallel()
	for i, pack := range []time.Duration{10 * time.Millisecond, 0} {
		e := emulators()[i]
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			logstest.Run(t, func(t testing.TB) logstest.Harness {
				return objectstest.Harness(t, e.bucket(t, Config{}), pack)
			})
		})
	}
}

// TestEmulatorMissingBucket: every call says so, with the bucket's name.
func TestEmulatorMissingBucket(t *testing.T) {
	t.Parallel()
	for _, e := range emulators() {
		l, err := Open(e.config(t), Config{Bucket: "updraft-never-made"})
		if err != nil {
			t.Fatal(err)
		}
		a := run.Attempt{Key: run.Key{ID: run.ID{DAG: "d", Run: "r"}, Task: "t", Map: run.Unmapped}, Try: 1}
		_, stat := l.Stat(t.Context(), a)
		_, list := l.List(t.Context(), logs.Scope{})
		w, err := l.Open(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("text")); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{stat, list, w.Close()} {
			if !errors.Is(err, objects.ErrNoBucket) || !strings.Contains(err.Error(), "s3://updraft-never-made: bucket not found: create it") {
				t.Errorf("%s: got error %v", e.name, err)
			}
		}
	}
}
