//go:build emulator

package gcslogs

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/storage"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/logstest"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
)

// client is the emulator's: Google's library looks at the variable itself.
func client(t testing.TB) *storage.Client {
	t.Helper()
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" {
		t.Fatal("STORAGE_EMULATOR_HOST is not set: run localstack/up gcs, and then . .local/env")
	}
	c, err := storage.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// fresh makes a bucket of its own for a test.
func fresh(t testing.TB) objects.Bucket {
	t.Helper()
	c, name := client(t), "updraft-"+strings.ToLower(rand.Text())
	if err := c.Bucket(name).Create(t.Context(), "updraft", nil); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBucket(c, Config{Bucket: name})
	if err != nil {
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

func TestEmulatorMissingBucket(t *testing.T) {
	t.Parallel()
	l, err := Open(client(t), Config{Bucket: "updraft-never-made"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.List(t.Context(), logs.Scope{}); !errors.Is(err, objects.ErrNoBucket) || !strings.Contains(err.Error(), "gs://updraft-never-made: bucket not found: create it") {
		t.Errorf("got error %v", err)
	}
}
