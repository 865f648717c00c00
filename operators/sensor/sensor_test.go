package sensor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

type args = map[string]any

// operator is a sensor that looks with poke.
func operator(poke sensor.Poke) *task.Operator {
	return &task.Operator{
		Spec: dag.OperatorSpec{Class: "test.Sensor", Args: append(sensor.Args(), sensor.Deferrable())},
		Run:  func(ctx context.Context, a *task.Attempt) (task.Result, error) { return sensor.Run(ctx, a, poke) },
	}
}

// pokes counts looks, and gives one answer after the other; the last one for ever.
type pokes struct {
	at      []time.Time
	answers []any // true, false, or an error
}

func (p *pokes) poke(context.Context) (bool, any, error) {
	n := min(len(p.at), len(p.answers)-1)
	p.at = append(p.at, time.Now())
	switch x := p.answers[n].(type) {
	case bool:
		return x, fmt.Sprintf("look %d", len(p.at)), nil
	case error:
		return false, nil, x
	default:
		panic(x)
	}
}

// gaps are the times between the looks.
func (p *pokes) gaps() []time.Duration {
	var out []time.Duration
	for i := 1; i < len(p.at); i++ {
		out = append(out, p.at[i].Sub(p.at[i-1]))
	}
	return out
}

func TestPoke(t *testing.T) {
	t.Parallel()
	broken, fatal := errors.New("broken"), task.Fatal(errors.New("fail"))
	const timedOut = "sensor timed out: waited 1m20s, its timeout is 1m10s"
	for _, tt := range []struct {
		name    string
		args    args
		answers []any
		want    string
		looks   int
	}{
		{"done at once", args{"timeout": int64(0)}, []any{true}, "success", 1},
		{"done later", args{"poke_interval": 2.5}, []any{false, false, true}, "success", 3},
		{"no interval", args{"poke_interval": int64(0)}, []any{false, false, true}, "success", 3},
		{"timeout", args{"timeout": int64(70), "poke_interval": 20 * time.Second}, []any{false}, "fatal (timeout): " + timedOut, 5},
		{"done is looked at before the timeout", args{"timeout": int64(30)}, []any{false, true}, "success", 2},
		{"soft_fail", args{"timeout": int64(70), "poke_interval": int64(20), "soft_fail": true}, []any{false}, "skipped: soft_fail is set: " + timedOut, 5},
		{"never_fail", args{"timeout": int64(70), "poke_interval": int64(20), "never_fail": true}, []any{false}, "skipped: never_fail is set: " + timedOut, 5},
		{"error", nil, []any{broken}, "failed: broken", 1},
		{"error, soft_fail is not about it", args{"soft_fail": true}, []any{broken}, "failed: broken", 1},
		{"error, never_fail", args{"never_fail": true}, []any{broken}, "skipped: never_fail is set: broken", 1},
		{"error, silent_fail", args{"silent_fail": true}, []any{broken, true}, "success", 2},
		{"error, silent and never", args{"silent_fail": true, "never_fail": true}, []any{broken, true}, "success", 2},
		{"error for good", args{"silent_fail": true}, []any{fatal}, "fatal (task): fail", 1},
		{"error for good, soft_fail", args{"soft_fail": true}, []any{fatal}, "skipped: soft_fail is set: fail", 1},
		{"error for good, never_fail", args{"never_fail": true}, []any{fatal}, "skipped: never_fail is set: fail", 1},
		{"bad configuration, soft_fail is not about it", args{"soft_fail": true}, []any{task.Misconfigured(broken)}, "fatal (config): broken", 1},
		{"bad configuration, never_fail", args{"never_fail": true}, []any{task.Misconfigured(broken)}, "skipped: never_fail is set: broken", 1},
		{"skip", args{"silent_fail": true}, []any{task.Skip("enough")}, "skipped: enough", 1},
		{"negative", args{"poke_interval": int64(-1)}, []any{true}, "fatal (config): argument poke_interval is -1s: it cannot be negative", 0},
		{"unknown mode", args{"mode": "push"}, []any{true}, `fatal (config): argument mode is "push": use poke or reschedule`, 0},
		{
			"soft and never", args{"soft_fail": true, "never_fail": true},
			[]any{true}, "fatal (config): arguments soft_fail and never_fail are both set: keep one", 0,
		},
		{"not a duration", args{"timeout": "1h"}, []any{true}, "fatal (config): argument timeout is a text, not a timedelta or a number of seconds", 0},
		{"not a bool", args{"soft_fail": "x"}, []any{true}, "fatal (config): argument soft_fail is a text, not a boolean", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &pokes{answers: tt.answers}
				got, err := operatortest.New(t).Run(t.Context(), operator(p.poke), tt.args)
				if diff := cmp.Diff(tt.want, operatortest.Outcome(err)); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
				if len(p.at) != tt.looks {
					t.Errorf("it looked %d times, want %d", len(p.at), tt.looks)
				}
				if err == nil && got.Value != fmt.Sprintf("look %d", tt.looks) {
					t.Errorf("value is %v", got.Value)
				}
			})
		})
	}
}

// In mode reschedule each execution looks once; time counts from the first one.
func TestReschedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, mode := range []args{{"mode": "reschedule"}, {"deferrable": true}} {
			mode["timeout"], mode["poke_interval"] = int64(100), int64(40)
			h, p := operatortest.New(t), &pokes{answers: []any{false}}
			h.Instance.FirstStart = time.Now()
			var log []string
			for range 5 {
				_, err := h.Run(t.Context(), operator(p.poke), mode)
				var again *task.RescheduleError
				if !errors.As(err, &again) {
					log = append(log, operatortest.Outcome(err))
					break
				}
				h.Instance.Reschedules++
				d := time.Until(again.At)
				log = append(log, d.String())
				<-time.After(d)
			}
			want := []string{"40s", "40s", "40s", "fatal (timeout): sensor timed out: waited 2m0s, its timeout is 1m40s"}
			if diff := cmp.Diff(want, log); diff != "" {
				t.Errorf("%v (-want +got):\n%s", mode, diff)
			}
			if len(p.at) != 4 {
				t.Errorf("it looked %d times", len(p.at))
			}
		}
	})
}

// Back-off doubles from half the interval, with a jitter of up to as much again; it is
// bounded by the time left and by max_wait, and is the same in both modes.
func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := args{"exponential_backoff": true, "poke_interval": int64(10), "timeout": int64(1000), "max_wait": int64(300)}
		p := &pokes{answers: []any{false}}
		h := operatortest.New(t)
		h.Instance.FirstStart = time.Now()
		if _, err := h.Run(t.Context(), operator(p.poke), a); !strings.HasPrefix(operatortest.Outcome(err), "fatal (timeout)") {
			t.Fatal(err)
		}
		gaps := p.gaps()
		var total time.Duration
		for i, g := range gaps {
			base := min(time.Duration(int(10*float64(int(1)<<i)/2))*time.Second, 300*time.Second)
			if g < base && total+g < 1000*time.Second || g > 2*base {
				t.Errorf("pause %d is %s, want %s to %s", i+1, g, base, 2*base)
			}
			total += g
		}
		if slices.Max(gaps) != 300*time.Second || total < 1000*time.Second {
			t.Errorf("pauses %v", gaps)
		}

		a["mode"], h.Instance.FirstStart = "reschedule", h.Instance.FirstStart.Add(0)
		at := p.at[0]
		for i, g := range gaps {
			h.Instance.Reschedules = i
			h.Now = func() time.Time { return at }
			var again *task.RescheduleError
			if _, err := h.Run(t.Context(), operator((&pokes{answers: []any{false}}).poke), a); !errors.As(err, &again) || again.At.Sub(at) != g {
				t.Fatalf("look %d is rescheduled by %v, want %s", i+1, err, g)
			}
			at = again.At
		}
	})
}

// The jitter is Airflow's: it begins with the hash of what names the look.
func TestJitter(t *testing.T) {
	t.Parallel()
	h := operatortest.New(t)
	at := time.Date(2024, 5, 1, 12, 0, 0, 250000000, time.UTC)
	h.Now, h.Instance.FirstStart = func() time.Time { return at }, at
	var got []time.Duration
	for n := range 12 {
		h.Instance.Reschedules = n
		var again *task.RescheduleError
		_, err := h.Run(t.Context(), operator((&pokes{answers: []any{false}}).poke), args{"exponential_backoff": true, "mode": "reschedule", "timeout": int64(1e9)})
		if !errors.As(err, &again) {
			t.Fatal(err)
		}
		got = append(got, again.At.Sub(at)/time.Second)
	}
	// int(sha1(f"d#t#2024-05-01 12:00:00.250000+00:00#{n}").hexdigest(), 16) in Python.
	want := []time.Duration{39, 78, 129, 317, 709, 1870, 2529, 7577, 9864, 18937, 44597, 62932}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seconds (-want +got):\n%s", diff)
	}
}

// What ends the context while a sensor waits decides what becomes of it.
func TestStopped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		args  args
		cause error
		want  string
	}{
		{"worker leaves", nil, executors.ErrClosed, "reschedule: 2000-01-01T00:01:00Z"},
		{"worker's deadline", nil, context.DeadlineExceeded, "reschedule: 2000-01-01T00:01:00Z"},
		{"cancelled", args{"soft_fail": true}, fmt.Errorf("%w: cleared", executors.ErrCancelled), "failed: cancelled: cleared"},
		{"claim lost", args{"never_fail": true}, task.ErrClaimLost, "failed: " + task.ErrClaimLost.Error()},
		{"execution_timeout", nil, task.ErrTimeout, "failed: execution_timeout"},
		{"execution_timeout, soft_fail", args{"soft_fail": true}, task.ErrTimeout, "skipped: soft_fail is set: execution_timeout"},
		{"execution_timeout, never_fail", args{"never_fail": true}, task.ErrTimeout, "skipped: never_fail is set: execution_timeout"},
		{"execution_timeout, silent_fail", args{"silent_fail": true}, task.ErrTimeout, "failed: execution_timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, looking := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					time.AfterFunc(10*time.Second, func() { cancel(tt.cause) })
					poke := func(ctx context.Context) (bool, any, error) {
						if looking {
							<-ctx.Done()
							return false, nil, context.Cause(ctx)
						}
						return false, nil, nil
					}
					_, err := operatortest.New(t).Run(ctx, operator(poke), tt.args)
					want := tt.want
					if looking && strings.HasPrefix(want, "reschedule") {
						want = "failed: " + tt.cause.Error()
					}
					if diff := cmp.Diff(want, operatortest.Outcome(err)); diff != "" {
						t.Errorf("looking %v (-want +got):\n%s", looking, diff)
					}
				})
			}
		})
	}
}

// RunUntil is there at the time, not at the next look after it.
func TestRunUntil(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		args  args
		after time.Duration
		want  string
		took  time.Duration
	}{
		{"past", nil, -time.Hour, "success", 0},
		{"now", nil, 0, "success", 0},
		{"later", nil, 90 * time.Second, "success", 90 * time.Second},
		{"too late", args{"timeout": int64(100)}, time.Hour, "fatal (timeout): sensor timed out: waited 2m0s, its timeout is 1m40s", 2 * time.Minute},
		{"reschedule", args{"mode": "reschedule"}, 150 * time.Second, "reschedule: 2000-01-01T00:02:30Z", 0},
		{"reschedule to the timeout", args{"mode": "reschedule", "timeout": int64(100)}, time.Hour, "reschedule: 2000-01-01T00:01:40Z", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				op := &task.Operator{
					Spec: dag.OperatorSpec{Class: "test.Sensor", Args: sensor.Args()},
					Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
						return sensor.RunUntil(ctx, a, start.Add(tt.after))
					},
				}
				_, err := operatortest.New(t).Run(t.Context(), op, tt.args)
				if diff := cmp.Diff(tt.want, operatortest.Outcome(err)); diff != "" {
					t.Error(diff)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("it took %s, want %s", took, tt.took)
				}
			})
		})
	}
}
