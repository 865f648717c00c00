package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
)

func (a *app) tasksLogsCommand() *cobra.Command {
	var m mapIndex
	var try int
	var follow bool
	c := &cobra.Command{
		Use: "logs DAG RUN TASK", Short: "Show the log of a task instance",
		Long: `Shows the log of the latest try, or of --try. With -f it goes on with what is written from
then on, and with the next try if there is one, until the task has ended.`,
		Example: examples(
			"updraft tasks logs etl latest load", "the latest try in the latest run",
			"updraft tasks logs etl latest load --try 1", "the first try",
			"updraft tasks logs etl latest load -f", "as it is written",
		),
		Args: exactly("DAG", "RUN", "TASK"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			id, task, err := a.findTask(ctx, i, args)
			if err != nil {
				return err
			}
			in, err := a.one(ctx, i, id, task, m)
			if err != nil {
				return err
			}
			if follow {
				f := follower{a: a, i: i, key: in.Key(id), try: max(try, in.Try, 1)}
				if try > 0 {
					f.try = try
				}
				return f.follow(ctx)
			}
			return a.showLog(ctx, i, id, &in, try)
		}),
	}
	f := c.Flags()
	f.Var(&m, "map-index", "the instance of a mapped task")
	f.IntVar(&try, "try", 0, "the number of the try (default: the latest)")
	f.BoolVarP(&follow, "follow", "f", false, "go on with what is written, until the task has ended")
	c.ValidArgsFunction = a.completeArgs(a.dagRunTask()...)
	return c
}

// showLog shows the log of a try, or of the latest that has one.
func (a *app) showLog(ctx context.Context, i *embedded.Installation, id run.ID, in *run.Instance, try int) error {
	key := in.Key(id)
	tries, err := i.Logs.Tries(ctx, key)
	if err != nil {
		return fmt.Errorf("look for the logs of %s: %w", key, err)
	}
	if len(tries) == 0 {
		return a.noLog(ctx, i, key)
	}
	show := tries[len(tries)-1].Attempt
	if try > 0 {
		show.Try = try
	}
	_, err = i.Logs.Read(ctx, show, 0, a.Stdout)
	if errors.Is(err, logs.ErrNotFound) {
		var have []int
		for _, t := range tries {
			have = append(have, t.Attempt.Try)
		}
		return fmt.Errorf("try %d of %s has no log; these tries have: %v", show.Try, key, have)
	}
	return err
}

// noLog says why nothing was ever written.
func (a *app) noLog(ctx context.Context, i *embedded.Installation, key run.Key) error {
	why, err := i.Explain(ctx, key.ID, key.Task, &key.Map)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s has no log: %s", key, why[0].Text)
}

// followPoll is how often a log that is followed is looked at.
const followPoll = 200 * time.Millisecond

// follower shows the log of a task instance while it is written, try after try.
type follower struct {
	a   *app
	i   *embedded.Installation
	key run.Key
	try int
	// offset is how much of the try's log was shown.
	offset int64
	// waits is what was said last of why nothing is written.
	waits string
}

// follow returns when the instance has ended, or ctx has.
func (f *follower) follow(ctx context.Context) error {
	t := time.NewTicker(followPoll)
	defer t.Stop()
	for {
		in, err := f.i.Instance(ctx, f.key)
		if err != nil {
			return err
		}
		// The log is read after the state, so that nothing written before an end is missed.
		f.offset, err = f.i.Logs.Read(ctx, f.attempt(), f.offset, f.a.Stdout)
		if err != nil && !errors.Is(err, logs.ErrNotFound) {
			return err
		}
		if done, err := f.next(ctx, &in); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

func (f *follower) attempt() run.Attempt { return run.Attempt{Key: f.key, Try: f.try} }

// next says whether there is nothing more to come, and tells what is waited for.
func (f *follower) next(ctx context.Context, in *run.Instance) (done bool, err error) {
	switch {
	case in.Try > f.try:
		f.say("try %d has ended; try %d follows", f.try, in.Try)
		f.try, f.offset = f.try+1, 0
	case in.State.Finished():
		text, err := f.why(ctx)
		f.say("%s", text)
		return true, err
	case in.State == run.Running, in.State == run.Queued && f.offset > 0:
		f.waits = ""
	default:
		text, err := f.why(ctx)
		if err != nil {
			return false, err
		}
		if text != f.waits {
			f.say("%s", text)
			f.waits = text
		}
	}
	return false, nil
}

func (f *follower) why(ctx context.Context) (string, error) {
	e, err := f.i.Explain(ctx, f.key.ID, f.key.Task, &f.key.Map)
	if err != nil {
		return "", err
	}
	return e[0].Text, nil
}

// say tells what is no part of the log.
func (f *follower) say(format string, args ...any) {
	fmt.Fprintf(f.a.Stderr, "--- "+format+"\n", args...)
}
