package sqsqueue_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines that are left; idle connections are the transport's.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}
