package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// Outcome is what one execution of a task does, as a script writes it: a word, and for
// some words an argument after a colon. ParseOutcome lists them.
type Outcome struct {
	Word, Arg string
	// After is how long a reschedule or a deferral waits.
	After time.Duration
}

// String is the outcome as ParseOutcome reads it.
func (o Outcome) String() string {
	if o.Arg == "" {
		return o.Word
	}
	return o.Word + ":" + o.Arg
}

// words are the outcomes, and what their argument is.
var words = map[string]string{
	"success": "", "true": "", "fail": "[CAUSE]", "fail_no_retry": "", "skip": "", "false": "",
	"xcom": "LENGTH", "map": "LENGTH", "branch": "[TASK+...]", "branch_none": "",
	"reschedule": "[DURATION]", "defer": "[DURATION]", "start": "", "resume": "",
}

// Words are what a script may say of a task, for messages.
func Words() string {
	return "success, fail, fail:CAUSE, fail_no_retry, skip, true, false, branch:TASK+TASK, branch_none, map:LENGTH, xcom:none, reschedule:DURATION, defer:DURATION"
}

// ParseOutcome reads an outcome:
//
//	success, true      it succeeds; a branch follows all its downstream
//	fail, fail:CAUSE   it fails; CAUSE is task, timeout, oom, infra, image, quota or config
//	fail_no_retry      it fails, and a retry would not help
//	skip               it skips itself
//	false              a short circuit skips what is below it
//	branch:a+b         a branch follows these tasks or groups; branch: and branch_none follow none
//	map:3, xcom:3      it returns a list of 3; xcom:dict2 a dict, xcom:none nothing, xcom:int a number
//	reschedule:30s     a sensor gives its slot back, and looks again later
//	defer:30s          it waits without a process, and goes on later
func ParseOutcome(text string) (Outcome, error) {
	word, arg, has := strings.Cut(strings.TrimSpace(text), ":")
	kind, known := words[word]
	o := Outcome{Word: word, Arg: arg}
	switch {
	case !known:
		return o, fmt.Errorf("unknown outcome %q: use %s", text, Words())
	case kind == "" && has:
		return o, fmt.Errorf("outcome %q: %s takes nothing after a colon", text, word)
	case kind == "LENGTH" && !lengths(arg):
		return o, fmt.Errorf("outcome %q: give a length, such as %s:3", text, word)
	case kind == "[DURATION]" && arg != "":
		after, err := time.ParseDuration(arg)
		if err != nil || after < 0 {
			return o, fmt.Errorf("outcome %q: give a duration, such as %s:30s", text, word)
		}
		o.After = after
	case kind == "[CAUSE]" && arg != "" && !slices.Contains(causes(), run.Cause(arg)):
		return o, fmt.Errorf("outcome %q: the causes are %v", text, causes())
	}
	if word == "map" {
		o.Word = "xcom"
	}
	return o, nil
}

func causes() []run.Cause {
	return []run.Cause{run.CauseTask, run.CauseTimeout, run.CauseOOM, run.CauseInfra, run.CauseImage, run.CauseQuota, run.CauseConfig}
}

// lengths says whether a text is the argument of xcom.
func lengths(arg string) bool {
	_, known := length(arg)
	return known || arg == "none" || arg == "int"
}

// length is the length of what is returned: 3, dict2, kwargs2.
func length(arg string) (int, bool) {
	for _, kind := range []string{"dict", "kwargs", "list"} {
		arg = strings.TrimPrefix(arg, kind)
	}
	n, err := strconv.Atoi(arg)
	return n, err == nil && n >= 0
}

// Role is what an operator does with what is below it.
type Role struct {
	Kind RoleKind
	// Direct limits a short circuit to its direct downstream.
	Direct bool
}

// RoleKind is the kind of a Role.
type RoleKind string

// The kinds of roles.
const (
	Plain        RoleKind = ""
	Branch       RoleKind = "branch"
	ShortCircuit RoleKind = "short_circuit"
	LatestOnly   RoleKind = "latest_only"
)

// RoleOf is the role of a task, given what its operator is.
func RoleOf(t *dag.Task, kind dag.OperatorKind) Role {
	switch {
	case kind != dag.OperatorBranch:
		return Role{}
	case strings.HasSuffix(t.Operator, ".LatestOnlyOperator"):
		return Role{Kind: LatestOnly}
	case strings.Contains(t.Operator, ".ShortCircuit") || strings.Contains(t.Operator, "._ShortCircuit"):
		all, given := t.Args["ignore_downstream_trigger_rules"].(bool)
		return Role{Kind: ShortCircuit, Direct: given && !all}
	}
	return Role{Kind: Branch}
}

// token is the fencing token of all claims: nobody else works on a simulated run.
const token = "simulated"

// What Act cannot do.
var (
	// ErrNoInstance says that the run has no such instance.
	ErrNoInstance = errors.New("no such instance")
	// ErrRefused says that the instance is in a state that the outcome does not fit to.
	ErrRefused = errors.New("refused")
)

// Act has an instance do what an outcome says, as its worker would at that time: it
// takes the attempt if it is queued, and reports. "start" only takes it, "resume" fires
// what a deferred instance waits for.
func Act(s *scheduler.Snapshot, k run.Key, o Outcome, role Role, now time.Time) error {
	v := s.Run(k.ID)
	if v == nil || v.Instance(k.Task, k.Map) == nil {
		return fmt.Errorf("%s: %w", k, ErrNoInstance)
	}
	in := v.Instance(k.Task, k.Map)
	refused := func() error { return fmt.Errorf("%s is %s: %s is %w", k, in.State, o, ErrRefused) }
	if o.Word == "resume" {
		s.Resume(k)
		return nil
	}
	a := in.Attempt(k.ID)
	if in.State == run.Queued && !s.Claim(a, scheduler.Claim{Token: token, Worker: "simulation"}, now) {
		return refused()
	}
	if o.Word == "start" {
		return nil
	}
	rep := run.Report{Attempt: a, Token: token, At: now, Outcome: run.OutcomeSuccess}
	o.fill(&rep, s, v.Graph, role, now)
	if !s.Report(rep, now) {
		return refused()
	}
	return nil
}

// fill translates an outcome into what a worker reports.
func (o Outcome) fill(rep *run.Report, s *scheduler.Snapshot, g *dag.Graph, role Role, now time.Time) {
	follow := func(names ...string) { rep.Branch = &run.Branch{Kind: run.BranchFollow, Follow: names} }
	switch o.Word {
	case "success", "true":
		switch role.Kind {
		case Branch:
			t, _ := g.Index(rep.Task)
			var all []string
			for _, d := range g.Down[t] {
				all = append(all, g.Tasks[d].ID)
			}
			follow(all...)
		case LatestOnly:
			if !s.Latest(rep.ID, now) {
				rep.Branch = &run.Branch{Kind: run.BranchSkipDirect}
			}
		}
	case "fail":
		rep.Outcome, rep.Cause = run.OutcomeFailed, run.CauseTask
		if o.Arg != "" {
			rep.Cause = run.Cause(o.Arg)
		}
	case "fail_no_retry":
		rep.Outcome, rep.Cause = run.OutcomeFatal, run.CauseTask
	case "skip":
		rep.Outcome = run.OutcomeSkipped
	case "xcom":
		push(rep, o.Arg)
	case "branch":
		follow(strings.FieldsFunc(o.Arg, func(r rune) bool { return r == ',' || r == '+' })...)
	case "branch_none":
		follow()
	case "false":
		rep.Branch = &run.Branch{Kind: run.BranchSkipAll}
		if role.Direct {
			rep.Branch.Kind = run.BranchSkipDirect
		}
	case "reschedule":
		rep.Outcome, rep.Due = run.OutcomeReschedule, now.Add(o.After)
	case "defer":
		rep.Outcome = run.OutcomeDeferred
	}
}

// push returns a value of a length, or one that nothing can be mapped over.
func push(rep *run.Report, arg string) {
	if arg == "none" {
		return
	}
	rep.XComs = []run.XCom{{Name: dag.ReturnValue, Value: json.RawMessage("[]"), At: rep.At}}
	if n, ok := length(arg); ok {
		rep.Length = &n
	} else {
		rep.Unmappable = true
	}
}
