//go:build !kubernetes

package kubeexec_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines that are left. Connections to a real cluster are kept for
// the next request, so not there.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
