package cloud

// StackOutputs are the outputs of template.yaml that are settings of the command line, by
// output.
func StackOutputs() map[string]string {
	return map[string]string{
		"Store": "store", "Queue": "queue", "TaskLogs": "logs", "Key": "key", "DagSource": "dag_source",
		"Executor": "executor", "Lambda": "lambda", "Fargate": "fargate", "KubernetesNamespace": "kubernetes_namespace",
	}
}
