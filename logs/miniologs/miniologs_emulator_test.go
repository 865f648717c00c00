//go:build emulator

package miniologs

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/logstest"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
)

func env(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run localstack/up minio, and then . .local/env", name)
	}
	return v
}

func config(t testing.TB) Config {
	t.Helper()
	return Config{
		Endpoint: strings.TrimPrefix(env(t, "UPDRAFT_TEST_MINIO"), "http://"), Insecure: true, Bucket: "updraft-" + strings.ToLower(rand.Text()),
		AccessKey: env(t, "UPDRAFT_TEST_MINIO_ACCESS_KEY"), SecretKey: env(t, "UPDRAFT_TEST_MINIO_SECRET_KEY"),
	}
}

// fresh makes a bucket of its own for a test.
func fresh(t testing.TB) objects.Bucket {
	t.Helper()
	c := config(t)
	b, err := OpenBucket(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.(*bucket).client.MakeBucket(t.Context(), c.Bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEmulatorBucket(t *testing.T) {
	t.Parallel()
	objectstest.Run(t, fresh)
}

func TestEmulatorConformance(t *testing.T) {
	t.Parallel()
	for what, pack := range map[string]time.Duration{"alone": 0, "packed": 10 * time.Millisecond} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			logstest.Run(t, func(t testing.TB) logstest.Harness { return objectstest.Harness(t, fresh(t), pack) })
		})
	}
}

// TestEmulatorMistakes: a bucket that was never made, and wrong keys.
func TestEmulatorMistakes(t *testing.T) {
	t.Parallel()
	good := config(t)
	wrong := good
	wrong.SecretKey = "wrong-secret"
	for _, tt := range []struct {
		c    Config
		want error
	}{{good, objects.ErrNoBucket}, {wrong, objects.ErrDenied}} {
		l, err := Open(tt.c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.List(t.Context(), logs.Scope{}); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), "/"+tt.c.Bucket+": ") {
			t.Errorf("got error %v, want %v", err, tt.want)
		}
	}
}
