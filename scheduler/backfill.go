package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// Reprocess says what a backfill does about dates that have a run already.
type Reprocess string

// What can be done about runs that exist; a run that is not finished is left alone in
// any case.
const (
	// ReprocessNone leaves them as they are.
	ReprocessNone Reprocess = "none"
	// ReprocessFailed clears those that failed.
	ReprocessFailed Reprocess = "failed"
	// ReprocessCompleted clears those that have ended, however they did.
	ReprocessCompleted Reprocess = "completed"
)

// DefaultBackfillRuns is how many runs of a backfill run at once if nobody says.
const DefaultBackfillRuns = 10

// maxBackfill bounds the dates of one backfill: what is above is a slip of the pen.
const maxBackfill = 100_000

// ErrBackfillActive says that a DAG has a backfill under way: there is one at a time.
var ErrBackfillActive = errors.New("another backfill of the DAG is under way")

// Backfill is a wish to run a DAG for dates in the past, and what became of it. Its
// JSON is what a store keeps (store.KindBackfill).
type Backfill struct {
	ID  string `json:"id"`
	DAG string `json:"dag_id"`
	// From and To bound the logical dates; both are inclusive.
	From time.Time `json:"from_date"`
	To   time.Time `json:"to_date"`
	// Reverse runs the latest date first.
	Reverse bool `json:"run_backwards,omitempty"`
	// MaxActiveRuns bounds its running runs in place of the DAG's; 0 is
	// DefaultBackfillRuns.
	MaxActiveRuns int `json:"max_active_runs,omitempty"`
	// Reprocess is ReprocessNone when empty.
	Reprocess Reprocess `json:"reprocess_behavior,omitempty"`
	// Conf is the conf of the runs that it creates.
	Conf json.RawMessage `json:"dag_run_conf,omitempty"`
	// Paused starts none of its queued runs.
	Paused      bool      `json:"is_paused,omitempty"`
	CreatedAt   time.Time `json:"created_at,omitzero"`
	CompletedAt time.Time `json:"completed_at,omitzero"`
	// Runs are its dates in the order of running, and what was decided on each.
	Runs []BackfillRun `json:"runs,omitempty"`
}

// Limit is the number of its runs that run at once.
func (b *Backfill) Limit() int {
	if b.MaxActiveRuns <= 0 {
		return DefaultBackfillRuns
	}
	return b.MaxActiveRuns
}

// BackfillAction is what a backfill does about one date.
type BackfillAction string

// What a backfill does.
const (
	BackfillCreate BackfillAction = "create" // a new run
	BackfillClear  BackfillAction = "clear"  // run the existing run again, from the start
	BackfillSkip   BackfillAction = "skip"   // nothing; Reason says why
)

// BackfillRun is one date of a backfill.
type BackfillRun struct {
	// Run is the id of the run: the existing one, or the one that is created.
	Run           string         `json:"run_id"`
	LogicalDate   time.Time      `json:"logical_date"`
	IntervalStart time.Time      `json:"data_interval_start"`
	IntervalEnd   time.Time      `json:"data_interval_end"`
	RunAfter      time.Time      `json:"run_after"`
	Action        BackfillAction `json:"action"`
	// Reason belongs to BackfillSkip: "in flight" or "already exists".
	Reason string `json:"reason,omitempty"`
}

// PlanBackfill says what a backfill would do: its dates in the order of running, each
// with what happens to it. others are the backfills that are stored, existing are the
// DAG's runs with a logical date from b.From to b.To. It changes nothing, so it is the
// dry run too. The error names what is wrong with the request, all of it; it is
// ErrBackfillActive if the DAG has another one under way (section "Backfill").
//
// Golden: backfill, backfill_reprocess, backfill_conflict.
func PlanBackfill(g *dag.Graph, b Backfill, others []Backfill, existing []run.Run, now time.Time) ([]BackfillRun, error) {
	table, err := timetable.New(g.DAG.Schedule)
	if err != nil {
		return nil, fmt.Errorf("schedule of DAG %s: %w", g.DAG.ID, err)
	}
	if err := b.check(g, table, others, now); err != nil {
		return nil, err
	}
	byDate := map[time.Time]run.Run{}
	for _, r := range existing {
		if r.LogicalDate != nil {
			byDate[r.LogicalDate.UTC()] = r
		}
	}
	var out []BackfillRun
	bounds := timetable.Restriction{Earliest: b.From, Latest: b.To, Catchup: true}
	for due, err := range timetable.Runs(table, nil, bounds, now) {
		if err != nil {
			return nil, fmt.Errorf("schedule of DAG %s: %w", g.DAG.ID, err)
		}
		if due.Interval == nil || !due.Interval.End.Before(now) {
			break // what follows has not ended either
		}
		if len(out) == maxBackfill {
			return nil, fmt.Errorf("the backfill of DAG %s has more than %d dates from %s to %s: make the range shorter",
				g.DAG.ID, maxBackfill, clock(b.From), clock(b.To))
		}
		out = append(out, b.decide(due, byDate))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("DAG %s has no run to backfill from %s to %s: its schedule %q has no interval there that has ended",
			g.DAG.ID, clock(b.From), clock(b.To), table.Summary())
	}
	if b.Reverse {
		slices.Reverse(out)
	}
	return out, nil
}

// check says what is wrong with the request.
func (b *Backfill) check(g *dag.Graph, table timetable.Timetable, others []Backfill, now time.Time) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	id := g.DAG.ID
	if !table.Traits().Periodic {
		wrong("DAG %s has no periodic schedule (it is %q): there are no dates to backfill; trigger it instead", id, table.Summary())
	}
	switch {
	case b.From.IsZero() || b.To.IsZero():
		wrong("a backfill needs a from date and a to date")
	case b.From.After(b.To):
		wrong("from date %s is after to date %s: swap them", clock(b.From), clock(b.To))
	case !b.From.Before(now) && !b.To.Before(now):
		wrong("from date %s and to date %s are in the future: a backfill is for dates that have passed", clock(b.From), clock(b.To))
	}
	if b.MaxActiveRuns < 0 {
		wrong("max active runs is %d: use a number from 1", b.MaxActiveRuns)
	}
	switch b.Reprocess {
	case "", ReprocessNone, ReprocessFailed, ReprocessCompleted:
	default:
		wrong("reprocess behavior is %q: use none, failed or completed", b.Reprocess)
	}
	if past := dependsOnPast(g); past != "" {
		if b.Reverse {
			wrong("DAG %s cannot be backfilled in reverse: task %s has depends_on_past", id, past)
		}
		if b.Reprocess == "" || b.Reprocess == ReprocessNone {
			wrong("task %s of DAG %s has depends_on_past: choose reprocess behavior failed or completed, or the first gap stops the rest", past, id)
		}
	}
	for i := range others {
		if o := &others[i]; o.DAG == id && o.CompletedAt.IsZero() && o.ID != b.ID {
			errs = append(errs, fmt.Errorf("%w: %s of DAG %s; wait for it or cancel it", ErrBackfillActive, o.ID, id))
			break
		}
	}
	return errors.Join(errs...)
}

// dependsOnPast names a task that looks at the run before, or is empty.
func dependsOnPast(g *dag.Graph) string {
	for _, t := range g.Tasks {
		if t.DependsOnPast || t.WaitForDownstream {
			return t.ID
		}
	}
	return ""
}

// decide says what happens to one date.
func (b *Backfill) decide(due timetable.Due, existing map[time.Time]run.Run) BackfillRun {
	out := BackfillRun{
		LogicalDate: due.LogicalDate(), IntervalStart: due.Interval.Start, IntervalEnd: due.Interval.End,
		RunAfter: due.RunAfter, Action: BackfillCreate,
	}
	old, there := existing[out.LogicalDate.UTC()]
	if !there {
		out.Run = timetable.RunID(string(run.TypeBackfill), due.RunAfter, "")
		return out
	}
	out.Run, out.Action = old.Run, BackfillSkip
	switch {
	case !old.State.Finished():
		out.Reason = "in flight"
	case b.Reprocess == ReprocessCompleted, b.Reprocess == ReprocessFailed && old.State == run.RunFailed:
		out.Action = BackfillClear
	default:
		out.Reason = "already exists"
	}
	return out
}

// SetBackfill tells the snapshot of a backfill that is stored: its limit and whether
// it is paused. Runs that belong to a backfill it was not told of are bounded by the
// DAG's max_active_runs. The runs themselves are added by Add.
func (s *Snapshot) SetBackfill(b Backfill) {
	s.backfills[b.ID] = &b
	if !b.CompletedAt.IsZero() {
		return
	}
	s.openBackfills[b.ID] = true
	if d := s.dags[b.DAG]; d != nil {
		for _, v := range d.runs {
			s.place(v)
		}
	}
}

// StartBackfill creates and clears the runs of a planned backfill (b.Runs), queued.
// The existing runs among them have to be in the snapshot: those that are not, or
// have started again since the plan was made, are left alone. The DAG has to be known.
func (s *Snapshot) StartBackfill(b Backfill, now time.Time) error {
	dv := s.dags[b.DAG]
	if dv == nil || dv.Graph == nil {
		return fmt.Errorf("start backfill %s: DAG %s is not known", b.ID, b.DAG)
	}
	s.SetBackfill(b)
	for i := range b.Runs {
		br := &b.Runs[i]
		id := run.ID{DAG: b.DAG, Run: br.Run}
		switch br.Action {
		case BackfillCreate:
			s.create(dv, run.Run{
				ID: id, Type: run.TypeBackfill, LogicalDate: &br.LogicalDate, IntervalStart: &br.IntervalStart,
				IntervalEnd: &br.IntervalEnd, RunAfter: br.RunAfter, Conf: b.Conf, TriggeredBy: "backfill", Backfill: b.ID,
			}, now)
		case BackfillClear:
			v := s.runs[id]
			if v == nil || !v.Run.State.Finished() {
				continue
			}
			s.ClearRun(id, false, now)
			r := v.updateRun()
			r.Type, r.Backfill, r.TriggeredBy = run.TypeBackfill, b.ID, "backfill"
		}
	}
	return nil
}

// CancelBackfill fails the queued runs of a backfill; what runs goes on. It returns
// the runs that it ended. The record is the caller's to complete.
func (s *Snapshot) CancelBackfill(id string, now time.Time) []run.ID {
	b := s.backfills[id]
	if b == nil || s.dags[b.DAG] == nil {
		return nil
	}
	var out []run.ID
	for _, v := range s.dags[b.DAG].runs {
		if v.Run.Backfill == id && v.Run.State == run.RunQueued {
			v.end(run.RunFailed, "its backfill was cancelled", now)
			out = append(out, v.Run.ID)
		}
	}
	delete(s.openBackfills, id)
	return out
}

// backfillGrace is how long a backfill may have no runs at all: between the write of
// its record and that of its runs.
const backfillGrace = 2 * time.Minute

// endBackfills returns the open backfills that have no unfinished run any more.
func (s *Snapshot) endBackfills(now time.Time) []string {
	var ended []string
	for id := range s.openBackfills {
		b := s.backfills[id]
		unfinished, some := 0, false
		if d := s.dags[b.DAG]; d != nil {
			for _, v := range d.runs {
				if v.Run.Backfill == id {
					some = true
					if !v.Run.State.Finished() {
						unfinished++
					}
				}
			}
		}
		if unfinished == 0 && (some || !now.Before(b.CreatedAt.Add(backfillGrace))) {
			ended = append(ended, id)
		}
	}
	for _, id := range ended {
		s.backfills[id].CompletedAt = now
		delete(s.openBackfills, id)
	}
	slices.Sort(ended)
	return ended
}

// Backfill returns what the snapshot was told of a backfill.
func (s *Snapshot) Backfill(id string) (Backfill, bool) {
	if b := s.backfills[id]; b != nil {
		return *b, true
	}
	return Backfill{}, false
}

// backfillOrder orders queued runs: those of no backfill first, the others by backfill
// and in its order.
//
// Golden: backfill_reverse.
func (s *Snapshot) backfillOrder(a, b *View) int {
	x, y := a.Run.Backfill, b.Run.Backfill
	switch {
	case x != y && x == "":
		return -1
	case x != y && y == "":
		return 1
	case x == y && x != "":
		if bf := s.backfills[x]; bf != nil && bf.Reverse {
			return byLogicalDate(b, a)
		}
		return byLogicalDate(a, b)
	}
	return 0
}

// firstOfBackfill says that no run of the same backfill comes before: it does not
// depend on the past, since what came before the backfill is not its matter.
func (s *Snapshot) firstOfBackfill(v *View) bool {
	b := s.backfills[v.Run.Backfill]
	if b == nil {
		return false
	}
	first := slices.IndexFunc(b.Runs, func(r BackfillRun) bool { return r.Action != BackfillSkip })
	return first >= 0 && b.Runs[first].Run == v.Run.Run
}
