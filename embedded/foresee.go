package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// PlacedTask is a task as a placement concerns it.
type PlacedTask struct {
	Task string
	// Now is where its attempts go without any placement, and Then where the placement sends
	// them, with the reasons.
	Now, NowReason   string
	Then, ThenReason string
	// Lacks is what the placement's executor has no room for; empty if it can take the task.
	Lacks []executors.Excess
}

// Foresight is what a placement would do.
type Foresight struct {
	Placement run.Placement
	Tasks     []PlacedTask
	// Runs is how many of the latest runs were looked at, Concerned how many of them are in
	// the share.
	Runs, Concerned int
}

// Foresee says what Place would do, of so many of the latest runs, and changes nothing.
func (i *Installation) Foresee(ctx context.Context, id string, p run.Placement, runs int) (*Foresight, error) {
	f, err := i.foresee(ctx, id, &p)
	if err != nil {
		return nil, err
	}
	latest, err := i.latestRuns(ctx, id, runs)
	if err != nil {
		return nil, err
	}
	f.Runs = len(latest)
	for n := range latest {
		if p.Share.Has(latest[n].ID) {
			f.Concerned++
		}
	}
	return f, nil
}

// latestRuns returns so many of the latest runs of a DAG, the latest first.
func (i *Installation) latestRuns(ctx context.Context, id string, n int) ([]run.Run, error) {
	var out []run.Run
	for page := (store.Page{}); ; {
		page.Limit = min(n-len(out), 1000)
		list, err := i.Store.ListRuns(ctx, store.RunFilter{DAG: id}, page)
		if err != nil {
			return nil, fmt.Errorf("list the runs of DAG %s: %w", id, err)
		}
		out = append(out, list.Items...)
		if page.Token = list.Next; page.Token == "" || len(out) >= n {
			return out, nil
		}
	}
}

// foresee checks a placement, brings it into its usual form, and says what it concerns.
func (i *Installation) foresee(ctx context.Context, id string, p *run.Placement) (*Foresight, error) {
	g, err := i.CurrentGraph(ctx, id)
	if err != nil {
		return nil, err
	}
	rule, err := i.Rule()
	if err != nil {
		return nil, err
	}
	p.Executor, p.Tasks = executors.Canonical(p.Executor), selection(p.Tasks)
	if err := errors.Join(checkPlacement(p), checkPlace(rule, p.Executor), checkSelection(g, p.Tasks)); err != nil {
		return nil, err
	}
	f := &Foresight{Placement: *p}
	for _, n := range g.Order {
		if t := g.Tasks[n]; p.Selects(t.ID) {
			f.Tasks = append(f.Tasks, foreseeTask(rule, g.DAG, t, p.Executor))
		}
	}
	return f, nil
}

// foreseeTask says where a task goes with a placement and without.
func foreseeTask(rule routeexec.Rule, d *dag.DAG, t *dag.Task, executor string) PlacedTask {
	out := PlacedTask{Task: t.ID}
	reason := func(name, why string, err error) (string, string) {
		if err != nil {
			return "", err.Error()
		}
		return name, why
	}
	need, err := executors.NeedOf(d, t)
	if err != nil {
		out.NowReason, out.ThenReason = err.Error(), err.Error()
		return out
	}
	out.Now, out.NowReason = reason(rule.Route(need))
	out.Lacks = rule.Named(executor).Limits.Lacks(need)
	need.Placed = executor
	out.Then, out.ThenReason = reason(rule.Route(need))
	return out
}

// refusal says which tasks the executor has no room for, and what can be done; nil if it has
// room for all.
func (f *Foresight) refusal() error {
	var errs []error
	var fit []string
	for _, t := range f.Tasks {
		if len(t.Lacks) == 0 {
			fit = append(fit, t.Task)
			continue
		}
		var parts []string
		for _, e := range t.Lacks {
			parts = append(parts, e.String())
		}
		errs = append(errs, fmt.Errorf("task %s asks for %s at %s", t.Task, strings.Join(parts, ", and "), f.Placement.Executor))
	}
	switch {
	case len(errs) == 0:
		return nil
	case len(fit) == 0:
		return errors.Join(append(errs, errors.New("have them ask for less, or name another executor"))...)
	}
	return errors.Join(append(errs, fmt.Errorf("have them ask for less, or place only the others: --tasks %s", fewOf(fit, ",")))...)
}

func checkPlacement(p *run.Placement) error {
	switch {
	case p.Share < 0 || p.Share > run.Whole:
		return fmt.Errorf("share is %s: it is from 0%% (none) to 100%% (all runs)", p.Share)
	case utf8.RuneCountInString(p.Reason) > maxReason:
		return fmt.Errorf("the reason has %d characters: write at most %d", utf8.RuneCountInString(p.Reason), maxReason)
	case len(p.Tasks) > maxSelection:
		return fmt.Errorf("there are %d tasks named: name at most %d, or use a regular expression", len(p.Tasks), maxSelection)
	}
	return nil
}

// checkPlace says why attempts cannot be sent to an executor here.
func checkPlace(rule routeexec.Rule, executor string) error {
	names := strings.Join(rule.Names(), ", ")
	switch {
	case executor == "":
		return fmt.Errorf("there is no executor named: name one of %s; `updraft migrate unset` leaves the choice to the installation again", names)
	case rule.Named(executor) != nil:
		return nil
	case len(rule) == 1:
		return fmt.Errorf("executor %s is not one of this installation, which runs everything at %s: configure it (setting executor: see `updraft config list`)", executor, names)
	}
	return fmt.Errorf("executor %s is not one of this installation: name one of %s, or configure it first", executor, names)
}

// checkSelection says which words about tasks select none.
func checkSelection(g *dag.Graph, words []string) error {
	ids := make([]string, len(g.Tasks))
	for n, t := range g.Tasks {
		ids[n] = t.ID
	}
	var errs []error
	for _, word := range words {
		if !run.IsPattern(word) {
			if !slices.Contains(ids, word) {
				errs = append(errs, fmt.Errorf("DAG %s has no task %s: %s", g.DAG.ID, word, nearTask(word, ids)))
			}
			continue
		}
		re, err := run.CompilePattern(word)
		if err == nil && !slices.ContainsFunc(ids, re.MatchString) {
			err = fmt.Errorf("no task of DAG %s matches %q: it has %s", g.DAG.ID, word, fewOf(ids, ", "))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func nearTask(word string, ids []string) string {
	prefix := word + "."
	if slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, prefix) }) {
		return fmt.Sprintf(`it is a group: write '%s\..*' for its tasks`, word)
	}
	if hint := dagfile.Hint(word, ids); hint != "" {
		return hint
	}
	return "it has " + fewOf(ids, ", ")
}

// fewOf joins the first names of a list.
func fewOf(names []string, between string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], between) + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, between)
}

// selection is a list of words about tasks in its usual form, so that the same ones are equal.
func selection(words []string) []string {
	var out []string
	for _, w := range words {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
