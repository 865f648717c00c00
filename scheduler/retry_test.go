package scheduler

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"pgregory.net/rapid"
)

type retryVector struct {
	ID          string
	DAG         string         `json:"dag_id"`
	Task        string         `json:"task_id"`
	LogicalDate *time.Time     `json:"logical_date"`
	Args        map[string]any `json:"task"`
	Try         int            `json:"try_number"`
	Override    *float64       `json:"retry_delay_override"`
	Expect      struct {
		Delay     float64         `json:"delay_seconds"`
		Construct json.RawMessage `json:"construct"`
		HashInput string          `json:"hash_input"`
	}
}

func (v retryVector) policy() (p RetryPolicy, err error) {
	p.Delay = dag.DefaultRetryDelay
	duration := func(name string, to *time.Duration) {
		value := v.Args[name]
		if m, ok := value.(map[string]any); ok {
			value = m["timedelta_seconds"]
		}
		if value != nil && err == nil {
			*to, err = ParseRetryDelay(name, value)
		}
	}
	duration("retry_delay", &p.Delay)
	duration("max_retry_delay", &p.MaxDelay)
	if err != nil {
		return p, err
	}
	p.Backoff, err = ParseRetryBackoff(v.Args["retry_exponential_backoff"])
	return p, err
}

// TestRetryVectors replays recorded delays of a real Airflow 3.3.2.
func TestRetryVectors(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/retries.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	agreed := 0
	for lines := bufio.NewScanner(z); lines.Scan(); {
		var v retryVector
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if v.agrees(t) {
			agreed++
		}
	}
	if agreed < 524 {
		t.Errorf("%d vectors agree, were 524", agreed)
	}
}

func (v retryVector) agrees(t *testing.T) bool {
	p, err := v.policy()
	if v.Expect.Construct != nil || err != nil {
		if (v.Expect.Construct != nil) != (err != nil) {
			t.Errorf("%s: error %v, want %s", v.ID, err, v.Expect.Construct)
			return false
		}
		return true
	}
	a := FailedAttempt{DAG: v.DAG, Task: v.Task, Try: v.Try}
	if v.LogicalDate != nil {
		a.LogicalDate = *v.LogicalDate
	}
	if got := a.hashInput(); got != v.Expect.HashInput {
		t.Errorf("%s: hash input %q, want %q", v.ID, got, v.Expect.HashInput)
		return false
	}
	delay := RetryDelay(p, a)
	if v.Override != nil {
		delay = time.Duration(*v.Override * 1e9)
	}
	if want := time.Duration(v.Expect.Delay * 1e9).Round(time.Microsecond); delay != want {
		t.Errorf("%s: %v try %d: got %v, want %v", v.ID, v.Args, v.Try, delay, want)
		return false
	}
	return true
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
