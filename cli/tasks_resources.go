package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
)

func (a *app) tasksResourcesCommand() *cobra.Command {
	var runs int
	var forget bool
	c := &cobra.Command{
		Use: "resources DAG [TASK]", Short: "Show what tasks ask for, what they need, and what they get",
		Long: `Shows the CPU and memory that tasks ask for, the most memory that a process of theirs has had in
the latest runs, and what was learned: the memory that was enough after a try had run out of
it. Later runs are given that at once, on Kubernetes, Lambda and Fargate. Tasks that ask for
nothing get what their place gives by itself, or a multiple of it.`,
		Example: examples(
			"updraft tasks resources etl", "of all its tasks",
			"updraft tasks resources etl load --runs 100 -o json", "of one, over more runs",
			"updraft tasks resources etl load --forget", "have it begin with what it asks for again",
		),
		Args: between(1, "DAG", "TASK"),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
			task := ""
			if len(args) > 1 {
				task = args[1]
			}
			switch {
			case forget:
				return a.forgetMemory(ctx, i, args[0], task)
			case runs < 1:
				return usagef("--runs %d: look at one at least", runs)
			}
			return a.resources(ctx, i, args[0], task, runs)
		}),
	}
	c.Flags().IntVar(&runs, "runs", 20, "how many of the latest runs to look at")
	c.Flags().BoolVar(&forget, "forget", false, "forget what was learned")
	a.outputFlag(c)
	c.ValidArgsFunction = a.completeArgs(a.dagIDs, a.taskIDs)
	return c
}

func (a *app) resources(ctx context.Context, i *embedded.Installation, dagID, task string, runs int) error {
	list, seen, err := i.Resources(ctx, dagID, runs)
	if err != nil {
		return err
	}
	var records []record
	for n := range list {
		if task == "" || list[n].Task == task {
			records = append(records, a.resourcesRecord(&list[n]))
		}
	}
	if task != "" && len(records) == 0 {
		return fmt.Errorf("DAG %s has no task %q: see `updraft tasks list %s`", dagID, task, dagID)
	}
	if err := a.list(records, fmt.Sprintf("DAG %s has no tasks", dagID)); err != nil {
		return err
	}
	a.note("peaks are of the latest %s", count(seen, "run"))
	return nil
}

func (a *app) resourcesRecord(r *embedded.TaskResources) record {
	n := &r.Need
	rec := record{
		{"task_id", r.Task}, {"cpu_requested", nil}, {"memory_requested", a.bytes(n.Memory)}, {"memory_peak", a.bytes(r.Peak)},
		{"out_of_memory", r.OOMs}, {"memory_learned", nil}, {"learned_at", nil},
	}
	if n.CPUMilli > 0 {
		rec[1].value = float64(n.CPUMilli) / 1000
	}
	if m := n.Learned; m.Doubled > 0 {
		rec[5].value = fmt.Sprintf("%d times the default", m.Floor(1))
		if m.Asked > 0 {
			rec[5].value = a.bytes(m.Floor(0))
		}
		rec[6].value = m.At
	}
	return rec
}

// bytes is an amount of memory, for people or for programs; nil for none.
func (a *app) bytes(n int64) any {
	switch {
	case n == 0:
		return nil
	case a.output == "json" || a.output == "yaml":
		return n
	}
	return executors.Bytes(n)
}

func (a *app) forgetMemory(ctx context.Context, i *embedded.Installation, dagID, task string) error {
	gone, err := i.ForgetMemory(ctx, dagID, task)
	if err != nil {
		return err
	}
	if len(gone) == 0 {
		a.printf("nothing was learned\n")
		return nil
	}
	a.printf("forgotten: %s\n", strings.Join(slices.Sorted(maps.Keys(gone)), ", "))
	return nil
}
