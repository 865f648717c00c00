package scheduler

import (
	"crypto/sha1" // Airflow's jitter is defined by it; nothing is kept secret
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// maxRetryDelay is [core] max_task_retry_delay: a back-off never waits longer.
const maxRetryDelay = 24 * time.Hour

// RetryPolicy is what an author says about the time between two attempts.
type RetryPolicy struct {
	Delay time.Duration
	// Backoff multiplies the delay with each try; 0 and below, and 1, mean none.
	Backoff float64
	// MaxDelay caps a delay with back-off; 0 is no cap.
	MaxDelay time.Duration
}

// RetryPolicyOf returns the policy of a task.
func RetryPolicyOf(t *dag.Task) RetryPolicy {
	return RetryPolicy{Delay: t.RetryDelay, Backoff: t.RetryBackoff, MaxDelay: t.MaxRetryDelay}
}

// FailedAttempt is what the jitter of a retry is drawn from. Run and map index are no
// part of it: all instances of a mapped task wait equally long.
type FailedAttempt struct {
	DAG, Task string
	// LogicalDate is zero for a run that has none.
	LogicalDate time.Time
	// Try is the number of the attempt that failed, 1 for the first.
	Try int
}

// RetryDelay returns how long to wait after a failed attempt before the next one: the
// delay itself, or with back-off between once and twice the delay multiplied, in whole
// seconds, by a jitter that is the same each time it is asked for. A delay that was
// chosen for the instance (retry_delay_override) replaces it; that is the caller's.
//
// Golden: retry_backoff.
func RetryDelay(p RetryPolicy, a FailedAttempt) time.Duration {
	if !(p.Backoff > 0) || p.Backoff == 1 {
		return p.Delay
	}
	delay := maxRetryDelay
	growth := power(p.Backoff, a.Try-1)
	if base := max(1, math.Ceil(p.Delay.Seconds()*growth)); base < maxRetryDelay.Seconds() {
		jitter := a.hashModulo(uint64(base))
		delay = min(delay, time.Duration(uint64(base)+jitter)*time.Second)
	}
	if p.MaxDelay != 0 {
		delay = min(delay, p.MaxDelay)
	}
	return delay
}

// power is m to the n, correctly rounded, infinite on overflow. math.Pow may be off in
// the last bit, and the ceiling in RetryDelay would make that a second.
func power(m float64, n int) float64 {
	if math.IsInf(m, 0) {
		return math.Pow(m, float64(n))
	}
	const precision = 200
	result, square := big.NewFloat(1).SetPrec(precision), big.NewFloat(m).SetPrec(precision)
	for k := max(n, -n); k > 0; k >>= 1 {
		if k&1 == 1 {
			result.Mul(result, square)
		}
		if square.Mul(square, square); square.IsInf() || square.Sign() == 0 {
			return math.Pow(m, float64(n))
		}
	}
	if n < 0 {
		result.Quo(big.NewFloat(1), result)
	}
	f, _ := result.Float64()
	return f
}

// hashModulo is the remainder of SHA-1, read as a big-endian number.
func (a FailedAttempt) hashModulo(n uint64) uint64 {
	sum := sha1.Sum([]byte(a.hashInput()))
	var rest uint64
	for _, b := range sum {
		rest = (rest<<8 | uint64(b)) % n
	}
	return rest
}

func (a FailedAttempt) hashInput() string {
	date := "None"
	if !a.LogicalDate.IsZero() {
		layout := "2006-01-02 15:04:05+00:00"
		if a.LogicalDate.Nanosecond()/1000 != 0 {
			layout = "2006-01-02 15:04:05.000000+00:00"
		}
		date = a.LogicalDate.UTC().Format(layout)
	}
	return a.DAG + "#" + a.Task + "#" + date + "#" + strconv.Itoa(a.Try)
}

// ParseRetryBackoff reads retry_exponential_backoff as an author wrote it: a truth
// value (true is 2), a number, or nil for none. Anything else is an error.
func ParseRetryBackoff(v any) (float64, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case bool:
		if v {
			return 2, nil
		}
		return 0, nil
	}
	if f, ok := toFloat(v); ok {
		return f, nil
	}
	return 0, fmt.Errorf("retry_exponential_backoff is %s: use true, false or a number such as 2", quoteValue(v))
}

// ParseRetryDelay reads retry_delay or max_retry_delay, whichever is named: a number of
// seconds or a time.Duration. Anything else, nil included, is an error.
func ParseRetryDelay(name string, v any) (time.Duration, error) {
	if d, ok := v.(time.Duration); ok {
		return d, nil
	}
	f, ok := toFloat(v)
	if !ok {
		return 0, fmt.Errorf("%s is %s: use a number of seconds or a timedelta", name, quoteValue(v))
	}
	us := math.RoundToEven(f * 1e6)
	if math.Abs(us) > math.MaxInt64/1000 {
		return 0, fmt.Errorf("%s is %v seconds: use at most 292 years", name, v)
	}
	return time.Duration(us) * time.Microsecond, nil
}

func toFloat(v any) (float64, bool) {
	var f float64
	switch v := v.(type) {
	case int:
		f = float64(v)
	case int64:
		f = float64(v)
	case uint64:
		f = float64(v)
	case float64:
		f = v
	case json.Number:
		var err error
		if f, err = v.Float64(); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

func quoteValue(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("the text %q", s)
	}
	return fmt.Sprintf("%v", v)
}

// WillRetry says whether an attempt that ended as reported gets another try: a failure
// does while tries are left, or while the budget of its cause is. Failures that are not
// the task's fault have budgets of their own, so that a lost node does not use up the
// author's retries; an image that cannot be started is not tried again (sections "Task
// instance", "Retry delay").
//
// Golden: retry, retry_config, retry_infra, retry_infra_own, retry_image, retry_fatal,
// retry_timeout.
func WillRetry(in *run.Instance, rep *run.Report) bool {
	if rep.Outcome != run.OutcomeFailed || rep.Cause == run.CauseImage {
		return false
	}
	if used, budget := ownBudget(in, rep.Cause); used != nil && *used < budget {
		return true
	}
	// MaxTries is the number of retries, so try n may be followed by another while
	// n <= MaxTries.
	return in.MaxTries > 0 && in.Try <= in.MaxTries
}

// ownBudget is what has been used of the budget that a cause has of its own, and the
// budget; nil if it has none.
func ownBudget(in *run.Instance, cause run.Cause) (used *int, budget int) {
	switch cause {
	case run.CauseInfra:
		return &in.InfraFailures, run.InfraRetries
	case run.CauseOOM:
		return &in.OOMFailures, run.OOMRetries
	}
	return nil, 0
}
