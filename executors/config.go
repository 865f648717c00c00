package executors

import "github.com/updraft-dev/updraft/dag"

// ConfigKeys are what executors read of an executor_config.
func ConfigKeys() []string {
	return []string{"function", "image", "pod_override", "pod_patch", "pod_template_file", "spot", "warm"}
}

// Config is what executor_config says of something: the task's, or else the DAG's; nil if
// neither does.
func Config(d *dag.DAG, t *dag.Task, key string) any {
	if v := t.ExecutorConfig[key]; v != nil {
		return v
	}
	return d.ExecutorConfig[key]
}
