// Package dagrun holds the operators that have to do with the runs of other DAGs:
// TriggerDagRunOperator makes one, ExternalTaskSensor waits for one or for tasks of it,
// ExternalTaskMarker says that another DAG waits.
package dagrun

import (
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	const external = "airflow.providers.standard.sensors.external_task."
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class:   "airflow.providers.standard.operators.trigger_dagrun.TriggerDagRunOperator",
				Aliases: []string{"airflow.operators.trigger_dagrun.TriggerDagRunOperator", "airflow.operators.dagrun_operator.TriggerDagRunOperator"},
				Doc:     "Makes a run of another DAG, and waits for its end if asked to.",
				Args:    triggerArgs(),
			},
			Run: runTrigger,
		},
		{
			Spec: dag.OperatorSpec{
				Class:   external + "ExternalTaskSensor",
				Aliases: []string{"airflow.sensors.external_task.ExternalTaskSensor", "airflow.sensors.external_task_sensor.ExternalTaskSensor"},
				Doc:     "Waits for tasks, a task group or a whole run of another DAG at the same logical date, or at another.",
				Args:    append(externalArgs(), sensor.Args()...),
				Kind:    dag.OperatorSensor,
			},
			Run: runExternal,
		},
		{
			Spec: dag.OperatorSpec{
				Class:   external + "ExternalTaskMarker",
				Aliases: []string{"airflow.sensors.external_task.ExternalTaskMarker", "airflow.sensors.external_task_sensor.ExternalTaskMarker"},
				Doc:     "Does nothing; it tells people that a task of another DAG depends on this one.",
				Args: []dag.ArgSpec{
					{Name: "external_dag_id", Type: dag.ArgString, Required: true, Templated: true, Doc: "The other DAG."},
					{Name: "external_task_id", Type: dag.ArgString, Required: true, Templated: true, Doc: "The task that depends on this one."},
					{Name: "logical_date", Type: dag.ArgTime, Templated: true, Default: "{{ logical_date.isoformat() }}", Doc: "Logical date of the other DAG's run."},
					{Name: "recursion_depth", Type: dag.ArgInt, Default: int64(10), Doc: "How many such dependencies are followed."},
				},
				Kind: dag.OperatorInert,
			},
			Run:       runMarker,
			Resumable: true,
		},
	}
}

func triggerArgs() []dag.ArgSpec {
	states := "queued, running, success and failed"
	return []dag.ArgSpec{
		{Name: "trigger_dag_id", Type: dag.ArgString, Required: true, Templated: true, Doc: "The DAG to run."},
		{Name: "trigger_run_id", Type: dag.ArgString, Templated: true, Doc: "Id of the run; without it manual__ and its logical date."},
		{Name: "logical_date", Type: dag.ArgTime, Templated: true, Doc: "Logical date of the run; null for none. Without it, the time at which this task started."},
		{Name: "conf", Type: dag.ArgDict, Templated: true, Doc: "The run's conf."},
		{Name: "wait_for_completion", Type: dag.ArgBool, Templated: true, Default: false, Doc: "Wait for the end of the run."},
		{Name: "skip_when_already_exists", Type: dag.ArgBool, Templated: true, Default: false, Doc: "Skip if the run exists, instead of failing."},
		{Name: "reset_dag_run", Type: dag.ArgBool, Default: false, Doc: "If the run exists, clear it so that it runs again."},
		{Name: "poke_interval", Type: dag.ArgDuration, Default: int64(60), Doc: "Time between two looks at the run."},
		{Name: "allowed_states", Type: dag.ArgList, Default: []any{"success"}, Doc: "States of the run that end the wait; possible are " + states + "."},
		{Name: "failed_states", Type: dag.ArgList, Default: []any{"failed"}, Doc: "States of the run that fail this task, without another try."},
		{Name: "fail_when_dag_is_paused", Type: dag.ArgBool, Default: false, Doc: "Fail if the DAG is paused: its run would wait."},
		{Name: "note", Type: dag.ArgString, Doc: "Note of the run."},
		sensor.Deferrable(),
	}
}

func externalArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "external_dag_id", Type: dag.ArgString, Required: true, Templated: true, Doc: "The DAG to wait for."},
		{Name: "external_task_id", Type: dag.ArgString, Templated: true, Doc: "Task to wait for; without task and group it is the run."},
		{Name: "external_task_ids", Type: dag.ArgStrings, Templated: true, Doc: "Tasks to wait for."},
		{Name: "external_task_group_id", Type: dag.ArgString, Templated: true, Doc: "Task group to wait for."},
		{Name: "allowed_states", Type: dag.ArgList, Default: []any{"success"}, Doc: "States that end the wait; all have to be in one."},
		{Name: "skipped_states", Type: dag.ArgList, Doc: "States that skip the sensor as soon as one is there."},
		{Name: "failed_states", Type: dag.ArgList, Doc: "States that fail the sensor as soon as one is there."},
		{Name: "execution_delta", Type: dag.ArgDuration, Doc: "How much earlier than this run's the other logical date is."},
		{Name: "execution_date_fn", Type: dag.ArgCallable, Doc: "Makes the other logical date, or a list of them, of this run's."},
		{Name: "check_existence", Type: dag.ArgBool, Default: false, Doc: "Fail if there is no such DAG, task or group."},
		{Name: "poll_interval", Type: dag.ArgDuration, Default: 2.0, Doc: "Time between two looks if it is deferrable."},
		sensor.Deferrable(),
	}
}
