package cloud

import (
	"context"
	"encoding/json"

	"github.com/updraft-dev/updraft/embedded"
)

// Handler is what a function does with an event. An error has the service call again, as
// it is set up to; what would fail the same way again returns ErrEvent.
type Handler func(ctx context.Context, inv embedded.Invocation, event json.RawMessage) (any, error)
