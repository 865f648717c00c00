package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
	"github.com/updraft-dev/updraft/run"
)

// TestQueueScripts runs the scripts in testdata/queue. The queue default has three
// messages, of which a worker has one, and two dead letters, with the ids 1 and 2.
func TestQueueScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/queue", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("UPDRAFT_HOME", home)
			env.Setenv("UPDRAFT_DAGS", filepath.Join(env.WorkDir, "dags"))
			if err := os.Mkdir(home, 0o700); err != nil {
				return err
			}
			return fill(t.Context(), filepath.Join(home, "queue.db"))
		},
	})
}

// fill makes the queue that the scripts expect.
func fill(ctx context.Context, path string) (err error) {
	q, err := localqueue.Open(ctx, localqueue.Config{Path: path, Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	send := func(task string) error {
		return q.Send(ctx, queue.Message{Envelope: queue.Envelope{
			Kind: queue.KindAttempt, Attempt: run.Attempt{Key: run.Key{ID: run.ID{DAG: "etl", Run: "r1"}, Task: task, Map: run.Unmapped}, Try: 1},
		}})[0]
	}
	for _, task := range []string{"extract", "load"} {
		if err := errors.Join(send(task), die(ctx, q)); err != nil {
			return err
		}
	}
	if err := errors.Join(send("a"), send("b"), send("c")); err != nil {
		return err
	}
	_, err = q.Receive(ctx, 1, time.Hour, 0)
	return err
}

// die receives the one message of a queue until it is a dead letter.
func die(ctx context.Context, q *queue.Queue) error {
	for range queue.DefaultReceives {
		got, err := q.Receive(ctx, 1, time.Hour, 0)
		if err != nil || len(got) != 1 {
			return fmt.Errorf("received %d messages, %w", len(got), err)
		}
		if err := q.Extend(ctx, got[0], 0); err != nil {
			return err
		}
	}
	if got, err := q.Receive(ctx, 1, time.Hour, 0); err != nil || len(got) != 0 {
		return fmt.Errorf("the message did not die: %v, %w", got, err)
	}
	return nil
}
