package dag_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

const (
	bash  = "airflow.providers.standard.operators.bash.BashOperator"
	empty = "airflow.providers.standard.operators.empty.EmptyOperator"
)

// shell returns a task that runs a command in bash.
func shell(id, command string, upstream ...string) *dag.Task {
	t := dag.NewTask(id, bash)
	t.Args = dag.Values{"bash_command": command}
	t.Upstream = upstream
	return t
}

// A DAG as a Go program builds it. NewTask gives a task Airflow's defaults; those of a
// DAG are constants.
func Example() {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := &dag.DAG{
		ID:            "hello",
		Schedule:      dag.ScheduleFromText("@daily", "Europe/Zurich", dag.ScheduleCompat{}),
		StartDate:     &start,
		Timezone:      "Europe/Zurich",
		MaxActiveRuns: dag.DefaultMaxActiveRuns, MaxActiveTasks: dag.DefaultMaxActiveTasks,
		Tasks: []*dag.Task{
			shell("extract", `echo "{{ ds }}"`),
			shell("load", "echo loaded", "extract"),
		},
	}
	load := d.Task("load")
	load.Retries, load.RetryDelay = 2, time.Minute
	if err := dag.Validate(d); err != nil {
		fmt.Println(err)
	}
	for _, t := range d.Tasks {
		fmt.Println(t.ID, "after", t.Upstream, "with", t.TriggerRule, "in", t.Pool)
	}
	// Output:
	// extract after [] with all_success in default_pool
	// load after [extract] with all_success in default_pool
}

// Validate finds everything that is wrong, each with the task and the field.
func ExampleValidate() {
	work := shell("work", "date", "prepare")
	work.PoolSlots = 0
	d := &dag.DAG{ID: "not good", MaxActiveRuns: 1, MaxActiveTasks: 1, Tasks: []*dag.Task{work}}
	err := dag.Validate(d)
	fmt.Println(err)
	var f *dag.Fault
	if errors.As(err, &f) {
		fmt.Printf("first: task %q, field %q\n", f.Task, f.Field)
	}
	// Output:
	// dag_id: "not good" has characters other than letters, digits, dashes, dots and underscores
	// task "work": pool_slots: is 0: a task needs at least 1
	// task work of DAG not good depends on "prepare", which is not a task of the DAG
	// first: task "", field "dag_id"
}

// An arrow from a group leaves its last tasks, an arrow to a group enters its first.
func ExampleDAG_Connect() {
	d := &dag.DAG{ID: "shop", MaxActiveRuns: 1, MaxActiveTasks: 1, Groups: []*dag.Group{{ID: "load"}}}
	for _, id := range []string{"start", "load.orders", "load.stock", "end"} {
		t := dag.NewTask(id, empty)
		if id != "start" && id != "end" {
			t.Group = "load"
		}
		d.Tasks = append(d.Tasks, t)
	}
	for _, arrow := range [][2]string{{"start", "load"}, {"load", "end"}} {
		if err := d.Connect(arrow[0], arrow[1]); err != nil {
			fmt.Println(err)
		}
	}
	for _, t := range d.Tasks {
		fmt.Println(t.ID, t.Upstream)
	}
	fmt.Println(d.Connect("start", "nowhere"))
	// Output:
	// start []
	// load.orders [start]
	// load.stock [start]
	// end [load.orders load.stock]
	// DAG shop has no task or group "nowhere"
}

// A Graph answers questions about the shape: neighbours, leaves, weights.
func ExampleNewGraph() {
	d := &dag.DAG{ID: "d", MaxActiveRuns: 1, MaxActiveTasks: 1, Tasks: []*dag.Task{
		shell("report", "date", "load"), shell("load", "date", "extract"), shell("extract", "date"),
	}}
	g, err := dag.NewGraph(d)
	if err != nil {
		fmt.Println(err)
		return
	}
	names := func(tasks []int) (out []string) {
		for _, t := range tasks {
			out = append(out, g.Tasks[t].ID)
		}
		return out
	}
	extract, _ := g.Index("extract")
	fmt.Println("order", names(g.Order))
	fmt.Println("leaves", names(g.Leaves))
	fmt.Println("after extract", names(g.Relatives([]int{extract}, true)))
	fmt.Println("weight of extract", g.Weight[extract])

	d.Task("extract").Upstream = []string{"report"}
	_, err = dag.NewGraph(d)
	fmt.Println(err)
	// Output:
	// order [extract load report]
	// leaves [report]
	// after extract [report load]
	// weight of extract 3
	// DAG d has a cycle: report -> extract -> load -> report
}

// A task that is mapped over a list and over the output of another task has an instance
// for each combination.
func ExampleMapping() {
	greet := shell("greet", "", "names")
	greet.Expand = &dag.Mapping{Args: []dag.MappedArg{
		{Name: "bash_command", Literal: []any{"echo Hello $NAME", "echo Bonjour $NAME"}},
		{Name: "env", XCom: &dag.XComRef{Task: "names"}},
	}}
	for _, a := range greet.Expand.Sources() {
		if n, ok := a.LiteralLength(); ok {
			fmt.Println(a.Name, "has", n, "elements")
			continue
		}
		fmt.Println(a.Name, "has as many elements as", a.XCom.Task, "returns")
	}
	// Output:
	// bash_command has 2 elements
	// env has as many elements as names returns
}

// Equal DAGs have equal versions, wherever they were read; a change makes another one.
func ExampleEncode() {
	build := func(command string) *dag.DAG {
		return &dag.DAG{ID: "d", MaxActiveRuns: 1, MaxActiveTasks: 1, Tasks: []*dag.Task{shell("a", command)}}
	}
	body, v1, err := dag.Encode(build("date"))
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := dag.Decode(body)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, v2, _ := dag.Encode(back)
	_, v3, _ := dag.Encode(build("date -u"))
	fmt.Println(back.Task("a").Args["bash_command"], v1 == v2, v1 == v3)
	// Output:
	// date true false
}

// A plain schedule is a trigger, as in Airflow 3, unless Airflow 2's meaning is asked for.
func ExampleScheduleFromText() {
	fmt.Println(dag.ScheduleFromText("@daily", "UTC", dag.ScheduleCompat{}).Kind)
	fmt.Println(dag.ScheduleFromText("@daily", "UTC", dag.ScheduleCompatAirflow2()).Kind)
	fmt.Println(dag.ScheduleFromText("@once", "UTC", dag.ScheduleCompat{}).Kind)
	// Output:
	// cron_trigger
	// cron_data_interval
	// once
}

// A condition on assets, as a DAG's schedule has it.
func ExampleAssetCondition() {
	asset := func(name string) dag.AssetCondition { return dag.AssetCondition{Asset: &dag.AssetRef{Name: name}} }
	c := dag.AssetCondition{Any: []dag.AssetCondition{
		{All: []dag.AssetCondition{asset("prices"), asset("stock")}},
		asset("by hand"),
	}}
	fmt.Println(c.String())
	for _, updated := range []string{"prices", "by hand"} {
		fmt.Println(updated, c.Satisfied(func(a dag.AssetRef) bool { return a.Name == updated }))
	}
	// Output:
	// (prices & stock) | by hand
	// prices false
	// by hand true
}
