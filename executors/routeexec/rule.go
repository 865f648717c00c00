package routeexec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// Place is where attempts can run, as the rule sees it.
type Place struct {
	// Name is what tasks write as their executor.
	Name string
	// Limits are what fits in there.
	Limits executors.Limits
	// Queues are the names of queues that lead there: tasks that name one of them, and no
	// executor, go there if they fit. AnyQueue is for those that are nobody else's.
	Queues []string
	// ByName says that nothing else leads there: the task names the place or its queue.
	ByName bool
}

// AnyQueue among the queues of a place leads there from every queue that is not another
// place's, but for the default one.
const AnyQueue = "*"

// Rule is where attempts can run, in order of preference: the first place with room for
// what a task asks for is the one. It is data, and Route a function of it and the task.
type Rule []Place

// Check says what is wrong with a rule.
func (r Rule) Check() error {
	if len(r) == 0 {
		return fmt.Errorf("there is no place to run tasks in: name at least one")
	}
	names, queues := map[string]bool{}, map[string]string{}
	for _, p := range r {
		if p.Name == "" || executors.Canonical(p.Name) != p.Name {
			return fmt.Errorf("%q cannot be the name of a place: choose another name", p.Name)
		}
		if names[p.Name] {
			return fmt.Errorf("place %s is there twice: keep one", p.Name)
		}
		names[p.Name] = true
		for _, q := range p.Queues {
			if other, ok := queues[q]; ok {
				return fmt.Errorf("queue %s leads to %s and to %s: keep one", q, other, p.Name)
			}
			queues[q] = p.Name
		}
	}
	return nil
}

// Explain says where the first try of a task runs, and why in one sentence. The error is
// an *executors.RefusedError.
func (r Rule) Explain(d *dag.DAG, t *dag.Task) (name, reason string, err error) {
	n, err := executors.NeedOf(d, t)
	if err != nil {
		return "", "", err
	}
	return r.Route(n)
}

// Route says where an attempt runs, and why in one sentence. The error is an
// *executors.RefusedError: no place has what it asks for, or the one that it names has not.
// A placement that cannot be followed is no error: the attempt goes where it went without.
func (r Rule) Route(n executors.Need) (name, reason string, err error) {
	if n.Placed != "" {
		return r.placed(n)
	}
	if n.Executor != "" {
		return r.named(n)
	}
	if p := r.queued(n.Queue); p != nil {
		if lacks := p.Limits.Lacks(n); len(lacks) > 0 {
			return "", "", r.refused(n, p, fmt.Sprintf("queue %s leads to %s, and the task asks for %s", n.Queue, p.Name, clauses(lacks)),
				"leave the queue away")
		}
		return p.Name, fmt.Sprintf("queue %s leads to %s", n.Queue, p.Name), nil
	}
	p, passed := r.first(n)
	switch {
	case p == nil:
		return "", "", r.nowhere(n, passed)
	case len(passed) == 0:
		return p.Name, p.Name + " is preferred, and has room for what the task asks for", nil
	}
	return p.Name, fmt.Sprintf("%s has no room for %s; %s has", passed[0].Name, clauses(passed[0].Limits.Lacks(n)), p.Name), nil
}

// Named returns the place with a name, nil if there is none.
func (r Rule) Named(name string) *Place {
	i := slices.IndexFunc(r, func(p Place) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &r[i]
}

// Names are those of all places.
func (r Rule) Names() []string {
	names := make([]string, len(r))
	for i, p := range r {
		names[i] = p.Name
	}
	return names
}

// placed follows a placement, if it can.
func (r Rule) placed(n executors.Need) (name, reason string, err error) {
	at := n.Placed
	p := r.Named(at)
	n.Placed = ""
	if p == nil {
		if name, reason, err = r.Route(n); err == nil {
			reason = fmt.Sprintf("a placement says %s, which is no executor here (there are %s); %s", at, strings.Join(r.Names(), ", "), reason)
		}
		return name, reason, err
	}
	if lacks := p.Limits.Lacks(n); len(lacks) > 0 {
		if name, reason, err = r.Route(n); err == nil {
			reason = fmt.Sprintf("a placement says %s, which has no room for %s; %s", at, clauses(lacks), reason)
		}
		return name, reason, err
	}
	return at, "a placement sends it to " + at, nil
}

func (r Rule) named(n executors.Need) (name, reason string, err error) {
	p := r.Named(n.Executor)
	if p == nil {
		return "", "", &executors.RefusedError{Cause: run.CauseConfig, Reason: fmt.Sprintf(
			"executor: %s: there is no such executor here: write %s, or leave it away", n.Executor, strings.Join(r.Names(), " or "))}
	}
	if lacks := p.Limits.Lacks(n); len(lacks) > 0 {
		return "", "", r.refused(n, p, fmt.Sprintf("executor: %s with %s", p.Name, clauses(lacks)), "")
	}
	return p.Name, fmt.Sprintf("the task names executor %s", p.Name), nil
}

// refused says what the author can do about a place of their choice that is too small.
func (r Rule) refused(n executors.Need, at *Place, what, remedy string) error {
	n.Executor, n.Queue = "", ""
	if p, _ := r.first(n); p != nil && p.Name != at.Name {
		if remedy == "" {
			remedy = "leave executor away"
		}
		return &executors.RefusedError{Cause: run.CauseConfig, Reason: fmt.Sprintf("%s: %s, or write executor: %s", what, remedy, p.Name)}
	}
	return &executors.RefusedError{Cause: run.CauseConfig, Reason: what + ": ask for less"}
}

// nowhere says what is missing in all places that are chosen by themselves.
func (r Rule) nowhere(n executors.Need, passed []*Place) error {
	if len(passed) == 0 {
		return &executors.RefusedError{Cause: run.CauseConfig, Reason: fmt.Sprintf("nothing leads to an executor: write executor: %s", r[0].Name)}
	}
	var parts []string
	for _, p := range passed {
		parts = append(parts, fmt.Sprintf("%s has no room for %s", p.Name, clauses(p.Limits.Lacks(n))))
	}
	return &executors.RefusedError{Cause: run.CauseConfig, Reason: strings.Join(parts, "; ") + ": ask for less"}
}

// queued is the place that a queue leads to; nil if it is no place's.
func (r Rule) queued(queue string) *Place {
	if queue == "" {
		return nil
	}
	var rest *Place
	for i := range r {
		if slices.Contains(r[i].Queues, queue) {
			return &r[i]
		}
		if slices.Contains(r[i].Queues, AnyQueue) {
			rest = &r[i]
		}
	}
	return rest
}

// first is the first place that has room, and those before it that have not.
func (r Rule) first(n executors.Need) (place *Place, passed []*Place) {
	for i := range r {
		p := &r[i]
		if p.ByName {
			continue
		}
		if len(p.Limits.Lacks(n)) == 0 {
			return p, passed
		}
		passed = append(passed, p)
	}
	return nil, passed
}

func clauses(lacks []executors.Excess) string {
	parts := make([]string, len(lacks))
	for i, e := range lacks {
		parts[i] = e.String()
	}
	return strings.Join(parts, ", and ")
}
