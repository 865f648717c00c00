package config

// kubernetesKeys are the settings of the controller in a cluster. Where Airflow's section
// kubernetes_executor has the same thing, the word is Airflow's.
func kubernetesKeys() []key {
	return []key{
		{"kubernetes_namespace", "", "namespace of the pods of executor kubernetes; without it no task can have that executor, and the controller takes its own", nil},
		{"kubernetes_installation", "updraft", "name that tells this installation's pods from those of others in the same namespace", notEmpty},
		{"kubernetes_pod_template_file", "", "file with the pod that all pods of tasks begin with", nil},
		{"kubernetes_pod_template_folder", "", "folder with the files that executor_config: pod_template_file may name; without it there are none", nil},
		{"kubernetes_worker_container_image", "", "image of tasks that name none (Airflow: worker_container_repository and worker_container_tag)", nil},
		{"kubernetes_runner_image", "", "image with the runner, which is copied into every pod", nil},
		{"kubernetes_image_pull_policy", "IfNotPresent", "when these images are pulled: Always, IfNotPresent or Never", oneOf("Always", "IfNotPresent", "Never")},
		{"kubernetes_image_pull_secrets", "", "secrets to pull them with, with commas between", nil},
		{"kubernetes_service_account", "", "service account of pods whose template names none; it needs no rights in the cluster", nil},
		{"kubernetes_env_from_secrets", "", "secrets whose entries pods have as environment variables, with commas between: UPDRAFT_STORE and the like if they have passwords", nil},
		{"kubernetes_env_from_configmaps", "", "config maps whose entries pods have as environment variables, with commas between", nil},
		{"kubernetes_memory_max", "0", "most memory that a task is given because it ran out of it, in bytes; 0 is without bound", atLeast(0)},
		{"kubernetes_worker_pods_creation_batch_size", "16", "how many pods are created at the same time", atLeast(1)},
		{"kubernetes_max_pods", "0", "how many pods of tasks there are at most at once; 0 is without bound", atLeast(0)},
		{"kubernetes_pending_timeout", "10m", "after how long a pod that cannot start fails its task; 0 is never", duration},
		{"kubernetes_keep_succeeded", "0", "how long pods are kept that have succeeded", duration},
		{"kubernetes_keep_failed", "1h", "how long pods are kept that have failed", duration},
		{"kubernetes_warm_max", "0", "how many long-lived worker pods there are at most, for tasks that ask for nothing of their own; 0 gives every task its pod", atLeast(0)},
		{"kubernetes_warm_min", "0", "how many of them there are at least", atLeast(0)},
		{"kubernetes_warm_slots", "8", "how many tasks each of them runs at once", atLeast(1)},
		{"kubernetes_warm_idle", "5m", "after how long without a task such a pod ends", positive},
	}
}
