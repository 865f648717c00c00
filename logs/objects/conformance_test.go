package objects_test

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/logs/logstest"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
)

// TestBucket holds the bucket in memory, on which the tests of this package stand, to what
// real ones do.
func TestBucket(t *testing.T) {
	t.Parallel()
	objectstest.Run(t, func(testing.TB) objects.Bucket { return &objectstest.Memory{} })
}

// TestConformance runs the suite of logs with pages of three objects, with and without
// packing.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, pack := range map[string]time.Duration{"alone": 0, "packed": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logstest.Run(t, func(t testing.TB) logstest.Harness {
				return objectstest.Harness(t, &objectstest.Memory{PageSize: 3}, pack)
			})
		})
	}
}
