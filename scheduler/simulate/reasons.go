package simulate

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// why is the planner's own explanation, without the name.
func (s *simulation) why(in *run.Instance) string {
	text, err := s.snap.Explain(in.Key(s.c.Run.ID), s.now)
	if err != nil {
		return ""
	}
	text = strings.TrimPrefix(text, in.Name()+" ")
	text = strings.TrimPrefix(text, "is "+in.State.String())
	return strings.TrimPrefix(strings.TrimPrefix(text, ": "), " ")
}

// met says by what an instance may run: its trigger rule, and what is upstream.
func (s *simulation) met(in *run.Instance) string {
	g := s.c.Graph
	i, ok := g.Index(in.Task)
	if !ok {
		return ""
	}
	if in.Try > 1 && s.tries[in.Name()] == in.Try-1 {
		return "its retry is due"
	}
	if s.runs[in.Name()] > 0 {
		return "it goes on"
	}
	if len(g.Up[i]) == 0 {
		return "it waits for nothing"
	}
	v := s.snap.Run(s.c.Run.ID)
	ups := map[int]bool{}
	for _, u := range g.Up[i] {
		ups[u] = true
	}
	var parts []string
	counts := map[string]map[run.State]int{}
	var order []string
	for _, o := range v.Instances() {
		u, _ := g.Index(o.Task)
		if g.MapGroup[i] >= 0 && g.MapGroup[u] == g.MapGroup[i] && o.Map != in.Map {
			continue // instances of a mapped group go by themselves
		}
		if ups[u] {
			if counts[o.Task] == nil {
				counts[o.Task] = map[run.State]int{}
				order = append(order, o.Task)
			}
			counts[o.Task][o.State]++
		}
	}
	for _, task := range order {
		for state := range run.NumStates {
			switch n := counts[task][state]; {
			case n == 1 && len(counts[task]) == 1:
				parts = append(parts, fmt.Sprintf("%s is %s", task, state))
			case n > 0:
				parts = append(parts, fmt.Sprintf("%d of %s are %s", n, task, state))
			}
		}
	}
	return fmt.Sprintf("%s is met: %s", g.Tasks[i].TriggerRule, strings.Join(parts, ", "))
}

// result says what an execution did.
func (s *simulation) result(p pending, in *run.Instance) string {
	var text string
	switch p.do.Word {
	case "success", "true":
		text = "it succeeded"
	case "xcom":
		text = "it returned a value of length " + p.do.Arg
		if _, ok := length(p.do.Arg); !ok {
			text = "it returned " + p.do.Arg
		}
	case "fail", "fail_no_retry":
		text = "it failed"
		if p.do.Arg != "" {
			text += " (" + p.do.Arg + ")"
		}
		if p.do.Word == "fail_no_retry" {
			text += " and must not be tried again"
		}
	case "skip":
		text = "it skipped itself"
	case "branch":
		text = "it chose " + cmp.Or(p.do.Arg, "nothing")
	case "branch_none":
		text = "it chose nothing"
	case "false":
		text = "its condition is false"
	case "resume":
		text = "what it waited for has come"
	default:
		text = "it said " + p.do.String()
	}
	if p.note != "" {
		text += " (" + p.note + ")"
	}
	switch {
	case in.State == run.UpForRetry || in.State == run.UpForReschedule:
		text += fmt.Sprintf("; again at %s", in.Due.UTC().Format(time.RFC3339))
	case in.State == run.Failed && p.do.Word == "fail":
		text += fmt.Sprintf("; try %d of %d", p.try, in.MaxTries+1)
	case in.State == run.Failed && in.Reason != "":
		text += "; " + in.Reason
	}
	return text
}
