package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/prices"
)

func (a *app) costCommand() *cobra.Command {
	var runs int
	c := &cobra.Command{
		Use: "cost DAG", Short: "Estimate what a DAG costs on AWS in a month", Args: exactly("DAG"),
		Long: `Estimates the monthly bill of a DAG on AWS: how often it runs by its schedule, how long its
tasks took and how often they were tried in its latest runs here, and the list prices of AWS.
Each task is shown on Lambda and on Fargate. What is assumed is said below the table.`,
		Example: examples(
			"updraft cost etl", "by its schedule and its latest runs",
			"updraft cost etl --runs-per-month 3000", "for a DAG that is triggered",
			"updraft cost etl -o json", "for programs",
		),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	c.Flags().IntVar(&runs, "runs-per-month", 0, "how often the DAG runs in a month (default: by its schedule, or as often as in the last 30 days)")
	a.outputFlag(c)
	c.RunE = a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
		if runs < 0 || runs == 0 && c.Flags().Changed("runs-per-month") {
			return usagef("--runs-per-month %d: give 1 or more", runs)
		}
		return a.cost(ctx, i, args[0], runs)
	})
	return c
}

// month is what schedules are counted over.
const month = 30 * 24 * time.Hour

// estimate is what is known of a DAG for its price.
type estimate struct {
	prices *prices.List
	graph  *dag.Graph
	runs   float64 // a month
	tasks  []taskCost
	// assumed is what was assumed, a sentence each.
	assumed []string
}

// taskCost is a task with its price for a month, in dollars.
type taskCost struct {
	prices.Task
	name            string
	lambda, fargate float64
	possible        bool // on Lambda
}

func (a *app) cost(ctx context.Context, i *embedded.Installation, id string, runs int) error {
	g, err := i.CurrentGraph(ctx, id)
	if err != nil {
		return err
	}
	e := &estimate{graph: g}
	if e.prices, err = prices.USEast1(); err != nil {
		return err
	}
	if err := e.countRuns(ctx, i, runs); err != nil {
		return err
	}
	history, err := readHistory(ctx, i.Store, id)
	if err != nil {
		return err
	}
	if err := e.addTasks(history); err != nil {
		return err
	}
	if err := a.list(e.records(), ""); err != nil {
		return err
	}
	fmt.Fprintf(a.Stderr, "prices: AWS %s, %s; %s\n", e.prices.Region, e.prices.Date.Format(time.DateOnly), e.prices.Note)
	for _, text := range e.assumed {
		fmt.Fprintf(a.Stderr, "assumed: %s\n", text)
	}
	return nil
}

// countRuns finds out how often the DAG runs: as the flag says, by its schedule, or as often
// as it did.
func (e *estimate) countRuns(ctx context.Context, i *embedded.Installation, flag int) error {
	id := e.graph.DAG.ID
	if flag > 0 {
		e.runs = float64(flag)
		e.assume("%d runs a month, as --runs-per-month says", flag)
		return nil
	}
	n, bounded, err := scheduledRuns(e.graph.DAG, i.Now())
	if err != nil {
		return fmt.Errorf("schedule of DAG %s: %w", id, err)
	}
	if bounded {
		e.runs = float64(n)
		e.assume("%d runs a month: the schedule (%s) brings so many in the next 30 days", n, summary(e.graph.DAG))
		return nil
	}
	if n, err = countSince(ctx, i.Store, id, i.Now().Add(-month)); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("DAG %s has no schedule by time, and no run in the last 30 days: say how often it runs by --runs-per-month", id)
	}
	e.runs = float64(n)
	e.assume("%d runs a month: there were so many in the last 30 days", n)
	return nil
}

func (e *estimate) assume(format string, args ...any) {
	e.assumed = append(e.assumed, fmt.Sprintf(format, args...))
}

// records are the lines of the table, the sum last.
func (e *estimate) records() []record {
	var out []record
	var lambda, fargate float64
	possible := true
	line := func(name string, t *taskCost, lambda any, fargate float64) {
		r := record{
			{"task_id", name}, {"attempts_per_run", nil}, {"seconds", nil}, {"lambda_mb", nil}, {"fargate_cpu", nil}, {"fargate_mb", nil},
			{"lambda_usd_per_month", lambda}, {"fargate_usd_per_month", usd(fargate)},
		}
		if t != nil {
			r[1].value, r[2].value = round(t.Attempts, 2), round(t.Took.Seconds(), 1)
			r[3].value, r[4].value, r[5].value = int(t.LambdaMemory*1024), t.FargateCPUs, int(t.FargateMemory*1024)
		}
		out = append(out, r)
	}
	for n := range e.tasks {
		t := &e.tasks[n]
		var onLambda any
		if t.possible {
			onLambda = usd(t.lambda)
			lambda += t.lambda
		} else {
			possible = false
			lambda += t.fargate // it goes there by itself
		}
		fargate += t.fargate
		line(t.name, t, onLambda, t.fargate)
	}
	ofRuns := e.prices.Run() * e.runs
	line("(runs)", nil, usd(ofRuns), ofRuns)
	line("(all)", nil, usd(lambda+ofRuns), fargate+ofRuns)
	if !possible {
		e.assume("what Lambda has no room or no time for runs on Fargate, and is in the sum of Lambda with that price")
	}
	return out
}
