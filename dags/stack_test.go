//go:build stack

package dags_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/cmd/weatherapi/weather"
	"github.com/updraft-dev/updraft/internal/stacktest"
)

// stackPatience is how long a run may take on the local AWS: what waits for a time waits for
// a message or for the next minute.
const stackPatience = 4 * time.Minute

// TestSamplesOnStack runs the samples by functions: states, values and order are those of
// one machine.
func TestSamplesOnStack(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	ctx, stop := context.WithTimeout(t.Context(), stackPatience)
	t.Cleanup(stop)
	handler, err := weather.Handler()
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(handler)
	t.Cleanup(api.Close)
	connect(ctx, t, s.Settings, api.URL, filepath.Join(newHome(t), "sample.db"))
	s.PutFolder(t, ".")
	runAll(ctx, t, &s.Runs)
}
