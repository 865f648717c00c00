package embedded_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// migrant has tasks of several sizes, in a group and out of it.
const migrant = `etl:
  schedule: null
  default_args: {executor: small}
  task_groups: {load: {}}
  tasks:
    extract: {operator: airflow.providers.standard.operators.empty.EmptyOperator}
    big: {operator: airflow.providers.standard.operators.empty.EmptyOperator, resources: {memory: 20Gi}, executor: large, dependencies: [extract]}
    a: {operator: airflow.providers.standard.operators.empty.EmptyOperator, task_group_name: load, dependencies: [big]}
    b: {operator: airflow.providers.standard.operators.empty.EmptyOperator, task_group_name: load, dependencies: [big]}
`

// openMigrant opens an installation with the places small and large, and the DAG etl.
func openMigrant(t *testing.T) *embedded.Installation {
	t.Helper()
	i := open(t, newHome(t, map[string]string{"etl.yaml": migrant}), nil)
	i.Drivers.Rules = map[string]func(*embedded.Options) (routeexec.Rule, error){"local": func(*embedded.Options) (routeexec.Rule, error) {
		return routeexec.Rule{{Name: "small", Limits: executors.Limits{Memory: 10 << 30}}, {Name: "large"}}, nil
	}}
	files, err := i.Folder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.SyncDAGs(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	return i
}

func place(executor string, share run.Share, tasks ...string) run.Placement {
	return run.Placement{Executor: executor, Share: share, Tasks: tasks, By: "ada"}
}

// held are the placements of etl that hold, as text.
func held(t *testing.T, i *embedded.Installation) (holds, ended []string) {
	t.Helper()
	all, err := i.AllPlacements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		for _, p := range d.Placements {
			text := fmt.Sprintf("%s %s %s", p.Executor, p.Share, strings.Join(p.Tasks, ","))
			if p.Holds() {
				holds = append(holds, text)
			} else {
				ended = append(ended, text+" "+p.EndedBy+": "+p.EndedReason)
			}
		}
	}
	return holds, ended
}

func TestPlace(t *testing.T) {
	t.Parallel()
	i := openMigrant(t)
	ctx := t.Context()
	for _, p := range []run.Placement{
		place("large", 10_00), place("large", 50_00), place("small", run.Whole, "b.*", "extract", "load.a", " extract "), place("large", run.Whole, "extract"),
	} {
		if p.Executor == "small" {
			p.Tasks = p.Tasks[1:] // b.* would have big, too
		}
		got, err := i.Place(ctx, "etl", p)
		if err != nil || got.New == nil || got.New.At.IsZero() {
			t.Fatalf("placed %v, %v", got, err)
		}
	}
	if _, err := i.Place(ctx, "etl", place("LargeExecutor", 50_00)); err == nil {
		t.Error("an executor that is not there was taken")
	}
	holds, ended := held(t, i)
	if diff := cmp.Diff([]string{"large 50% ", "small 100% extract,load.a", "large 100% extract"}, holds); diff != "" {
		t.Errorf("placements (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"large 10%  ada: replaced by 50% of the runs at large"}, ended); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}

	// Nothing of the runs is taken back, with its reason.
	none := place("large", 0)
	none.By, none.Reason = "bob", "too slow"
	if got, err := i.Place(ctx, "etl", none); err != nil || got.New != nil || len(got.Ended) != 1 {
		t.Errorf("0%%: %v, %v", got, err)
	}
	if got, err := i.Unplace(ctx, "etl", []string{"load.a", "extract"}, "bob", ""); err != nil || len(got.Ended) != 1 {
		t.Errorf("unset of some tasks: %v, %v", got, err)
	}
	if got, err := i.Unplace(ctx, "etl", nil, "bob", "over"); err != nil || len(got.Ended) != 1 {
		t.Errorf("unset of all: %v, %v", got, err)
	}
	holds, ended = held(t, i)
	want := []string{
		"large 10%  ada: replaced by 50% of the runs at large", "large 50%  bob: too slow", "small 100% extract,load.a bob: ", "large 100% extract bob: over",
	}
	if diff := cmp.Diff(want, ended); diff != "" || len(holds) > 0 {
		t.Errorf("%v hold; history (-want +got):\n%s", holds, diff)
	}
	// Another version of the file, or a pause, leaves them alone.
	if _, err := i.Pause(ctx, []string{"etl"}, true); err != nil {
		t.Fatal(err)
	}
	if _, again := held(t, i); len(again) != len(want) {
		t.Errorf("after a pause the history is %v", again)
	}
}

func TestPlaceRefusals(t *testing.T) {
	t.Parallel()
	i := openMigrant(t)
	if _, err := i.Place(t.Context(), "etl", place("large", 10_00)); err != nil {
		t.Fatal(err)
	}
	long := place("large", run.Whole)
	long.Reason = strings.Repeat("x", 501)
	for _, tt := range []struct {
		dag  string
		p    run.Placement
		want string
	}{
		{"elt", place("large", run.Whole), "DAG elt is not found: did you mean `etl`?"},
		{"etl", place("moon", run.Whole), "executor moon is not one of this installation: name one of small, large, or configure it first"},
		{"etl", place("auto", run.Whole), "there is no executor named: name one of small, large; `updraft migrate unset` leaves the choice to the installation again"},
		{"etl", place("large", run.Whole+1), "share is 100.01%: it is from 0% (none) to 100% (all runs)"},
		{"etl", place("large", run.Whole, "extrakt"), "DAG etl has no task extrakt: did you mean `extract`?"},
		{"etl", place("large", run.Whole, "load"), `DAG etl has no task load: it is a group: write 'load\..*' for its tasks`},
		{"etl", place("large", run.Whole, "zzzzzzzz"), "DAG etl has no task zzzzzzzz: it has extract, big, load.a, load.b"},
		{"etl", place("large", run.Whole, "x.*"), `no task of DAG etl matches "x.*": it has extract, big, load.a, load.b`},
		{"etl", place("large", run.Whole, "(x"), "\"(x\" is neither a task id nor a regular expression: error parsing regexp: missing closing ): `^(?:(x)$`"},
		{"etl", place("small", run.Whole), "task big asks for memory of 20 GiB, more than 10 GiB at small\nhave them ask for less, or place only the others: --tasks extract,load.a,load.b"},
		{"etl", place("small", run.Whole, "big"), "task big asks for memory of 20 GiB, more than 10 GiB at small\nhave them ask for less, or name another executor"},
		{"etl", place("large", 10_00), "DAG etl is placed like that already, since "},
		{"etl", place("large", 0, "big"), "DAG etl has no placement for these tasks: there are those for all tasks"},
		{"etl", long, "the reason has 501 characters: write at most 500"},
	} {
		if _, err := i.Place(t.Context(), tt.dag, tt.p); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("place %s of %s at %q: error %q, want %q", strings.Join(tt.p.Tasks, ","), tt.dag, tt.p.Executor, err, tt.want)
		}
	}
	if _, err := i.Unplace(t.Context(), "etl", []string{"big"}, "ada", ""); err == nil {
		t.Error("what was not placed was taken back")
	}
	i.Drivers.Rules = nil
	_, err := i.Place(t.Context(), "etl", place("large", run.Whole))
	if want := "executor large is not one of this installation, which runs everything at local: configure it (setting executor: see `updraft config list`)"; err == nil || err.Error() != want {
		t.Errorf("place where there is one place: %v, want %s", err, want)
	}
	if holds, ended := held(t, i); len(holds) != 1 || len(ended) != 0 {
		t.Errorf("after refusals, %v hold and %v do not", holds, ended)
	}
}

func TestPlacementHistoryIsBounded(t *testing.T) {
	t.Parallel()
	i := openMigrant(t)
	for n := range 60 {
		if _, err := i.Place(t.Context(), "etl", place("large", run.Share(n+1))); err != nil {
			t.Fatal(err)
		}
	}
	holds, ended := held(t, i)
	if len(holds) != 1 || len(ended) != 50 || !strings.HasPrefix(ended[0], "large 0.1% ") {
		t.Errorf("%d hold, and %d do not, from %s on; want 1 and the last 50", len(holds), len(ended), ended[0])
	}
}

func TestPlacementsAreSmall(t *testing.T) {
	t.Parallel()
	i := openMigrant(t)
	p := place("large", run.Whole, "big")
	placed, err := 0, error(nil)
	for ; err == nil && placed < 26; placed++ {
		p.Tasks = []string{"extract|" + strings.Repeat(string(rune('a'+placed)), 5000)}
		_, err = i.Place(t.Context(), "etl", p)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "the placements of DAG etl have ") || placed < 10 {
		t.Errorf("after %d long placements: %v", placed, err)
	}
	if _, err := i.Unplace(t.Context(), "etl", nil, "ada", ""); err != nil {
		t.Errorf("what is too long cannot be taken back: %v", err)
	}
}

func TestForesee(t *testing.T) {
	t.Parallel()
	i := openMigrant(t)
	share := run.Share(30_00)
	want := 0
	for n := range 20 {
		id := run.ID{DAG: "etl", Run: fmt.Sprintf("r%d", n)}
		if share.Has(id) {
			want++
		}
		createRun(t, i, run.Run{ID: id, State: run.RunSuccess})
	}
	f, err := i.Foresee(t.Context(), "etl", place("small", share), 100)
	if err != nil {
		t.Fatal(err)
	}
	if f.Runs != 20 || f.Concerned != want {
		t.Errorf("%d of %d runs are concerned, want %d of 20", f.Concerned, f.Runs, want)
	}
	for _, task := range f.Tasks {
		then, lacks := "small", 0
		if task.Task == "big" {
			then, lacks = "large", 1
		}
		if task.Then != then || len(task.Lacks) != lacks || task.Now != then {
			t.Errorf("task %s goes from %s to %s (%s), and lacks %v; want it at %s", task.Task, task.Now, task.Then, task.ThenReason, task.Lacks, then)
		}
	}
	if holds, _ := held(t, i); len(holds) > 0 {
		t.Errorf("a look has placed %v", holds)
	}
}

// createRun stores a run with instances, as they are.
func createRun(t *testing.T, i *embedded.Installation, r run.Run, instances ...run.Instance) {
	t.Helper()
	def, err := i.Store.DAG(t.Context(), r.DAG)
	if err != nil {
		t.Fatal(err)
	}
	r.Version, r.Type = def.Version, run.TypeManual
	b := store.Batch{Run: r.ID, Create: &r}
	for _, in := range instances {
		b.Changes = append(b.Changes, run.Change{Want: in, If: run.Condition{Absent: true}})
	}
	if res, err := i.Store.Apply(t.Context(), b); err != nil || !res.OK() {
		t.Fatalf("create run %s: %v, %v", r.ID, res, err)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	i := openMigrant(t)
	if _, err := i.Compare(t.Context(), "etl", 100); err == nil || !strings.Contains(err.Error(), "DAG etl was never placed") {
		t.Errorf("before it was placed: %v", err)
	}
	for _, p := range []run.Placement{place("large", run.Whole), place("small", run.Whole, "load.a")} {
		if _, err := i.Place(t.Context(), "etl", p); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	attempt := func(task, executor string, state run.State, took time.Duration, cause run.Cause) run.Instance {
		return run.Instance{Task: task, Map: run.Unmapped, State: state, Try: 1, Executor: executor, Start: start, End: start.Add(took), Cause: cause}
	}
	for n := range 10 {
		at := "small"
		if n%2 == 1 {
			at = "large"
		}
		state, cause := run.Success, run.Cause("")
		if n == 3 {
			state, cause = run.Failed, run.CauseOOM
		}
		took := time.Duration(n+1) * time.Second
		createRun(t, i, run.Run{ID: run.ID{DAG: "etl", Run: fmt.Sprintf("r%d", n)}, State: run.RunSuccess, RunAfter: start.Add(time.Duration(n) * time.Hour)},
			attempt("extract", at, state, took, cause),
			attempt("load.a", "small", run.Success, took, ""),
			run.Instance{Task: "big", Map: run.Unmapped, State: run.Scheduled})
	}
	// The first try of one more was elsewhere.
	id := run.ID{DAG: "etl", Run: "r10"}
	first := attempt("extract", "small", run.UpForRetry, time.Second, run.CauseTask)
	createRun(t, i, run.Run{ID: id, State: run.RunRunning, RunAfter: start.Add(24 * time.Hour)}, first)
	second := attempt("extract", "large", run.Success, time.Minute, "")
	second.Try = 2
	res, err := i.Store.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{{Want: second, If: run.Is(&first), Archive: true}}})
	if err != nil || !res.OK() {
		t.Fatal(res, err)
	}

	c, err := i.Compare(t.Context(), "etl", 9)
	if err != nil {
		t.Fatal(err)
	}
	if c.Runs != 9 || c.Concerned != 9 || len(c.Placements) != 2 {
		t.Errorf("%d of %d runs are concerned by %d placements, want all of 9, by 2", c.Concerned, c.Runs, len(c.Placements))
	}
	var got []string
	for _, p := range c.Places {
		median, _ := p.Quantile(0.5)
		slow, _ := p.Quantile(0.95)
		got = append(got, fmt.Sprintf("%s at %s, placed %t: %d, failed %d %v, median %s, p95 %s, total %s", p.Task, p.Executor, p.Placed, p.Count, p.Failed, p.Causes, median, slow, p.Total))
	}
	want := []string{
		"extract at small, placed false: 5, failed 1 map[task:1], median 5s, p95 9s, total 25s",
		"extract at large, placed true: 5, failed 1 map[oom:1], median 8s, p95 1m0s, total 1m28s",
		"load.a at small, placed true: 8, failed 0 map[], median 6s, p95 10s, total 52s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("comparison (-want +got):\n%s", diff)
	}
	if _, ok := (&embedded.AttemptsAt{}).Quantile(0.5); ok {
		t.Error("no attempts have a median")
	}
}

func TestExplainPlacement(t *testing.T) {
	t.Parallel()
	i := openMigrant(t)
	id := run.ID{DAG: "etl", Run: "r1"}
	createRun(t, i, run.Run{ID: id, State: run.RunRunning},
		run.Instance{Task: "extract", Map: run.Unmapped, State: run.Queued, Try: 1, QueuedAt: time.Now()},
		run.Instance{Task: "big", Map: run.Unmapped, State: run.Scheduled})
	text := func(task string) string {
		list, err := i.Explain(t.Context(), id, task, nil)
		if err != nil || len(list) != 1 {
			t.Fatalf("explain %s: %v, %v", task, list, err)
		}
		return list[0].Text
	}
	if got := text("extract"); strings.Contains(got, "placement") {
		t.Errorf("without a placement: %s", got)
	}
	p := place("large", run.Whole)
	p.Reason = "a trial"
	if _, err := i.Place(t.Context(), "etl", p); err != nil {
		t.Fatal(err)
	}
	if got := text("extract"); !strings.Contains(got, "; a placement sends it to large (placed by ada since 20") || !strings.HasSuffix(got, ": a trial)") {
		t.Errorf("with a placement: %s", got)
	}
	small := place("small", run.Whole, "extract", "load.a")
	small.By = ""
	if _, err := i.Place(t.Context(), "etl", small); err != nil {
		t.Fatal(err)
	}
	if got := text("extract"); !strings.Contains(got, "; a placement sends it to small (placed since 20") {
		t.Errorf("with a placement of the task: %s", got)
	}
	if got := text("big"); !strings.Contains(got, "; a placement sends it to large (placed by ada") {
		t.Errorf("of another task: %s", got)
	}
}
