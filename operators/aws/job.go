package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// forever is the timeout of a wait that has none.
const forever = 100 * 365 * 24 * time.Hour

// patience bounds the calls that are made although the attempt ends.
const patience = 30 * time.Second

// Job is work that a service does for an attempt while the attempt waits. It outlives its
// worker: a worker that takes the attempt over finds it again, and it is stopped only when
// somebody stops the attempt.
type Job struct {
	// Name is what the job is called in messages; Key is the XCom that remembers its id
	// while the attempt has given its slot back.
	Name, Key string
	// Start starts the job and returns its id. It may be called again for the same
	// attempt, and must then find the job that it started: services have tokens for that,
	// see Token.
	Start func(ctx context.Context) (id string, err error)
	// Look says whether the job is done, with the task's value; or with an error if it has
	// failed. An error of a job that is not done says that it could not be looked at.
	Look func(ctx context.Context, id string) (done bool, value any, err error)
	// Stop ends the job.
	Stop func(ctx context.Context, id string) error
	// Every is the time between two looks, Attempts how many there are; 0 is no bound.
	Every    time.Duration
	Attempts int
	// Deferred gives the slot back between looks.
	Deferred bool
	// Detached ends the attempt as soon as the job runs.
	Detached bool
	// KeepOnFailure leaves a job alone that could not be looked at, or was waited for long
	// enough.
	KeepOnFailure bool
}

// Run starts the job, unless an earlier execution of this try has, and waits for it.
func (j *Job) Run(ctx context.Context, a *task.Attempt) (task.Result, error) {
	id, err := j.begun(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	if id == "" {
		// An answer that is lost would leave a job that nobody knows.
		starting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*patience)
		id, err = j.Start(starting)
		cancel()
		if err != nil {
			return task.Result{}, err
		}
	}
	if j.Detached {
		return task.Result{}, nil
	}
	waiting := *a
	waiting.Args = map[string]any{"poke_interval": j.Every, "timeout": forever, "deferrable": j.Deferred}
	if j.Attempts > 0 && j.Every > 0 && forever/j.Every > time.Duration(j.Attempts) {
		waiting.Args["timeout"] = j.Every * time.Duration(j.Attempts)
	}
	over := false
	res, err := sensor.Run(ctx, &waiting, func(ctx context.Context) (done bool, value any, err error) {
		done, value, err = j.Look(ctx, id)
		over = done
		return done, value, err
	})
	if err == nil || over {
		return res, err
	}
	return res, j.left(ctx, a, id, err)
}

// left is what becomes of a job that is not done when the wait ends.
func (j *Job) left(ctx context.Context, a *task.Attempt, id string, err error) error {
	var again *task.RescheduleError
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if !errors.As(err, &again) {
		end := context.Cause(ctx)
		if !errors.Is(end, executors.ErrClosed) {
			if end != nil || !j.KeepOnFailure {
				j.stop(after, a, id, err)
			}
			return err
		}
		err = task.Reschedule(a.Now()) // the worker stops; the job does not
	}
	if a.Instance.Reschedules == 0 {
		if pushing := a.XComs.Push(after, j.Key, id); pushing != nil {
			return pushing
		}
	}
	return err
}

// stop asks the service to end the job. That it cannot is told, and nothing else: the
// attempt has another end already.
func (j *Job) stop(ctx context.Context, a *task.Attempt, id string, why error) {
	a.Log.WarnContext(ctx, fmt.Sprintf("stopping %s %s: %v", j.Name, id, why))
	if err := j.Stop(ctx, id); err != nil {
		a.Log.ErrorContext(ctx, fmt.Sprintf("stopping %s %s: %v", j.Name, id, err))
	}
}

// begun returns the job of an earlier execution of the same try, which gave its slot back.
func (j *Job) begun(ctx context.Context, a *task.Attempt) (string, error) {
	if a.Instance.Reschedules == 0 {
		return "", nil
	}
	found, err := a.XComs.Pull(ctx, task.Pull{Tasks: []string{a.Key.Task}, Name: j.Key, Maps: []int{a.Key.Map}})
	if err != nil {
		return "", err
	}
	for _, x := range found {
		var id string
		if err := json.Unmarshal(x.Value, &id); err == nil && id != "" {
			return id, nil
		}
	}
	return "", nil
}

// Token names an attempt to a service: the same for each execution of the same try.
func Token(a *task.Attempt) string { return name(a, a.Key.Try) }

// Owner names the task of a run to a service, whatever its try.
func Owner(a *task.Attempt) string { return name(a, 0) }

func name(a *task.Attempt, try int) string {
	text := fmt.Sprintf("updraft\n%s\n%s\n%s\n%d\n%d", a.Key.DAG, a.Key.Run, a.Key.Task, a.Key.Map, try)
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(text)).String()
}
