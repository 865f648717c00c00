package tick

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Wait is an attempt that an executor was told of and cannot start yet, and why.
type Wait struct {
	Attempt run.Attempt
	// Reason is a clause, without a full stop.
	Reason string
}

const (
	// maxWaits bounds how many attempts are written down, so that the row stays far below
	// what stores take (DynamoDB: 400 kB).
	maxWaits = 5000
	// maxReasons bounds the reasons among them.
	maxReasons = 100
	// waitsFresh is for how long a row counts: who wrote it may have died.
	waitsFresh = 5 * time.Minute
)

// waitsRow is the row: reasons with short hashes of the attempts, since names are long and
// thousands may wait.
type waitsRow struct {
	Reasons []waitReason `json:"reasons"`
}

type waitReason struct {
	Reason   string   `json:"reason"`
	Attempts []string `json:"attempts"`
}

// PutWaits writes down what of an executor waits, in place of what was written before. It
// is one small write however many wait, and is to be repeated within a few minutes: it is
// for people, and nothing is decided by it.
func PutWaits(ctx context.Context, st store.Settings, executor string, list []Wait, now time.Time) error {
	var w waitsRow
	at := map[string]int{}
	for _, one := range list[:min(len(list), maxWaits)] {
		i, ok := at[one.Reason]
		if !ok {
			if len(w.Reasons) == maxReasons {
				continue
			}
			i = len(w.Reasons)
			at[one.Reason] = i
			w.Reasons = append(w.Reasons, waitReason{Reason: one.Reason})
		}
		w.Reasons[i].Attempts = append(w.Reasons[i].Attempts, waitKey(one.Attempt))
	}
	b, err := json.Marshal(w)
	if err == nil {
		err = st.PutSetting(ctx, store.KindWaits, store.Setting{ID: executor, Value: b, At: now})
	}
	if err != nil {
		return fmt.Errorf("write down why attempts wait: %w", err)
	}
	return nil
}

// Waits are the reasons that executors have for not having started attempts.
type Waits struct{ reasons map[string]string }

// ReadWaits returns what executors have written down lately.
func ReadWaits(ctx context.Context, st store.Settings, now time.Time) (Waits, error) {
	rows, err := st.Settings(ctx, store.KindWaits)
	if err != nil {
		return Waits{}, fmt.Errorf("read why attempts wait: %w", err)
	}
	out := Waits{reasons: map[string]string{}}
	for _, row := range rows {
		var w waitsRow
		if now.Sub(row.At) > waitsFresh {
			continue
		}
		if err := json.Unmarshal(row.Value, &w); err != nil {
			return Waits{}, fmt.Errorf("read why attempts wait for %s: %w", row.ID, err)
		}
		for _, r := range w.Reasons {
			for _, key := range r.Attempts {
				out.reasons[key] = row.ID + ": " + r.Reason
			}
		}
	}
	return out, nil
}

// Of says why an attempt waits, after the name of the executor; empty if nobody has said so.
func (w Waits) Of(a run.Attempt) string { return w.reasons[waitKey(a)] }

// waitKey is short, and the same for no two attempts.
func waitKey(a run.Attempt) string {
	b, err := json.Marshal(a)
	if err != nil {
		b = []byte(a.String()) // names can always be marshalled
	}
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
