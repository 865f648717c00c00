// Package sql holds the operators and the sensor for SQL databases: SQLite, Postgres and
// MySQL, by drivers that need no C. What a connection's fields and a statement's
// placeholders mean is what they mean to Airflow's hooks and their Python drivers.
package sql

import (
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

const operatorsPath = "airflow.providers.common.sql.operators.sql."

// Operators returns the operators of this package.
func Operators() []task.Operator {
	out := []task.Operator{
		execute(operatorsPath+"SQLExecuteQueryOperator", nil, "conn_id", "", "Executes SQL; the rows of the last statement are the task's value."),
		execute("airflow.providers.sqlite.operators.sqlite.SqliteOperator", []string{"airflow.operators.sqlite_operator.SqliteOperator"},
			"sqlite_conn_id", "sqlite_default", "Executes SQL in an SQLite database."),
		execute("airflow.providers.postgres.operators.postgres.PostgresOperator", []string{"airflow.operators.postgres_operator.PostgresOperator"},
			"postgres_conn_id", "postgres_default", "Executes SQL in a Postgres database."),
		execute("airflow.providers.mysql.operators.mysql.MySqlOperator", []string{"airflow.operators.mysql_operator.MySqlOperator"},
			"mysql_conn_id", "mysql_default", "Executes SQL in a MySQL database."),
	}
	out = append(out, checks()...)
	return append(out, branch(), sqlSensor())
}

// sqlArg is the argument sql of one statement.
func sqlArg() dag.ArgSpec {
	return dag.ArgSpec{Name: "sql", Type: dag.ArgString, Required: true, Templated: true, Doc: "Statement, or the name of a file with it."}
}

func parametersArg(templated bool) dag.ArgSpec {
	return dag.ArgSpec{
		Name: "parameters", Type: dag.ArgAny, Templated: templated,
		Doc: "List or dict of values for the statement's placeholders: ? and :name in SQLite, %s and %(name)s in Postgres and MySQL.",
	}
}

// connectionArgs are the arguments that choose the database.
func connectionArgs(connArg, defaultConn string) []dag.ArgSpec {
	conn := dag.ArgSpec{Name: connArg, Type: dag.ArgString, Templated: true, Doc: "Connection to the database, of type sqlite, postgres or mysql."}
	if defaultConn != "" {
		conn.Default = defaultConn
	}
	return []dag.ArgSpec{
		conn,
		{Name: "database", Type: dag.ArgString, Templated: true, Doc: "Database to use instead of the connection's."},
		{Name: "hook_params", Type: dag.ArgDict, Templated: true, Doc: "Fields that go on top of the connection's extra."},
	}
}

func execute(class string, aliases []string, connArg, defaultConn, doc string) task.Operator {
	args := []dag.ArgSpec{
		{Name: "sql", Type: dag.ArgStrings, Required: true, Templated: true, Doc: "Statement, list of statements, or names of files with them."},
		parametersArg(true),
	}
	args = append(args, connectionArgs(connArg, defaultConn)...)
	args = append(args,
		dag.ArgSpec{Name: "autocommit", Type: dag.ArgBool, Default: false, Doc: "Commit each statement; otherwise all or none of the task's changes stay."},
		dag.ArgSpec{Name: "handler", Type: dag.ArgCallable, Doc: "Either fetch_all_handler, the default, or fetch_one_handler; null fetches nothing."},
		dag.ArgSpec{Name: "split_statements", Type: dag.ArgBool, Doc: "Execute the statements in a text one by one; needed for several in SQLite."},
		dag.ArgSpec{Name: "return_last", Type: dag.ArgBool, Default: true, Doc: "The value is the last statement's, and not the list of all."},
		dag.ArgSpec{Name: "show_return_value_in_logs", Type: dag.ArgBool, Default: false, Doc: "Write the rows to the log."},
		dag.ArgSpec{Name: "requires_result_fetch", Type: dag.ArgBool, Default: false, Doc: "Fetch the rows even without do_xcom_push."},
		retryArg(),
	)
	return task.Operator{
		Spec: dag.OperatorSpec{Class: class, Aliases: aliases, Doc: doc, Args: args, TemplateExt: []string{".sql", ".json"}},
		Run:  executor{connArg, defaultConn}.run,
	}
}

func retryArg() dag.ArgSpec {
	return dag.ArgSpec{Name: "retry_on_failure", Type: dag.ArgBool, Default: true, Doc: "Without it a check that fails is not retried."}
}

func branch() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:   operatorsPath + "BranchSQLOperator",
			Aliases: []string{"airflow.operators.sql.BranchSQLOperator", "airflow.operators.sql_branch_operator.BranchSQLOperator"},
			Doc:     "Follows one set of downstream tasks or another, as the first value of a query says.",
			Args: append(append([]dag.ArgSpec{sqlArg()}, connectionArgs("conn_id", "default_conn_id")...),
				dag.ArgSpec{Name: "follow_task_ids_if_true", Type: dag.ArgStrings, Required: true, Doc: "Tasks to follow if it is true."},
				dag.ArgSpec{Name: "follow_task_ids_if_false", Type: dag.ArgStrings, Required: true, Doc: "Tasks to follow if it is false."},
				parametersArg(false), retryArg(),
			),
			TemplateExt: []string{".sql"},
			Kind:        dag.OperatorBranch,
		},
		Run: runBranch,
	}
}

func sqlSensor() task.Operator {
	args := []dag.ArgSpec{
		sqlArg(),
		{Name: "hook_params", Type: dag.ArgDict, Templated: true, Doc: "Fields that go on top of the connection's extra."},
		parametersArg(true),
		{Name: "conn_id", Type: dag.ArgString, Required: true, Templated: true, Doc: "Connection to the database, of type sqlite, postgres or mysql."},
		{Name: "success", Type: dag.ArgCallable, Doc: "Says of the value whether the wait is over."},
		{Name: "failure", Type: dag.ArgCallable, Doc: "Says of the value whether the sensor has to fail; it is asked first."},
		{Name: "selector", Type: dag.ArgCallable, Doc: "Makes the value of the first row; without it the value is its first column."},
		{Name: "fail_on_empty", Type: dag.ArgBool, Default: false, Doc: "Fail if there are no rows."},
	}
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:       "airflow.providers.common.sql.sensors.sql.SqlSensor",
			Aliases:     []string{"airflow.sensors.sql.SqlSensor", "airflow.sensors.sql_sensor.SqlSensor"},
			Doc:         "Waits until the first value of a query is neither 0 nor empty.",
			Args:        append(args, sensor.Args()...),
			TemplateExt: []string{".hql", ".sql"},
			Kind:        dag.OperatorSensor,
		},
		Run: runSensor,
	}
}
