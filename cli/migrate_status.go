package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/prices"
	"github.com/updraft-dev/updraft/run"
)

// compare shows a comparison, with the sum of it in a sentence.
func (a *app) compare(m *embedded.Comparison) error {
	l, err := prices.USEast1()
	if err != nil {
		return err
	}
	records := make([]record, len(m.Places))
	var t tally
	for n := range m.Places {
		p := &m.Places[n]
		dollars, known := attemptCost(l, m.Graph, p)
		t.add(p, dollars, known)
		records[n] = comparedRecord(p, dollars, known)
	}
	if err := a.list(records, "no attempt of a placed task has ended in these runs"); err != nil {
		return err
	}
	for n := range m.Placements {
		p := &m.Placements[n]
		until := "holds"
		if !p.Holds() {
			until = "was over on " + isoTime(p.Ended)
		}
		a.note("%s: by %s on %s, %s", placementText(p), p.By, isoTime(p.At), until)
	}
	a.note("%s", t.sentence(m))
	return nil
}

func comparedRecord(p *embedded.AttemptsAt, dollars float64, known bool) record {
	r := record{
		{"task_id", p.Task}, {"executor", p.Executor}, {"placed", p.Placed}, {"attempts", p.Count}, {"failed", p.Failed},
		{"causes", causesText(p.Causes)}, {"median_seconds", nil}, {"p95_seconds", nil}, {"usd_per_1000", nil},
	}
	if d, ok := p.Quantile(0.5); ok {
		r[6].value = round(d.Seconds(), 3)
	}
	if d, ok := p.Quantile(0.95); ok {
		r[7].value = round(d.Seconds(), 3)
	}
	if known {
		r[8].value = usd(1000 * dollars)
	}
	return r
}

func causesText(causes map[run.Cause]int) string {
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(causes)) {
		parts = append(parts, fmt.Sprintf("%s %d", c, causes[c]))
	}
	return strings.Join(parts, ", ")
}

// attemptCost is what an attempt costs at a place, as long as those there took; false if
// that is not known.
func attemptCost(l *prices.List, g *dag.Graph, p *embedded.AttemptsAt) (dollars float64, known bool) {
	n, there := g.Index(p.Task)
	if !there || p.Count == 0 {
		return 0, false
	}
	c := taskCost{}
	if _, err := c.size(g.DAG, g.Tasks[n]); err != nil {
		return 0, false
	}
	c.Attempts, c.Took = 1, p.Total/time.Duration(p.Count)
	switch p.Executor {
	case "lambda":
		return l.OnLambda(c.Task)
	case "fargate":
		return l.OnFargate(c.Task), true
	}
	return 0, false
}

// side is what attempts of several tasks amount to.
type side struct {
	count, failed int
	causes        map[run.Cause]int
}

func (s *side) add(p *embedded.AttemptsAt) {
	if s.causes == nil {
		s.causes = map[run.Cause]int{}
	}
	s.count += p.Count
	s.failed += p.Failed
	for c, n := range p.Causes {
		s.causes[c] += n
	}
}

// text says how many attempts there were, and how many failed of what.
func (s *side) text() string {
	switch {
	case s.count == 0:
		return "no attempt has ended"
	case s.failed == 0:
		return "none of " + count(s.count, "attempt") + " failed"
	}
	return fmt.Sprintf("%d of %s failed (%s%%: %s)", s.failed, count(s.count, "attempt"),
		short(100*float64(s.failed)/float64(s.count)), causesText(s.causes))
}

func short(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0") }

// tally sums up the places of a comparison. Times and costs are compared of the tasks that
// have them on both sides.
type tally struct {
	placed, elsewhere side
	executors         []string
	times, costs      map[string]*pair
}

// pair is a number of a task on both sides; elsewhere is that of the place with most attempts.
type pair struct {
	placed, elsewhere float64
	there, weight     int // attempts
}

func (t *tally) add(p *embedded.AttemptsAt, dollars float64, known bool) {
	if p.Placed {
		t.placed.add(p)
		if !slices.Contains(t.executors, p.Executor) {
			t.executors = append(t.executors, p.Executor)
		}
	} else {
		t.elsewhere.add(p)
	}
	if d, ok := p.Quantile(0.5); ok {
		note(&t.times, p, d.Seconds())
	}
	if known {
		note(&t.costs, p, dollars)
	}
}

func note(to *map[string]*pair, p *embedded.AttemptsAt, x float64) {
	if *to == nil {
		*to = map[string]*pair{}
	}
	e := (*to)[p.Task]
	if e == nil {
		e = &pair{}
		(*to)[p.Task] = e
	}
	switch {
	case p.Placed:
		e.placed, e.there = x, p.Count
	case p.Count > e.weight:
		e.elsewhere, e.weight = x, p.Count
	}
}

// ratio compares the sums over the tasks that are on both sides; false if there is none, or
// nothing to compare with.
func ratio(of map[string]*pair) (change float64, ok bool) {
	var placed, elsewhere float64
	for _, e := range of {
		if e.there > 0 && e.weight > 0 {
			placed, elsewhere = placed+e.placed, elsewhere+e.elsewhere
		}
	}
	if elsewhere == 0 {
		return 0, false
	}
	return placed/elsewhere - 1, true
}

// sentence is the sum of a comparison.
func (t *tally) sentence(m *embedded.Comparison) string {
	if t.placed.count == 0 {
		return fmt.Sprintf("in the last %s, no attempt has ended where it is placed, and %s elsewhere", count(m.Runs, "run"), t.elsewhere.text())
	}
	text := fmt.Sprintf("in %d of the last %s, at %s %s, and %s elsewhere", m.Concerned, count(m.Runs, "run"),
		strings.Join(t.executors, " and "), t.placed.text(), t.elsewhere.text())
	if x, ok := ratio(t.times); ok {
		text += "; by their medians, tasks take " + versus(x, "longer", "less time") + " there"
	}
	if x, ok := ratio(t.costs); ok {
		text += "; an attempt costs " + versus(x, "more", "less")
	}
	return text
}

// versus says how much more or less something is.
func versus(change float64, more, less string) string {
	switch percent := round(100*change, 0); {
	case percent > 0:
		return fmt.Sprintf("%.0f%% %s", percent, more)
	case percent < 0:
		return fmt.Sprintf("%.0f%% %s", -percent, less)
	}
	return "the same"
}
