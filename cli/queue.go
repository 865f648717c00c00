package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/queue"
)

func (a *app) queueCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "queue", Short: "Look into queues, and deal with their dead letters",
		Long: `Queues carry work from the scheduler to workers. A message that is received too often and never
done, or that nobody can read, becomes a dead letter: it is kept until somebody sends it
again or deletes it. The queue is named as tasks name it; without a name it is default.`,
		Example: examples(
			"updraft queue list", "how much is in them",
			"updraft queue peek", "the dead letters, and why they died",
			"updraft queue redrive default", "send them again",
		),
	}
	c.AddCommand(a.queueList(), a.queuePeek(), a.queueRedrive(), a.queuePurge())
	return c
}

// withQueue runs an action on the queue that the first argument names, default without.
func (a *app) withQueue(do func(ctx context.Context, q *queue.Queue, name string, rest []string) error) func(*cobra.Command, []string) error {
	return a.with(func(ctx context.Context, i *embedded.Installation, args []string) (err error) {
		name := dag.DefaultQueue
		if len(args) > 0 {
			name, args = args[0], args[1:]
		}
		q, err := i.Queue(ctx, name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, q.Close()) }()
		return do(ctx, q, name, args)
	})
}

func (a *app) queueList() *cobra.Command {
	c := &cobra.Command{
		Use: "list [QUEUE...]", Short: "List the queues with how much is in them",
		Long: `Lists the queues that tasks name, or those given. Ready messages can be taken now, delayed ones
later, those in flight are with workers. Services count approximately.`,
		ValidArgsFunction: a.completeFirst(cobra.ShellCompDirectiveNoFileComp, queueNames),
		Example:           examples("updraft queue list", "all that DAGs name", "updraft queue list gpu -o json", "one, for programs"),
	}
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		names := args
		if len(names) == 0 {
			var err error
			if names, err = i.QueueNames(ctx); err != nil {
				return err
			}
		}
		var records []record
		var faults []error
		for _, name := range names {
			r, err := queueRecord(ctx, i, name)
			if err != nil { // the others are worth showing
				faults = append(faults, err)
				continue
			}
			records = append(records, r)
		}
		if len(records) > 0 {
			faults = append(faults, a.list(records, ""))
		}
		return errors.Join(faults...)
	})
	return c
}

func queueRecord(ctx context.Context, i *embedded.Installation, name string) (_ record, err error) {
	q, err := i.Queue(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	s, err := q.Stats(ctx)
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", name, err)
	}
	return record{{"queue", name}, {"ready", s.Ready}, {"delayed", s.Delayed}, {"in_flight", s.InFlight}, {"dead", s.Dead}, {"oldest", s.Oldest}}, nil
}

func (a *app) queuePeek() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "peek [QUEUE]", Short: "Show dead letters",
		Long: `Shows the dead letters of a queue: what they asked for, when they were sent, and why they died.
With -o json or yaml also what they say. Nothing is changed; on SQS they are hidden from
others for a moment.`,
		Args: between(0, "QUEUE"), ValidArgsFunction: a.completeArgs(queueNames),
		Example: examples("updraft queue peek", "those of the queue default", "updraft queue peek gpu -o json", "those of another, with what they say"),
	}
	a.outputFlag(c)
	c.Flags().IntVarP(&limit, "limit", "n", 20, "how many to show at most")
	c.RunE = a.withQueue(func(ctx context.Context, q *queue.Queue, name string, _ []string) error {
		if limit < 1 {
			return usagef("--limit %d: use a positive number", limit)
		}
		dead, err := q.Dead(ctx, limit)
		if err != nil {
			return err
		}
		records := make([]record, len(dead))
		for n, l := range dead {
			records[n] = a.letterRecord(l)
		}
		return a.list(records, fmt.Sprintf("No dead letters in queue %s.", name))
	})
	return c
}

// letterRecord shows a dead letter; what cannot be read has no names.
func (a *app) letterRecord(l queue.DeadLetter) record {
	var kind, attempt string
	if e, err := queue.Decode(l.Body); err == nil {
		kind, attempt = string(e.Kind), e.Attempt.String()
		if e.Kind == queue.KindPlan {
			attempt = e.Attempt.ID.String()
		}
	}
	r := record{{"id", l.ID}, {"kind", kind}, {"about", attempt}, {"sent", l.Sent}, {"died", l.Died}, {"reason", l.Reason}}
	if a.output == "json" || a.output == "yaml" {
		r = append(r, field{"message", string(l.Body)})
	}
	return r
}

func (a *app) queueRedrive() *cobra.Command {
	return &cobra.Command{
		Use: "redrive [QUEUE [ID...]]", Short: "Send dead letters again",
		Long: `Sends dead letters again as if they were new: those with the ids that peek shows, or all of
them. Work that was done meanwhile is not done twice: a worker that takes it sees that.`,
		ValidArgsFunction: a.completeQueueLetters(),
		Example:           examples("updraft queue redrive", "all of the queue default", "updraft queue redrive gpu 17 23", "two of another one"),
		RunE: a.withQueue(func(ctx context.Context, q *queue.Queue, name string, ids []string) error {
			n, err := q.Revive(ctx, ids...)
			if err == nil && n < len(ids) {
				err = fmt.Errorf("%s of %s in queue %s: `updraft queue peek %s` shows those there are", count(n, "dead letter"), count(len(ids), "id"), name, name)
			}
			return a.done(err, "%s of queue %s sent again", count(n, "dead letter"), name)
		}),
	}
}

func (a *app) queuePurge() *cobra.Command {
	var yes, dead bool
	c := &cobra.Command{
		Use: "purge [QUEUE]", Short: "Delete all messages of a queue",
		Long: `Deletes all messages of a queue, also those that workers have, or with --dead its dead letters.
The scheduler sends again what it still wants done: queued tasks after 10 minutes.`,
		Args: between(0, "QUEUE"), ValidArgsFunction: a.completeArgs(queueNames),
		Example: examples("updraft queue purge --dead", "the dead letters of the queue default", "updraft queue purge gpu --yes", "all messages of another, without asking"),
	}
	f := c.Flags()
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	f.BoolVar(&dead, "dead", false, "delete the dead letters, and leave the messages")
	c.RunE = a.withQueue(func(ctx context.Context, q *queue.Queue, name string, _ []string) error {
		part, what := queue.Living, "message"
		if dead {
			part, what = queue.DeadLetterPart, "dead letter"
		}
		ok, err := a.confirm(yes, fmt.Sprintf("Delete all %ss of queue %s?", what, name))
		if err != nil || !ok {
			return err
		}
		n, err := q.Purge(ctx, part)
		return a.done(err, "%s of queue %s deleted", count(n, what), name)
	})
	return c
}

// queueNames are the queues that tasks name.
func queueNames(ctx context.Context, i *embedded.Installation, before []string) ([]string, error) {
	names, err := i.QueueNames(ctx)
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(before, n) }), err
}

// completeQueueLetters completes a queue, and then ids of its dead letters.
func (a *app) completeQueueLetters() cobra.CompletionFunc {
	return a.completeFirst(cobra.ShellCompDirectiveNoFileComp, func(ctx context.Context, i *embedded.Installation, before []string) (ids []string, err error) {
		if len(before) == 0 {
			return queueNames(ctx, i, nil)
		}
		q, err := i.Queue(ctx, before[0])
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, q.Close()) }()
		dead, err := q.Dead(ctx, 100)
		for _, l := range dead {
			if !slices.Contains(before[1:], l.ID) {
				ids = append(ids, l.ID)
			}
		}
		return ids, err
	})
}
