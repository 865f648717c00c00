package kubeevent

import (
	"encoding/json"

	"github.com/updraft-dev/updraft/run"
)

// Show is the command of updraft-kube that answers a ShowRequest on its standard input with
// the pod on its standard output.
const Show = "pod"

// ShowRequest asks for the pod that an attempt would have.
type ShowRequest struct {
	// DAG is the version of the DAG, as dag.DAG encodes it.
	DAG      json.RawMessage `json:"dag"`
	Run      run.Run         `json:"run"`
	Instance run.Instance    `json:"instance"`
	// Memory is what was found to be enough for the task.
	Memory run.Memory `json:"memory,omitzero"`
	// JSON wants the pod as it goes to the API, and not as YAML with comments.
	JSON bool `json:"json,omitempty"`
}

// Check is the command of updraft-kube that answers a CheckRequest on its standard input with
// a list of PodFault, as JSON, on its standard output.
const Check = "check-pods"

// CheckRequest asks which tasks could not have a pod. Looked at are those that name executor
// kubernetes or say what their pods have, and all of them if the installation sends its tasks
// there.
type CheckRequest struct {
	// DAGs are as dag.DAG encodes them.
	DAGs []json.RawMessage `json:"dags"`
}

// PodFault says why a task could not have a pod.
type PodFault struct {
	DAG   string `json:"dag"`
	Task  string `json:"task"`
	Error string `json:"error"`
}
