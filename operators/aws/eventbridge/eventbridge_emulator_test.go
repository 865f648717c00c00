//go:build emulator

package eventbridge_test

import (
	"testing"

	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/eventbridge"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

// A real server takes a good event of two, and says which is bad.
func TestOnEmulator(t *testing.T) {
	t.Parallel()
	o := awstest.Emulator(t)
	good := map[string]any{"Source": "updraft.test", "DetailType": "order", "Detail": `{"id": 1}`}
	res, err := o.Run(t.Context(), operatortest.Find(t, eventbridge.Operators(), put), map[string]any{"entries": []any{good}})
	if ids, ok := res.Value.([]any); err != nil || !ok || len(ids) != 1 || ids[0] == "" {
		t.Errorf("got %v, %v", res.Value, err)
	}
	bad := map[string]any{"Source": "updraft.test", "DetailType": "order", "Detail": "no JSON"}
	_, err = o.Run(t.Context(), operatortest.Find(t, eventbridge.Operators(), put), map[string]any{"entries": []any{good, bad}})
	if got, want := operatortest.Outcome(err), "failed: 1 of 2 events are not taken: the log says why"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
