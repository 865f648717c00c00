package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Family is a kind of recording, and how it is replayed.
type Family struct {
	// Name is what the summary and floors.txt call it.
	Name string
	// Own is where the project keeps its copy, from the module's folder; Foreign is where
	// a folder of recordings has them. Each is a file or a folder.
	Own, Foreign string
	// Replay yields one outcome for each recorded case below path; with only set, it
	// may leave out the cases with other ids.
	Replay func(ctx context.Context, path, only string) iter.Seq2[Outcome, error]
}

// Outcome says what became of one recorded case.
type Outcome struct {
	ID string
	// Diff is nil if the case agrees.
	Diff *Mismatch
	// Rule names the difference (see Rules) that Diff shows, or that ended the
	// comparison before the end; empty if there is none.
	Rule string
}

// Families are all families, in the order of the summary.
func Families() []Family {
	var out []Family
	for _, name := range []string{"trigger_rules", "branching", "mapping", "setup_teardown", "runs", "limits", "clear_and_mark", "run_state"} {
		out = append(out, Family{
			Name: name, Own: "internal/conformance/testdata/scheduling/" + name + ".jsonl.gz", Foreign: "scheduling/" + name + ".jsonl", Replay: replayScheduling,
		})
	}
	return append(out,
		Family{Name: "timetables", Own: "scheduler/timetable/testdata/vectors", Foreign: "timetables/vectors", Replay: replayTimetables},
		Family{Name: "run_ids", Own: "scheduler/timetable/testdata/vectors/run_ids.jsonl.gz", Foreign: "timetables/vectors/run_ids.jsonl", Replay: replayRunIDs},
		Family{Name: "retries", Own: "scheduler/testdata/retries.jsonl.gz", Foreign: "retries/vectors/retries.jsonl", Replay: replayRetries},
		Family{Name: "dagfactory", Own: "dag/dagfile/testdata/recorded.json.gz", Foreign: "dagfactory", Replay: replayDagfactory},
		Family{Name: "pydags", Own: "internal/conformance/testdata/pydags.json.gz", Foreign: "pydags", Replay: replayPydags},
		Family{Name: "outcomes", Own: "internal/conformance/testdata/outcomes.json.gz", Foreign: "outcomes", Replay: replayOutcomes},
		Family{Name: "templates", Own: "internal/conformance/testdata/templates", Foreign: "templates/vectors", Replay: replayTemplates},
	)
}

// Tally counts the outcomes of one family.
type Tally struct {
	Family string
	// Agree are the cases that agree, and those that differ by a rule only.
	Agree, Total int
	// ByRule counts the cases that a rule sets apart.
	ByRule map[string]int
}

// String is the family's line in the summary.
func (t Tally) String() string {
	ruled := 0
	for _, n := range t.ByRule {
		ruled += n
	}
	line := fmt.Sprintf("%s %d/%d", t.Family, t.Agree, t.Total)
	if ruled > 0 {
		line += fmt.Sprintf(" (%d of them by the rules above)", ruled)
	}
	return line
}

// percent is how much agrees; a family without cases agrees.
func (t Tally) percent() float64 {
	if t.Total == 0 {
		return 100
	}
	return 100 * float64(t.Agree) / float64(t.Total)
}

// Runner replays families and says what differs.
type Runner struct {
	// Module is the folder of the project, which has the floors and the rules.
	Module string
	// Dir is a folder of recordings; empty means the project's own copy.
	Dir string
	// Family is the name of the one family to replay; empty means all.
	Family string
	// Only is the id of the one case to replay; empty means all.
	Only string
	// Out gets what differs, at most Show cases a family (0: 5).
	Out  io.Writer
	Show int
}

// path is where a family's recordings are, or empty if there are none.
func (r *Runner) path(f Family) string {
	p := filepath.Join(r.Module, filepath.FromSlash(f.Own))
	if r.Dir != "" {
		p = filepath.Join(r.Dir, filepath.FromSlash(f.Foreign))
	}
	for _, ending := range []string{"", ".gz"} {
		if _, err := os.Stat(p + ending); err == nil {
			return p + ending
		}
	}
	return ""
}

// Replay replays one family. ok is false if there are no recordings of it.
func (r *Runner) Replay(ctx context.Context, f Family, rules Rules) (t Tally, ok bool, err error) {
	t = Tally{Family: f.Name, ByRule: map[string]int{}}
	p := r.path(f)
	if p == "" {
		return t, false, nil
	}
	shown, show := 0, cmp.Or(r.Show, 5)
	for o, err := range f.Replay(ctx, p, r.Only) {
		if err != nil {
			return t, true, fmt.Errorf("%s: %w", f.Name, err)
		}
		if r.Only != "" && o.ID != r.Only {
			continue
		}
		t.Total++
		ruled := rules[o.Rule]
		if ruled {
			t.ByRule[o.Rule]++
		}
		agrees := o.Diff == nil && o.Rule == ""
		if agrees || ruled {
			t.Agree++
		}
		if !agrees && (!ruled || r.Only != "") {
			if shown++; shown <= show {
				fmt.Fprintln(r.Out, r.describe(f, o))
			}
		}
	}
	if more := shown - show; more > 0 {
		fmt.Fprintf(r.Out, "%s: %d more cases differ; show them with -show %d\n\n", f.Name, more, shown)
	}
	return t, true, ctx.Err()
}

// describe shows one case that differs, and how to replay just it.
func (r *Runner) describe(f Family, o Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s differs", f.Name, o.ID)
	if o.Rule != "" {
		fmt.Fprintf(&b, " (rule %s)", o.Rule)
	}
	b.WriteByte('\n')
	if o.Diff != nil {
		b.WriteString(o.Diff.text())
	}
	b.WriteString("  again   go run ./internal/conformance/cmd/conformance -only '" + o.ID + "'")
	if r.Dir != "" {
		b.WriteString(" " + r.Dir)
	}
	b.WriteByte('\n')
	return b.String()
}

// Run replays all families that have recordings, prints what differs and then one line
// a family, and returns an error if one has fallen below its floor.
func (r *Runner) Run(ctx context.Context) error {
	rules, err := ReadRules(filepath.Join(r.Module, "docs", "differences.md"))
	if err != nil {
		return err
	}
	floors, err := ReadFloors(filepath.Join(r.Module, "internal", "conformance", "floors.txt"))
	if err != nil {
		return err
	}
	var tallies []Tally
	var faults []error
	for _, f := range Families() {
		if r.Family != "" && f.Name != r.Family {
			continue
		}
		t, ok, err := r.Replay(ctx, f, rules)
		if err != nil {
			return err
		}
		switch {
		case ok && t.Total > 0:
			tallies = append(tallies, t)
			if r.Only == "" {
				faults = append(faults, floors.Check(t))
			}
		case r.Dir == "" && r.Only == "":
			faults = append(faults, fmt.Errorf("%s: there are no recordings at %s", f.Name, f.Own))
		}
	}
	for _, t := range tallies {
		for _, rule := range sortedKeys(t.ByRule) {
			fmt.Fprintf(r.Out, "%s: %d set apart by rule %s\n", t.Family, t.ByRule[rule], rule)
		}
	}
	for _, t := range tallies {
		fmt.Fprintln(r.Out, t)
	}
	if len(tallies) == 0 {
		return fmt.Errorf("no recordings in %s: it needs folders such as scheduling and timetables", cmp.Or(r.Dir, r.Module))
	}
	return errors.Join(faults...)
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
