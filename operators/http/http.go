// Package http holds HttpOperator and HttpSensor: one request, or one for each page, to
// the server that a connection names.
package http

import (
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// MaxBody is the longest body of an answer, in bytes. Beyond it the attempt fails: what
// is larger belongs into a file or a bucket, not into a task's memory and XComs.
const MaxBody = 64 << 20

// defaultConnection is the connection that Airflow uses when none is named.
const defaultConnection = "http_default"

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.http.operators.http.HttpOperator",
				Aliases: []string{
					"airflow.providers.http.operators.http.SimpleHttpOperator",
					"airflow.operators.http_operator.SimpleHttpOperator", "airflow.operators.http.SimpleHttpOperator",
				},
				Doc:  "Sends a request to an HTTP server; the text of the answer is the task's value.",
				Args: append(operatorArgs(), commonArgs()...),
			},
			Run: runOperator,
		},
		{
			Spec: dag.OperatorSpec{
				Class:   "airflow.providers.http.sensors.http.HttpSensor",
				Aliases: []string{"airflow.sensors.http_sensor.HttpSensor", "airflow.sensors.http.HttpSensor"},
				Doc:     "Waits until a request is answered without an error, and the answer passes response_check.",
				Kind:    dag.OperatorSensor,
				Args:    append(append(sensorArgs(), commonArgs()...), sensor.Args()...),
			},
			Run: runSensor,
		},
	}
}

func operatorArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "endpoint", Type: dag.ArgString, Templated: true, Doc: "Path (and query) after the connection's host."},
		{Name: "method", Type: dag.ArgString, Default: "POST", Doc: "Method of the request."},
		{
			Name: "data", Type: dag.ArgAny, Templated: true,
			Doc: "Body of the request, a text or a dict sent as a form; parameters in the URL for GET.",
		},
		{Name: "pagination_function", Type: dag.ArgCallable, Doc: "Makes the next request's parameters of an answer; nothing ends the paging, and the value is the list of all texts."},
		{Name: "response_filter", Type: dag.ArgCallable, Doc: "Makes the task's value of the answer (or the list of answers)."},
		{Name: "log_response", Type: dag.ArgBool, Default: false, Doc: "Write the text of the answer to the log."},
		{Name: "deferrable", Type: dag.ArgBool, Default: false, Doc: "Accepted and without effect: no slot is saved by waiting elsewhere for an answer."},
		{Name: "auth_type", Type: dag.ArgString, Doc: "How login and password are sent; only basic (requests.auth.HTTPBasicAuth) is known."},
	}
}

func sensorArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "endpoint", Type: dag.ArgString, Required: true, Templated: true, Doc: "Path (and query) after the connection's host."},
		{Name: "method", Type: dag.ArgString, Default: "GET", Doc: "Method of the request."},
		{Name: "request_params", Type: dag.ArgAny, Templated: true, Doc: "Parameters in the URL for GET, a body for other methods."},
		{
			Name: "response_error_codes_allowlist", Type: dag.ArgList, Default: []any{"404"},
			Doc: "Status codes of errors that mean to look again; others fail the sensor.",
		},
		sensor.Deferrable(),
	}
}

// commonArgs are the arguments of both.
func commonArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "headers", Type: dag.ArgDict, Templated: true, Doc: "Headers of the request."},
		{
			Name: "http_conn_id", Type: dag.ArgString, Templated: true, Default: defaultConnection,
			Doc: "Connection with host, schema, port, login and password; the other fields of its extra are headers.",
		},
		{Name: "response_check", Type: dag.ArgCallable, Doc: "Says whether the answer (or the list of answers) is good."},
		{
			Name: "extra_options", Type: dag.ArgDict,
			Doc: "Any of timeout, verify, cert, proxies, allow_redirects, max_redirects, trust_env, check_response and stream, as in Python's requests.",
		},
		{Name: "request_kwargs", Type: dag.ArgDict, Doc: "Any of json, params and cookies, as in Python's requests."},
		{Name: "tcp_keep_alive", Type: dag.ArgBool, Default: true, Doc: "Probe an idle connection."},
		{Name: "tcp_keep_alive_idle", Type: dag.ArgInt, Default: int64(120), Doc: "Seconds before the first probe."},
		{Name: "tcp_keep_alive_count", Type: dag.ArgInt, Default: int64(20), Doc: "Probes without answer that end the connection."},
		{Name: "tcp_keep_alive_interval", Type: dag.ArgInt, Default: int64(30), Doc: "Seconds between probes."},
	}
}
