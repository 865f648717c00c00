package dagfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
)

// testCatalog has the operators that the tests and the recorded cases use.
func testCatalog() *dag.Catalog {
	const std = "airflow.providers.standard."
	arg := func(name string, typ dag.ArgType) dag.ArgSpec { return dag.ArgSpec{Name: name, Type: typ} }
	tmpl := func(name string, typ dag.ArgType) dag.ArgSpec {
		return dag.ArgSpec{Name: name, Type: typ, Templated: true}
	}
	must := func(a dag.ArgSpec) dag.ArgSpec { a.Required = true; return a }
	python := func(class string, kind dag.OperatorKind, extra ...dag.ArgSpec) dag.OperatorSpec {
		return dag.OperatorSpec{
			Class: std + class, Kind: kind, Aliases: []string{"airflow.operators.python." + last(class)},
			Args: append([]dag.ArgSpec{
				must(arg("python_callable", dag.ArgCallable)), tmpl("op_args", dag.ArgList), tmpl("op_kwargs", dag.ArgDict), tmpl("templates_dict", dag.ArgDict),
			}, extra...),
		}
	}
	return dag.NewCatalog(
		dag.OperatorSpec{Class: std + "operators.empty.EmptyOperator", Aliases: []string{"airflow.operators.empty.EmptyOperator", "airflow.operators.dummy.DummyOperator"}, Kind: dag.OperatorInert},
		dag.OperatorSpec{Class: std + "operators.bash.BashOperator", Aliases: []string{"airflow.operators.bash.BashOperator"}, Args: []dag.ArgSpec{
			must(tmpl("bash_command", dag.ArgString)), tmpl("env", dag.ArgDict), arg("append_env", dag.ArgBool), arg("output_encoding", dag.ArgString),
			arg("skip_on_exit_code", dag.ArgAny), tmpl("cwd", dag.ArgString),
		}},
		python("operators.python.PythonOperator", dag.OperatorPlain),
		python("operators.python.BranchPythonOperator", dag.OperatorBranch),
		python("operators.python.ShortCircuitOperator", dag.OperatorBranch, arg("ignore_downstream_trigger_rules", dag.ArgBool)),
		python("sensors.python.PythonSensor", dag.OperatorSensor),
		python("decorators.bash._BashDecoratedOperator", dag.OperatorPlain),
		dag.OperatorSpec{Class: std + "sensors.time_delta.TimeDeltaSensor", Kind: dag.OperatorSensor, Args: []dag.ArgSpec{must(arg("delta", dag.ArgDuration))}},
		dag.OperatorSpec{Class: std + "sensors.date_time.DateTimeSensor", Kind: dag.OperatorSensor, Args: []dag.ArgSpec{must(tmpl("target_time", dag.ArgTime))}},
		dag.OperatorSpec{Class: std + "sensors.external_task.ExternalTaskSensor", Kind: dag.OperatorSensor, Args: []dag.ArgSpec{
			must(tmpl("external_dag_id", dag.ArgString)), tmpl("external_task_id", dag.ArgString), tmpl("external_task_ids", dag.ArgList),
			arg("execution_delta", dag.ArgDuration), arg("execution_date_fn", dag.ArgCallable), arg("allowed_states", dag.ArgList),
		}},
		dag.OperatorSpec{Class: "airflow.providers.http.sensors.http.HttpSensor", Kind: dag.OperatorSensor, Args: []dag.ArgSpec{
			must(tmpl("endpoint", dag.ArgString)), arg("http_conn_id", dag.ArgString), arg("response_check", dag.ArgCallable), tmpl("headers", dag.ArgDict),
		}},
		dag.OperatorSpec{Class: "airflow.providers.http.operators.http.HttpOperator", Args: []dag.ArgSpec{
			arg("http_conn_id", dag.ArgString), arg("method", dag.ArgString), tmpl("endpoint", dag.ArgString), tmpl("headers", dag.ArgDict), tmpl("data", dag.ArgAny), arg("log_response", dag.ArgBool),
		}},
		dag.OperatorSpec{Class: "airflow.providers.common.sql.sensors.sql.SqlSensor", Kind: dag.OperatorSensor, Args: []dag.ArgSpec{
			must(arg("conn_id", dag.ArgString)), must(tmpl("sql", dag.ArgString)), arg("success", dag.ArgCallable), arg("failure", dag.ArgCallable),
			arg("success", dag.ArgCallable), arg("failure", dag.ArgCallable),
		}},
		dag.OperatorSpec{Class: std + "sensors.filesystem.FileSensor", Kind: dag.OperatorSensor, Args: []dag.ArgSpec{
			must(tmpl("filepath", dag.ArgString)), arg("fs_conn_id", dag.ArgString), arg("recursive", dag.ArgBool),
		}},
		dag.OperatorSpec{Class: "airflow.providers.common.sql.operators.sql.SQLExecuteQueryOperator", Args: []dag.ArgSpec{
			must(tmpl("sql", dag.ArgStrings)), tmpl("conn_id", dag.ArgString), tmpl("parameters", dag.ArgAny), arg("autocommit", dag.ArgBool),
		}},
		dag.OperatorSpec{Class: "airflow.providers.common.sql.operators.sql.SQLCheckOperator", Args: []dag.ArgSpec{
			must(tmpl("sql", dag.ArgString)), tmpl("conn_id", dag.ArgString),
		}},
		dag.OperatorSpec{Class: std + "operators.trigger_dagrun.TriggerDagRunOperator", Args: []dag.ArgSpec{
			must(tmpl("trigger_dag_id", dag.ArgString)), tmpl("conf", dag.ArgDict), arg("wait_for_completion", dag.ArgBool),
		}},
		dag.OperatorSpec{Class: "airflow.providers.smtp.operators.smtp.EmailOperator", Args: []dag.ArgSpec{
			must(tmpl("to", dag.ArgStrings)), tmpl("subject", dag.ArgString), tmpl("html_content", dag.ArgString),
		}},
		dag.OperatorSpec{Class: std + "operators.latest_only.LatestOnlyOperator", Kind: dag.OperatorBranch},
		dag.OperatorSpec{Class: std + "operators.weekday.BranchDayOfWeekOperator", Kind: dag.OperatorBranch, Args: []dag.ArgSpec{
			must(arg("follow_task_ids_if_true", dag.ArgStrings)), must(arg("follow_task_ids_if_false", dag.ArgStrings)), must(arg("week_day", dag.ArgAny)),
		}},
		dag.OperatorSpec{Class: "helpers.ShoutOperator", Args: []dag.ArgSpec{must(tmpl("words", dag.ArgString))}},
	)
}

func TestLoadSmall(t *testing.T) {
	t.Parallel()
	res, err := Load([]byte(`hello:
  schedule: "@daily"
  tasks:
    a: {operator: airflow.operators.bash.BashOperator, bash_command: echo hi}
    b: {operator: airflow.operators.empty.EmptyOperator, dependencies: [a], retries: 2}
`), Options{File: "hello.yml", Catalog: testCatalog()})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.DAGs) != 1 || len(res.DAGs[0].Tasks) != 2 {
		t.Fatalf("DAGs = %v", res.DAGs)
	}
	b := res.DAGs[0].Task("b")
	if diff := cmp.Diff([]string{"a"}, b.Upstream); diff != "" || b.Retries != 2 || !b.Inert {
		t.Errorf("b = %+v", b)
	}
}

// TestExecutorConfig: that of the DAG is kept beside that of a task, and neither changes the
// other; default_args give theirs to tasks that have none.
func TestExecutorConfig(t *testing.T) {
	t.Parallel()
	res, err := Load([]byte(`d:
  executor_config: {pod_template_file: small.yaml}
  default_args:
    executor_config: {pod_override: {metadata: {labels: {team: data}}}}
  tasks:
    a: {operator: airflow.operators.bash.BashOperator, bash_command: echo hi}
    b: {operator: airflow.operators.bash.BashOperator, bash_command: echo hi, executor_config: {image: "acme/b:1"}}
`), Options{File: "d.yml", Catalog: testCatalog()})
	if err != nil {
		t.Fatal(err)
	}
	d := res.DAGs[0]
	if diff := cmp.Diff(dag.Values{"pod_template_file": "small.yaml"}, d.ExecutorConfig); diff != "" {
		t.Errorf("DAG (-want +got):\n%s", diff)
	}
	for task, want := range map[string]dag.Values{
		"a": {"pod_override": map[string]any{"metadata": map[string]any{"labels": map[string]any{"team": "data"}}}}, "b": {"image": "acme/b:1"},
	} {
		if diff := cmp.Diff(want, d.Task(task).ExecutorConfig); diff != "" {
			t.Errorf("%s (-want +got):\n%s", task, diff)
		}
	}
}

func TestElementOfMappedGroup(t *testing.T) {
	t.Parallel()
	res, err := Load([]byte(`d:
  task_groups:
    g: {expand: {city: [Zurich, Bern]}}
    inner: {parent_group_name: g}
    h: {expand_kwargs: [{town: Zurich}]}
  tasks:
    a: {decorator: airflow.sdk.task, python_callable: m.f, task_group_name: g, x: '+g["city"]'}
    b: {decorator: airflow.sdk.task, python_callable: m.f, task_group_name: inner, x: '+g["city"]'}
    c: {decorator: airflow.sdk.task, python_callable: m.f, task_group_name: h, x: '+h["town"]'}
`), Options{File: "d.yml", Catalog: testCatalog()})
	if err != nil {
		t.Fatal(err)
	}
	for task, want := range map[string]string{"g.a": "city", "g.inner.b": "city", "h.c": "town"} {
		got := res.DAGs[0].Task(task).Args["op_kwargs"]
		if diff := cmp.Diff(map[string]any{"x": dag.GroupArg{Name: want}}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", task, diff)
		}
	}
}
