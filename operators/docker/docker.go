// Package docker holds DockerOperator and @task.docker: a container of a Docker engine for
// each attempt, named after it, so that a worker that takes over finds it.
package docker

import (
	"context"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/exitcode"
	"github.com/updraft-dev/updraft/task"
)

// MaxOutput bounds, in bytes, what becomes of a container's output or file as the task's
// value. What is longer belongs into a file or a bucket; the log has all of the output.
const MaxOutput = 16 << 20

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.docker.operators.docker.DockerOperator",
				Aliases: []string{
					"airflow.operators.docker_operator.DockerOperator", "airflow.contrib.operators.docker_operator.DockerOperator",
				},
				Doc:         "Runs a command in a container; its last line of output is the return value.",
				TemplateExt: []string{".sh", ".bash", ".env"},
				Args: slices.Concat([]dag.ArgSpec{
					imageArg(),
					{Name: "command", Type: dag.ArgStrings, Templated: true, Doc: "Program and arguments in place of the image's: a list, or a text that is split as a shell does."},
				}, containerArgs(), []dag.ArgSpec{
					{Name: "xcom_all", Type: dag.ArgBool, Default: false, Doc: "The return value is the list of all lines of output."},
					{Name: "retrieve_output", Type: dag.ArgBool, Default: false, Doc: "The return value is read from a file in the container, which holds a pickled Python object."},
					{Name: "retrieve_output_path", Type: dag.ArgString, Doc: "The path of that file."},
				}, engineArgs()),
			},
			Resumable: true,
			Run:       runOperator,
		},
		{
			Spec: dag.OperatorSpec{
				Class:       decorated,
				Doc:         "Calls a Python function in a container (@task.docker), by the image's Python; what it returns is the return value.",
				TemplateExt: []string{".sh", ".bash", ".env"},
				Args:        slices.Concat(functionArgs(), []dag.ArgSpec{imageArg()}, containerArgs(), engineArgs()),
			},
			Resumable: true,
			Run:       runFunction,
		},
	}
}

func imageArg() dag.ArgSpec {
	return dag.ArgSpec{Name: "image", Type: dag.ArgString, Required: true, Templated: true, Doc: "The image; it is pulled if the engine does not have it."}
}

// containerArgs are about the container.
func containerArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "environment", Type: dag.ArgDict, Templated: true, Doc: "Environment variables of the container."},
		{Name: "private_environment", Type: dag.ArgDict, Doc: "More of them, which are not templates."},
		{Name: "env_file", Type: dag.ArgString, Templated: true, Doc: "Variables as lines of NAME=value, or a template file with such lines if it ends in .env."},
		{Name: "mounts", Type: dag.ArgList, Templated: true, Doc: "Volumes and folders: docker.types.Mount, or dicts with target, source, type and read_only."},
		{
			Name: "auto_remove", Type: dag.ArgAny, Default: removeNever,
			Doc: "When the container is removed at its end: never, on success, or (force) always.",
		},
		{Name: "container_name", Type: dag.ArgString, Templated: true, Doc: "Name of the container; by default one that follows from the attempt."},
		{Name: "entrypoint", Type: dag.ArgStrings, Doc: "Entrypoint in place of the image's, as command."},
		{Name: "working_dir", Type: dag.ArgString, Doc: "Working directory in the container."},
		{Name: "user", Type: dag.ArgAny, Doc: "User, by name or number, and group after a colon."},
		{Name: "hostname", Type: dag.ArgString, Doc: "Host name in the container."},
		{Name: "labels", Type: dag.ArgAny, Doc: "Labels of the container, a dict or a list of names."},
		{Name: "tty", Type: dag.ArgBool, Default: false, Doc: "Give the container a terminal."},
		{Name: "privileged", Type: dag.ArgBool, Default: false, Doc: "Give the container all rights on the engine's machine."},
		{Name: "cap_add", Type: dag.ArgStrings, Doc: "Capabilities of the kernel that it gets."},
		{Name: "network_mode", Type: dag.ArgString, Doc: "Network: bridge, none, host, container:NAME or the name of one."},
		{Name: "port_bindings", Type: dag.ArgDict, Doc: "Ports of the container with those of the host that lead to them."},
		{Name: "dns", Type: dag.ArgStrings, Doc: "Addresses of DNS servers."},
		{Name: "dns_search", Type: dag.ArgStrings, Doc: "Domains in which names are looked up."},
		{Name: "extra_hosts", Type: dag.ArgDict, Doc: "More host names with their addresses."},
		{Name: "ipc_mode", Type: dag.ArgString, Doc: "Whose shared memory it sees."},
		{Name: "cpus", Type: dag.ArgNumber, Default: 1.0, Doc: "Share of processor time where containers compete, 1 being usual."},
		{Name: "mem_limit", Type: dag.ArgAny, Doc: "Most memory, in bytes or as 512m; by default that of the task's resources."},
		{Name: "shm_size", Type: dag.ArgAny, Doc: "Size of /dev/shm, in bytes or as 64m."},
		{Name: "ulimits", Type: dag.ArgList, Doc: "Limits of processes: docker.types.Ulimit, or dicts with name, soft and hard."},
		{Name: "device_requests", Type: dag.ArgList, Doc: "GPUs and the like: docker.types.DeviceRequest, or dicts."},
		{Name: "log_opts_max_size", Type: dag.ArgString, Doc: "Size at which the engine starts another file for the container's output."},
		{Name: "log_opts_max_file", Type: dag.ArgAny, Doc: "Files with output that the engine keeps."},
		{Name: "mount_tmp_dir", Type: dag.ArgBool, Default: true, Doc: "Mount a temporary folder of the worker; without effect where the engine does not see it."},
		{Name: "host_tmp_dir", Type: dag.ArgString, Doc: "Where that folder is made."},
		{Name: "tmp_dir", Type: dag.ArgString, Default: "/tmp/airflow", Doc: "Where it is in the container, which AIRFLOW_TMP_DIR tells."},
		exitcode.Arg(nil),
	}
}

// engineArgs are about the engine.
func engineArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "docker_url", Type: dag.ArgStrings, Doc: "Addresses of the engine, of which the first that answers is taken; by default DOCKER_HOST of the worker, or its own engine."},
		{Name: "docker_conn_id", Type: dag.ArgString, Doc: "Connection with host, login and password of the registry that images come from."},
		{Name: "force_pull", Type: dag.ArgBool, Default: false, Doc: "Pull the image even if the engine has it."},
		{Name: "api_version", Type: dag.ArgString, Doc: "Version of the engine's API; by default the newest that both know."},
		{Name: "timeout", Type: dag.ArgDuration, Default: 60.0, Doc: "Seconds for an answer of the engine."},
		{Name: "tls_ca_cert", Type: dag.ArgString, Doc: "File with the authority that signed the engine's certificate."},
		{Name: "tls_client_cert", Type: dag.ArgString, Doc: "File with our certificate."},
		{Name: "tls_client_key", Type: dag.ArgString, Doc: "File with its key."},
		{Name: "tls_verify", Type: dag.ArgBool, Default: true, Doc: "Verify the engine's certificate; it cannot be turned off."},
		{Name: "tls_hostname", Type: dag.ArgAny, Doc: "Without effect, as with newer Docker clients for Python."},
		{Name: "tls_ssl_version", Type: dag.ArgString, Doc: "Without effect, as tls_hostname."},
	}
}

// runOperator runs one attempt of a DockerOperator.
func runOperator(ctx context.Context, a *task.Attempt) (task.Result, error) {
	r := reader{a: a}
	all := get(&r, "xcom_all", false)
	retrieve, path := get(&r, "retrieve_output", false), get(&r, "retrieve_output_path", "")
	if retrieve && path == "" {
		r.fault("argument retrieve_output_path is missing: name the file")
	}
	s := readSpec(&r)
	s.config.Cmd = r.words("command")
	if err := r.err(); err != nil {
		return task.Result{}, err
	}
	s.all = all
	if retrieve {
		s.file, s.serializer = path, "pickle"
	}
	return s.run(ctx, a)
}
