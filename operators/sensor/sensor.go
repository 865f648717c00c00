// Package sensor is what all sensors share: their arguments, and how often and how long
// they look. The sensors themselves are in the packages of what they look at.
package sensor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// Modes of waiting.
const (
	modePoke       = "poke"
	modeReschedule = "reschedule"
)

// Poke looks once. Value is the XCom return value of a sensor that is done. Errors mean
// what they mean for operators: task.Skip skips, task.Fatal fails for good.
type Poke func(ctx context.Context) (done bool, value any, err error)

// Args are the arguments that every sensor has beside its own.
func Args() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "poke_interval", Type: dag.ArgDuration, Default: int64(dag.DefaultPokeInterval / time.Second), Doc: "Time between two looks."},
		{
			Name: "timeout", Type: dag.ArgDuration, Default: int64(dag.DefaultSensorTimeout / time.Second),
			Doc: "Time after which the sensor gives up, from its first look of this try; it is then not retried.",
		},
		{Name: "soft_fail", Type: dag.ArgBool, Default: false, Doc: "Skip instead of failing when the time is over."},
		{
			Name: "mode", Type: dag.ArgString, Default: modePoke, Enum: []string{modePoke, modeReschedule},
			Doc: "With poke the sensor keeps its slot while it waits, with reschedule it gives it back between two looks.",
		},
		{
			Name: "exponential_backoff", Type: dag.ArgBool, Default: false,
			Doc: "Double the time between looks with each look, with a jitter.",
		},
		{Name: "max_wait", Type: dag.ArgDuration, Doc: "Longest time between two looks with exponential_backoff."},
		{Name: "silent_fail", Type: dag.ArgBool, Default: false, Doc: "Log errors of a look and look again, instead of failing."},
		{Name: "never_fail", Type: dag.ArgBool, Default: false, Doc: "Skip instead of failing, whatever goes wrong."},
	}
}

// Deferrable is the argument of sensors that can wait outside of a worker in Airflow.
// Here it means mode reschedule.
func Deferrable() dag.ArgSpec {
	return dag.ArgSpec{Name: "deferrable", Type: dag.ArgBool, Default: false, Doc: "Give the slot back while waiting, as mode reschedule does."}
}

// Run looks until the sensor is done, its timeout passes or ctx ends. In mode
// reschedule it looks once and returns task.Reschedule if there is nothing yet. A
// sensor in mode poke does the same when its worker goes away while it waits.
func Run(ctx context.Context, a *task.Attempt, poke Poke) (task.Result, error) {
	o, err := read(a)
	if err != nil {
		return task.Result{}, err
	}
	return o.wait(ctx, a, poke, time.Time{})
}

// RunUntil is Run for a condition that becomes true at a known time: it looks at this
// time, and in mode reschedule not before.
func RunUntil(ctx context.Context, a *task.Attempt, at time.Time) (task.Result, error) {
	o, err := read(a)
	if err != nil {
		return task.Result{}, err
	}
	return o.until(ctx, a, at)
}

// RescheduleUntil is RunUntil in mode reschedule, whatever the arguments say.
func RescheduleUntil(ctx context.Context, a *task.Attempt, at time.Time) (task.Result, error) {
	o, err := read(a)
	if err != nil {
		return task.Result{}, err
	}
	o.reschedule = true
	return o.until(ctx, a, at)
}

func (o options) until(ctx context.Context, a *task.Attempt, at time.Time) (task.Result, error) {
	a.Log.InfoContext(ctx, "waiting until "+at.Format(time.RFC3339))
	return o.wait(ctx, a, func(context.Context) (bool, any, error) { return !a.Now().Before(at), nil, nil }, at)
}

func (o options) wait(ctx context.Context, a *task.Attempt, poke Poke, due time.Time) (task.Result, error) {
	w := waiting{options: o, a: a, started: a.Now(), count: 1, due: due}
	if !a.Instance.FirstStart.IsZero() { // it may have been executed before in this try
		w.started, w.count = a.Instance.FirstStart, a.Instance.Reschedules+1
	}
	for {
		done, value, err := poke(ctx)
		if err != nil {
			if err = w.failed(ctx, err); err != nil {
				return task.Result{}, err
			}
			done = false
		}
		if done {
			a.Log.InfoContext(ctx, "the condition is met")
			return task.Result{Value: value}, nil
		}
		now := a.Now()
		if now.Sub(w.started) >= o.timeout {
			return task.Result{}, w.timedOut(now)
		}
		next := w.next(now)
		if o.reschedule {
			return task.Result{}, task.Reschedule(next)
		}
		if err := w.sleep(ctx, next, next.Sub(now)); err != nil {
			return task.Result{}, err
		}
		w.count++
	}
}

// waiting is one execution of a sensor.
type waiting struct {
	options
	a *task.Attempt
	// started is the time of the first poke of this try, count the number of the
	// poke being made, 1 for the first.
	started time.Time
	count   int
	// due is when the condition becomes true, if that is known.
	due time.Time
}

// sleep waits for the next poke. A worker that goes away hands the waiting on.
func (w *waiting) sleep(ctx context.Context, next time.Time, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		if ctx.Err() == nil {
			return nil
		}
	case <-ctx.Done():
	}
	end := context.Cause(ctx)
	if errors.Is(end, executors.ErrCancelled) || errors.Is(end, task.ErrClaimLost) {
		return end
	}
	if errors.Is(end, task.ErrTimeout) {
		return w.softened(end)
	}
	w.a.Log.InfoContext(ctx, "the worker stops; the sensor goes on elsewhere", "cause", end.Error())
	return task.Reschedule(next)
}

// failed says what an error of a poke makes of the sensor; nil means to poke again.
func (w *waiting) failed(ctx context.Context, err error) error {
	var skip *task.SkipError
	var again *task.RescheduleError
	if errors.As(err, &skip) || errors.As(err, &again) {
		return err
	}
	var fatal *task.FatalError
	switch {
	case ctx.Err() != nil:
		if errors.Is(context.Cause(ctx), task.ErrTimeout) {
			return w.softened(err)
		}
		return err
	case errors.As(err, &fatal) && fatal.Cause != run.CauseConfig:
		return w.softened(err)
	case w.silentFail:
		w.a.Log.ErrorContext(ctx, "this look failed: "+err.Error())
		return nil
	case w.neverFail:
		return task.Skip("never_fail is set: %v", err)
	}
	return err
}

// softened makes a skip of an end that soft_fail and never_fail are about.
func (w *waiting) softened(err error) error {
	switch {
	case w.softFail:
		return task.Skip("soft_fail is set: %v", err)
	case w.neverFail:
		return task.Skip("never_fail is set: %v", err)
	}
	return err
}

// timedOut is the end of a sensor whose timeout has passed: Airflow does not retry it.
func (w *waiting) timedOut(now time.Time) error {
	err := fmt.Errorf("sensor timed out: waited %s, its timeout is %s",
		now.Sub(w.started).Round(time.Millisecond), w.timeout)
	return w.softened(&task.FatalError{Cause: run.CauseTimeout, Err: err})
}

// options are the arguments of Args.
type options struct {
	interval, timeout, maxWait                           time.Duration
	reschedule, backoff, softFail, silentFail, neverFail bool
}

func read(a *task.Attempt) (o options, err error) {
	var mode string
	var deferrable bool
	durations := []struct {
		name string
		to   *time.Duration
		def  time.Duration
	}{{"poke_interval", &o.interval, dag.DefaultPokeInterval}, {"timeout", &o.timeout, dag.DefaultSensorTimeout}, {"max_wait", &o.maxWait, 0}}
	for _, d := range durations {
		if *d.to, err = task.Get(a, d.name, d.def); err != nil {
			return o, err
		}
		if *d.to < 0 {
			return o, task.Misconfigured(fmt.Errorf("argument %s is %s: it cannot be negative", d.name, *d.to))
		}
	}
	bools := []struct {
		name string
		to   *bool
	}{
		{"exponential_backoff", &o.backoff},
		{"soft_fail", &o.softFail},
		{"silent_fail", &o.silentFail},
		{"never_fail", &o.neverFail},
		{"deferrable", &deferrable},
	}
	for _, b := range bools {
		if *b.to, err = task.Get(a, b.name, false); err != nil {
			return o, err
		}
	}
	if mode, err = task.Get(a, "mode", modePoke); err != nil {
		return o, err
	}
	switch {
	case mode != modePoke && mode != modeReschedule:
		return o, task.Misconfigured(fmt.Errorf("argument mode is %q: use poke or reschedule", mode))
	case o.softFail && o.neverFail:
		return o, task.Misconfigured(errors.New("arguments soft_fail and never_fail are both set: keep one"))
	}
	o.reschedule = deferrable || mode == modeReschedule
	return o, nil
}
