package scheduler

import (
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"pgregory.net/rapid"
)

// TestRetryHashInput: what the jitter is drawn from, as recorded. The delays themselves
// are replayed by package conformance.
func TestRetryHashInput(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 21, 21, 37, 49, 0, time.UTC)
	for want, a := range map[string]FailedAttempt{
		"d#t#2024-02-21 21:37:49+00:00#1":        {DAG: "d", Task: "t", LogicalDate: at, Try: 1},
		"d#t#2024-02-21 21:37:49.120000+00:00#2": {DAG: "d", Task: "t", LogicalDate: at.Add(120 * time.Millisecond), Try: 2},
		"d#t#None#3":                             {DAG: "d", Task: "t", Try: 3},
	} {
		if got := a.hashInput(); got != want {
			t.Errorf("hash input %q, want %q", got, want)
		}
	}
}

func TestParseRetryErrors(t *testing.T) {
	t.Parallel()
	backoff := func(v any) error { _, err := ParseRetryBackoff(v); return err }
	delay := func(v any) error { _, err := ParseRetryDelay("retry_delay", v); return err }
	tests := []struct {
		name string
		got  error
		want string
	}{
		{"backoff text", backoff("2"), `retry_exponential_backoff is the text "2": use true, false or a number such as 2`},
		{"backoff list", backoff([]any{2}), `retry_exponential_backoff is [2]: use true, false or a number such as 2`},
		{"delay text", delay("5 minutes"), `retry_delay is the text "5 minutes": use a number of seconds or a timedelta`},
		{"delay nil", delay(nil), `retry_delay is <nil>: use a number of seconds or a timedelta`},
		{"delay too long", delay(1e300), `retry_delay is 1e+300 seconds: use at most 292 years`},
	}
	for _, test := range tests {
		if test.got == nil || test.got.Error() != test.want {
			t.Errorf("%s:\ngot  %v\nwant %s", test.name, test.got, test.want)
		}
	}
}

// TestRetryDelayBounds: with back-off, a delay is between once and twice the base, and
// never above the two caps; it does not depend on when it is asked for.
func TestRetryDelayBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := RetryPolicy{
			Delay:    time.Duration(rapid.Int64Range(0, 100_000_000).Draw(t, "delay")) * time.Microsecond,
			Backoff:  rapid.Float64Range(0, 1e12).Draw(t, "backoff"),
			MaxDelay: time.Duration(rapid.Int64Range(0, 100_000).Draw(t, "max")) * time.Second,
		}
		a := FailedAttempt{DAG: rapid.String().Draw(t, "dag"), Task: "t", Try: rapid.IntRange(-3, 5000).Draw(t, "try")}
		got := RetryDelay(p, a)
		if again := RetryDelay(p, a); again != got {
			t.Fatalf("%v, then %v", got, again)
		}
		if p.Backoff == 0 || p.Backoff == 1 {
			if got != p.Delay {
				t.Fatalf("without back-off: %v", got)
			}
			return
		}
		if got > maxRetryDelay || p.MaxDelay > 0 && got > p.MaxDelay || got < 0 {
			t.Fatalf("%v is beyond the caps", got)
		}
		base := p.Delay.Seconds() * power(p.Backoff, a.Try-1)
		if p.MaxDelay == 0 && got.Seconds() < min(base, maxRetryDelay.Seconds()) || got.Seconds() >= 2*(base+1) && base > 1 {
			t.Fatalf("%v is not between %v and twice that", got, base)
		}
	})
}

func TestRetryPolicyOf(t *testing.T) {
	t.Parallel()
	task := dag.NewTask("t", "op")
	task.RetryBackoff, task.MaxRetryDelay = 3, time.Hour
	if got, want := RetryPolicyOf(task), (RetryPolicy{5 * time.Minute, 3, time.Hour}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := strings.Count((FailedAttempt{}).hashInput(), "None"); got != 1 {
		t.Error("a run without logical date must hash as None")
	}
}
