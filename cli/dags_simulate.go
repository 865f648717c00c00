package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/simulate"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// script is what the flags of `dags test` say tasks do.
type script struct {
	outcomes, durations []string
	at                  *time.Time
	dagID, conf         string
}

func (a *app) dagsTestCommand() *cobra.Command {
	var s script
	c := &cobra.Command{
		Use: "test FILE|DAG", Short: "Simulate a run: chosen outcomes, virtual time, every decision with its reason", Args: simulated,
		Long: `Plays a run in virtual time with the real planner, and executes nothing: tasks do what
--outcome says, one outcome for each execution, the last one again and again; others
succeed. The outcomes are:
  success, skip, fail, fail:CAUSE (task, timeout, oom, infra, ...), fail_no_retry
  branch:TASK+TASK, branch_none     what a branch chooses
  true, false                       the condition of a short circuit
  map:3, xcom:dict2, xcom:none      what is returned for others to be mapped over
  reschedule:30s, defer:30s         a sensor or deferrable task waits
Each decision is shown with its reason. The exit code is 1 if the run does not succeed.`,
		Example: examples(
			"updraft dags test etl.yaml", "everything succeeds",
			"updraft dags test etl.yaml --outcome load=fail,fail,success", "two failures and a retry that works",
			"updraft dags test etl --outcome 'each[1]=fail' --duration each=90s", "one of a mapped task",
			"updraft dags test etl --at 2026-03-29T01:30+01:00 --outcome choose=branch:small", "at another time",
		),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			return a.simulate(ctx, i, args[0], &s)
		}),
		ValidArgsFunction: a.completeFirst(cobra.ShellCompDirectiveDefault, a.dagIDs),
	}
	f := c.Flags()
	f.StringArrayVar(&s.outcomes, "outcome", nil, "TASK=OUTCOME,OUTCOME...: what a task (or TASK[INDEX]) does, execution by execution")
	f.StringArrayVar(&s.durations, "duration", nil, "TASK=DURATION, or DURATION for all: how long executions take (default 1s)")
	timeFlag(f, &s.at, "at", "the time at which the run begins, and its logical date (default: now)")
	f.StringVar(&s.dagID, "dag-id", "", "which DAG of a file with several")
	f.StringVarP(&s.conf, "conf", "c", "", "parameters, as a JSON object, @FILE, or - for standard input")
	a.outputFlag(c)
	return c
}

// simulated demands one DAG. In Airflow, a date may follow, and the DAG is executed.
func simulated(c *cobra.Command, args []string) error {
	err := exactly("FILE|DAG")(c, args)
	if len(args) == 2 {
		if _, terr := parseTime(args[1]); terr == nil {
			return fmt.Errorf("%w: give the date by --at, or execute the DAG with `updraft run %s --logical-date %s`", err, args[0], args[1])
		}
	}
	return err
}

// config reads the flags.
func (s *script) config() (c simulate.Config, err error) {
	c.Outcomes, c.Durations, c.Duration = map[string][]simulate.Outcome{}, map[string]time.Duration{}, time.Second
	for _, text := range s.outcomes {
		name, list, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return c, usagef("--outcome %s: write TASK=OUTCOME, such as load=fail,success", text)
		}
		for _, word := range strings.Split(list, ",") {
			o, err := simulate.ParseOutcome(word)
			if err != nil {
				return c, usagef("--outcome %s: %w", text, err)
			}
			c.Outcomes[name] = append(c.Outcomes[name], o)
		}
	}
	for _, text := range s.durations {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			name, value = "", text
		}
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return c, usagef("--duration %s: write TASK=DURATION, such as load=90s", text)
		}
		if c.Durations[name] = d; name == "" {
			delete(c.Durations, "")
			c.Duration = d
		}
	}
	if s.at != nil {
		c.At = *s.at
	}
	return c, nil
}

func (a *app) simulate(ctx context.Context, i *embedded.Installation, target string, s *script) error {
	c, err := s.config()
	if err != nil {
		return err
	}
	var t task.Trigger
	if t.Conf, err = a.parseConf(s.conf); err != nil {
		return err
	}
	g, err := i.ReadDAG(ctx, target, s.dagID)
	if err != nil {
		return err
	}
	res, err := i.Simulate(ctx, g, t, c)
	if err != nil {
		return err
	}
	if err := a.simulated(g, &res); err != nil {
		return err
	}
	for _, u := range res.Unused {
		fmt.Fprintf(a.Stderr, "note: %s\n", u)
	}
	if res.Run.State != run.RunSuccess {
		return errShown
	}
	return nil
}

// simulated shows a simulation: its decisions, the graph at its end, and the outcome.
func (a *app) simulated(g *dag.Graph, res *simulate.Result) error {
	var events []record
	for _, e := range res.Events {
		r := record{{"at", e.At}, {"task_id", e.Task}, {"state", e.State}, {"try_number", optional(e.Try)}, {"reason", e.Reason}}
		if a.output == "table" {
			r = a.eventRow(g, res, &e)
		}
		events = append(events, r)
	}
	switch a.output {
	case "json", "yaml":
		var instances []record
		for n := range res.Instances {
			in := &res.Instances[n]
			instances = append(instances, record{
				{"task_id", in.Task}, {"map_index", in.Map}, {"state", in.State}, {"try_number", in.Try}, {"start_date", in.Start}, {"end_date", in.End},
			})
		}
		out := append(runFields(&res.Run), field{"events", events}, field{"task_instances", instances}, field{"waiting", res.Waiting})
		return a.show(out)
	case "plain":
		return a.list(events, "")
	}
	zone := g.DAG.Location()
	a.printf("simulation of %s, run %s\n", res.Run.DAG, res.Run.ID.Run)
	if res.Run.IntervalStart != nil && res.Run.IntervalEnd != nil && !res.Run.IntervalEnd.Equal(*res.Run.IntervalStart) {
		a.printf("data interval %s to %s\n", clock(*res.Run.IntervalStart, zone), clock(*res.Run.IntervalEnd, zone))
	}
	a.printf("\n")
	if err := a.list(events, ""); err != nil {
		return err
	}
	data := store.RunData{Run: res.Run, Instances: res.Instances}
	a.printf("\n%s\n", a.picture(g, drawingOf(&data), "text", true))
	return a.verdict(res)
}

// clock is a time in a zone, as people read it.
func clock(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04:05 -07:00")
}

func (a *app) eventRow(g *dag.Graph, res *simulate.Result, e *simulate.Event) record {
	elapsed := "+" + shortDuration(e.At.Sub(res.Events[0].At))
	name, try := e.Task, ""
	if name == "" {
		name = "(run)"
	}
	if e.Try > 0 {
		try = strconv.Itoa(e.Try)
	}
	return record{{"time", clock(e.At, g.DAG.Location())}, {"after", elapsed}, {"task", name}, {"state", a.paint(e.State)}, {"try", try}, {"reason", e.Reason}}
}

// verdict says how it ended.
func (a *app) verdict(res *simulate.Result) error {
	counts := map[run.State]int{}
	for n := range res.Instances {
		counts[res.Instances[n].State]++
	}
	took := res.End.Sub(res.Events[0].At)
	if res.Run.State.Finished() {
		a.printf("%s after %s of virtual time: %s\n", a.paint(string(res.Run.State)), shortDuration(took), countText(counts))
		return nil
	}
	a.printf("%s: nothing happens any more after %s of virtual time\n", a.paint(string(res.Run.State)), shortDuration(took))
	slices.Sort(res.Waiting)
	for _, w := range res.Waiting {
		fmt.Fprintf(a.Stdout, "  %s\n", w)
	}
	return nil
}
