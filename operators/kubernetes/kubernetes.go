// Package kubernetes holds KubernetesPodOperator, @task.kubernetes and @task.kubernetes_cmd: a pod for each
// attempt, found again by its labels when its worker was lost. What talks to the cluster is
// the program updraft-kube, so that nothing else has to link Kubernetes' client; this package
// tells it what to do (Request) and reads what became of it (Outcome).
package kubernetes

import (
	"context"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/exitcode"
	"github.com/updraft-dev/updraft/operators/pyscript"
	"github.com/updraft-dev/updraft/task"
)

const (
	provider = "airflow.providers.cncf.kubernetes."
	operator = provider + "operators.pod.KubernetesPodOperator"
	function = provider + "decorators.kubernetes._KubernetesDecoratedOperator"
	command  = provider + "decorators.kubernetes_cmd._KubernetesCmdDecoratedOperator"
)

// Starts says of an operator, by its import path in Airflow 3, whether its tasks need
// Program where they are executed: whether it is one of this package.
func Starts(class string) bool {
	return slices.Contains([]string{operator, function, command}, class)
}

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: operator,
				Aliases: []string{
					provider + "operators.kubernetes_pod.KubernetesPodOperator", "airflow.operators.kubernetes_pod_operator.KubernetesPodOperator",
					"airflow.contrib.operators.kubernetes_pod_operator.KubernetesPodOperator",
				},
				Doc: "Runs a pod; what it leaves in /airflow/xcom/return.json is the return value, if do_xcom_push says so.",
				Args: slices.Concat([]dag.ArgSpec{
					{Name: "image", Type: dag.ArgString, Templated: true, Doc: "Image of the base container; needed unless a template or full_pod_spec has one."},
					{Name: "cmds", Type: dag.ArgStrings, Default: []any{}, Templated: true, Doc: "Program in place of the image's entrypoint."},
					{Name: "arguments", Type: dag.ArgStrings, Default: []any{}, Templated: true, Doc: "Its arguments."},
				}, podArgs(), containerArgs(), endArgs(), clusterArgs(), ignoredArgs()),
			},
			Resumable: true,
			Run:       runOperator,
		},
		{
			Spec: dag.OperatorSpec{
				Class: function,
				Doc:   "Calls a Python function in a pod (@task.kubernetes), by the image's Python; what it returns, as JSON, is the return value, if do_xcom_push says so.",
				Args: slices.Concat(pyscript.Args(), []dag.ArgSpec{
					{Name: "image", Type: dag.ArgString, Required: true, Templated: true, Doc: "Image of the base container, with a Python."},
				}, podArgs(), containerArgs(), endArgs(), clusterArgs(), ignoredArgs()),
			},
			Resumable: true,
			Run:       runFunction,
		},
		{
			Spec: dag.OperatorSpec{
				Class: command,
				Doc:   "Runs the command that a Python function returns, in a pod (@task.kubernetes_cmd); the function is called by the worker.",
				Args: slices.Concat([]dag.ArgSpec{
					{Name: "python_callable", Type: dag.ArgCallable, Required: true, Doc: "The function that returns the command, a list of texts, which may be templates."},
					{Name: "op_args", Type: dag.ArgList, Templated: true, Doc: "Positional arguments of the function."},
					{Name: "op_kwargs", Type: dag.ArgDict, Templated: true, Doc: "Keyword arguments of the function."},
					{Name: "args_only", Type: dag.ArgBool, Default: false, Doc: "It returns the arguments of the image's entrypoint."},
					{Name: "image", Type: dag.ArgString, Templated: true, Doc: "Image of the base container; needed unless a template or full_pod_spec has one."},
				}, podArgs(), containerArgs(), endArgs(), clusterArgs(), ignoredArgs()),
			},
			Run: runCommand,
		},
	}
}

// podArgs are about the pod. Objects of Kubernetes are dicts in the spelling of its API.
func podArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "name", Type: dag.ArgString, Templated: true, Doc: "Name of the pod; by default one of the task's id."},
		{Name: "random_name_suffix", Type: dag.ArgBool, Default: true, Doc: "Add a random end to the name."},
		{Name: "namespace", Type: dag.ArgString, Templated: true, Doc: "Namespace of the pod; by default the template's, the connection's, that of the worker's own pod, or default."},
		{Name: "labels", Type: dag.ArgDict, Default: map[string]any{}, Templated: true, Doc: "Labels of the pod; those by which it is found are added."},
		{Name: "annotations", Type: dag.ArgDict, Default: map[string]any{}, Templated: true, Doc: "Annotations of the pod."},
		{Name: "pod_template_file", Type: dag.ArgString, Templated: true, Doc: "File with a pod, which the arguments are put over; relative to the DAG's file."},
		{Name: "pod_template_dict", Type: dag.ArgDict, Templated: true, Doc: "A pod in place of such a file."},
		{Name: "full_pod_spec", Type: dag.ArgDict, Doc: "A pod (V1Pod), put over the template and under the arguments."},
		{Name: "node_selector", Type: dag.ArgDict, Default: map[string]any{}, Templated: true, Doc: "Labels of the nodes that may have the pod."},
		{Name: "affinity", Type: dag.ArgDict, Default: map[string]any{}, Doc: "Rules about nodes and other pods (V1Affinity)."},
		{Name: "tolerations", Type: dag.ArgList, Default: []any{}, Doc: "Taints of nodes that are borne (V1Toleration)."},
		{Name: "priority_class_name", Type: dag.ArgString, Doc: "Priority class of the pod."},
		{Name: "service_account_name", Type: dag.ArgString, Doc: "Service account of the pod."},
		{Name: "automount_service_account_token", Type: dag.ArgBool, Doc: "Whether the pod has the token of its account."},
		{Name: "image_pull_secrets", Type: dag.ArgAny, Default: []any{}, Doc: "Secrets for pulling images: a list of V1LocalObjectReference, or names with commas between."},
		{Name: "security_context", Type: dag.ArgDict, Default: map[string]any{}, Doc: "Security settings of the pod (V1PodSecurityContext)."},
		{Name: "hostnetwork", Type: dag.ArgBool, Default: false, Doc: "Use the network of the node."},
		{Name: "host_aliases", Type: dag.ArgList, Doc: "More host names (V1HostAlias)."},
		{Name: "hostname", Type: dag.ArgString, Templated: true, Doc: "Host name of the pod."},
		{Name: "subdomain", Type: dag.ArgString, Doc: "Subdomain of the pod."},
		{Name: "dnspolicy", Type: dag.ArgString, Doc: "How names are looked up: ClusterFirst, Default, None, ClusterFirstWithHostNet."},
		{Name: "dns_config", Type: dag.ArgDict, Doc: "Settings of that (V1PodDNSConfig)."},
		{Name: "schedulername", Type: dag.ArgString, Doc: "Scheduler that places the pod."},
		{Name: "init_containers", Type: dag.ArgList, Default: []any{}, Doc: "Containers that run before the base container (V1Container)."},
		{Name: "volumes", Type: dag.ArgList, Default: []any{}, Templated: true, Doc: "Volumes of the pod (V1Volume)."},
		{Name: "active_deadline_seconds", Type: dag.ArgInt, Doc: "Seconds after which Kubernetes ends the pod."},
		{Name: "termination_grace_period", Type: dag.ArgInt, Doc: "Seconds between SIGTERM and SIGKILL; by default Kubernetes' 30."},
	}
}

// containerArgs are about the base container.
func containerArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "base_container_name", Type: dag.ArgString, Templated: true, Doc: "Name of the base container; by default base."},
		{Name: "env_vars", Type: dag.ArgAny, Default: []any{}, Templated: true, Doc: "Environment variables: a dict, or a list of V1EnvVar."},
		{Name: "env_from", Type: dag.ArgList, Default: []any{}, Templated: true, Doc: "Config maps and secrets whose entries become variables (V1EnvFromSource)."},
		{Name: "configmaps", Type: dag.ArgStrings, Doc: "Names of config maps whose entries become variables."},
		{Name: "pod_runtime_info_envs", Type: dag.ArgList, Doc: "Variables with facts of the pod, such as its address (V1EnvVar)."},
		{Name: "secrets", Type: dag.ArgList, Default: []any{}, Doc: "Secrets of the cluster as variables or files (Secret): dicts with deploy_type (env or volume), deploy_target, secret and key."},
		{Name: "volume_mounts", Type: dag.ArgList, Default: []any{}, Templated: true, Doc: "Where it sees the volumes (V1VolumeMount)."},
		{Name: "ports", Type: dag.ArgList, Default: []any{}, Doc: "Its ports (V1ContainerPort)."},
		{Name: "container_resources", Type: dag.ArgDict, Templated: true, Doc: "What it requests and its limits (V1ResourceRequirements)."},
		{Name: "container_security_context", Type: dag.ArgDict, Doc: "Its security settings (V1SecurityContext)."},
		{Name: "image_pull_policy", Type: dag.ArgString, Doc: "When its image is pulled: Always, IfNotPresent or Never."},
		{Name: "termination_message_policy", Type: dag.ArgString, Default: "File", Enum: []string{"File", "FallbackToLogsOnError"}, Doc: "Where Kubernetes takes its last words from."},
	}
}

// endArgs are about following the pod, and what becomes of it and of its result.
func endArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "do_xcom_push", Type: dag.ArgBool, Default: false, Doc: "The return value is the JSON in /airflow/xcom/return.json."},
		{Name: "get_logs", Type: dag.ArgBool, Default: true, Doc: "Show what the base container writes in the task's log."},
		{Name: "container_logs", Type: dag.ArgAny, Doc: "Containers whose output is shown, by name, or true for all; by default the base container."},
		{Name: "init_container_logs", Type: dag.ArgAny, Doc: "Init containers whose output is shown, by name, or true for all."},
		{Name: "container_name_log_prefix_enabled", Type: dag.ArgBool, Doc: "Begin lines with the container's name; by default where several containers are shown."},
		{Name: "schedule_timeout_seconds", Type: dag.ArgInt, Doc: "Seconds for a node to be found; by default startup_timeout_seconds."},
		{Name: "startup_timeout_seconds", Type: dag.ArgInt, Default: int64(120), Doc: "Seconds for the pod to start on its node."},
		{Name: "reattach_on_restart", Type: dag.ArgBool, Default: true, Doc: "Go on with the pod of an earlier try whose worker was lost."},
		{
			Name: "on_finish_action", Type: dag.ArgString, Default: DeletePod, Enum: []string{DeletePod, DeleteSucceededPod, DeleteActivePod, KeepPod},
			Doc: "What becomes of the pod in the end.",
		},
		{Name: "is_delete_operator_pod", Type: dag.ArgBool, Doc: "Older files: true is delete_pod, false is keep_pod."},
		exitcode.Arg(nil),
		{Name: "log_events_on_failure", Type: dag.ArgBool, Default: false, Doc: "Show Kubernetes' events of a pod that failed."},
		{Name: "log_pod_spec_on_failure", Type: dag.ArgBool, Default: true, Doc: "Show the pod as the cluster has it when it failed, without the values of variables."},
	}
}

// clusterArgs are about how the cluster is reached.
func clusterArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{
			Name: "kubernetes_conn_id", Type: dag.ArgString, Default: defaultConnection, Templated: true,
			Doc: "Connection with the cluster's settings in its extra; it may be absent if it is the default.",
		},
		{Name: "in_cluster", Type: dag.ArgBool, Doc: "Use the account of the pod that the worker runs in; by default if there is one."},
		{Name: "config_file", Type: dag.ArgString, Templated: true, Doc: "The kubeconfig; by default KUBECONFIG of the worker, or ~/.kube/config."},
		{Name: "cluster_context", Type: dag.ArgString, Templated: true, Doc: "Context of the kubeconfig."},
	}
}

// ignoredArgs are those that do not matter here, or that are refused.
func ignoredArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "deferrable", Type: dag.ArgBool, Default: false, Doc: "Without effect: waiting for the pod costs a connection."},
		{Name: "startup_check_interval_seconds", Type: dag.ArgNumber, Default: int64(5), Doc: "Without effect: the pod is watched."},
		{Name: "base_container_status_polling_interval", Type: dag.ArgNumber, Default: int64(1), Doc: "Without effect, as startup_check_interval_seconds."},
		{Name: "poll_interval", Type: dag.ArgNumber, Default: int64(2), Doc: "Without effect, as startup_check_interval_seconds."},
		{Name: "logging_interval", Type: dag.ArgInt, Doc: "Without effect: output is shown as it comes."},
		{Name: "trigger_kwargs", Type: dag.ArgDict, Doc: "Without effect: there is no trigger."},
		{Name: "callbacks", Type: dag.ArgAny, Doc: "Refused: they want Kubernetes' client for Python; use the task's own callbacks."},
		{Name: "progress_callback", Type: dag.ArgAny, Doc: "Refused, as callbacks."},
		{Name: "log_formatter", Type: dag.ArgAny, Doc: "Refused, as callbacks."},
	}
}

// runOperator runs one attempt of a KubernetesPodOperator.
func runOperator(ctx context.Context, a *task.Attempt) (task.Result, error) {
	r := &reader{a: a}
	q := r.request(ctx, container{command: get(r, "cmds", []string(nil)), args: get(r, "arguments", []string(nil))})
	if err := r.err(); err != nil {
		return task.Result{}, err
	}
	return execute(ctx, a, q)
}
