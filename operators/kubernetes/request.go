package kubernetes

import (
	"encoding/json"

	"github.com/updraft-dev/updraft/run"
)

// What becomes of a pod in the end: Airflow's words.
const (
	DeletePod          = "delete_pod"
	DeleteSucceededPod = "delete_succeeded_pod"
	DeleteActivePod    = "delete_active_pod"
	KeepPod            = "keep_pod"
)

// Command is the argument with which updraft-kube runs a pod: it reads a Request as JSON
// from its standard input, writes the log to its standard output, and the Outcome as JSON
// to the file that the request names. SIGTERM ends the pod. Its exit code is 0 if there is
// an Outcome.
const Command = "run-pod"

// ResultFile is where a container leaves its value.
const ResultFile = "/airflow/xcom/return.json"

// Request is one pod to run to its end. It has secrets if the connection has.
type Request struct {
	// Outcome is the file that gets the Outcome. It is written whole or not at all.
	Outcome string  `json:"outcome"`
	Cluster Cluster `json:"cluster"`
	// Template is the manifest of pod_template_file, as YAML or JSON.
	Template string `json:"template,omitempty"`
	// FullSpec and Pod are put over it, in this order. All are pods in the spelling of
	// Kubernetes' API.
	FullSpec json.RawMessage `json:"full_spec,omitempty"`
	Pod      json.RawMessage `json:"pod"`
	// Secrets are given to the first container.
	Secrets []Secret `json:"secrets,omitempty"`
	// Base is the name of the container whose end is the task's.
	Base string `json:"base"`
	// TaskID makes a name for a pod that has none. RandomSuffix adds to any name.
	TaskID       string `json:"task_id"`
	RandomSuffix bool   `json:"random_suffix,omitempty"`
	// Identity are the labels by which the pods of a task instance are found. They need not
	// be valid ones.
	Identity map[string]string `json:"identity"`
	// Try is the number of the try, another label.
	Try int `json:"try"`
	// Reattach says to go on with a pod of that identity.
	Reattach bool   `json:"reattach,omitempty"`
	OnFinish string `json:"on_finish"`
	// XCom says to read ResultFile; XComImage and XComResources are the sidecar's that does,
	// if they are the author's.
	XCom          bool            `json:"xcom,omitempty"`
	XComImage     string          `json:"xcom_image,omitempty"`
	XComResources json.RawMessage `json:"xcom_resources,omitempty"`
	Show          Show            `json:"show"`
	// ScheduleSeconds and StartSeconds bound the waiting for a node, and for the base
	// container's start on it. 0 is no bound.
	ScheduleSeconds int64 `json:"schedule_seconds,omitempty"`
	StartSeconds    int64 `json:"start_seconds,omitempty"`
}

// Cluster is how the API server is reached. Without anything it is the account of the pod
// that the program runs in, and the usual kubeconfig where there is none.
type Cluster struct {
	InCluster *bool  `json:"in_cluster,omitempty"`
	File      string `json:"file,omitempty"`
	// Config is the text of a kubeconfig, YAML or JSON.
	Config  string `json:"config,omitempty"`
	Context string `json:"context,omitempty"`
	// Namespace is for pods that say none.
	Namespace string `json:"namespace,omitempty"`
}

// Secret is one of the cluster's, given to a container.
type Secret struct {
	// Type is env or volume. Target is the variable, or the folder.
	Type   string `json:"deploy_type"`
	Target string `json:"deploy_target,omitempty"`
	Name   string `json:"secret"`
	// Key is the entry; empty is all entries.
	Key   string          `json:"key,omitempty"`
	Items json.RawMessage `json:"items,omitempty"`
}

// Show is what is written to the log.
type Show struct {
	// Containers and InitContainers are names; "*" is all of them.
	Containers     []string `json:"containers,omitempty"`
	InitContainers []string `json:"init_containers,omitempty"`
	// Prefix says whether lines begin with the container's name; nil is if there are
	// several containers.
	Prefix *bool `json:"prefix,omitempty"`
	// Events and Manifest are for pods that failed.
	Events   bool `json:"events,omitempty"`
	Manifest bool `json:"manifest,omitempty"`
}

// Outcome is what became of a pod.
type Outcome struct {
	// Pod and Namespace name it; they are empty if none was made.
	Pod       string `json:"pod,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	// Failure is empty for success. It is a sentence, with its remedy if there is one.
	Failure string `json:"failure,omitempty"`
	// Cause and ExitCode are those of the failure. Fatal says that another try cannot help.
	Cause    run.Cause `json:"cause,omitempty"`
	ExitCode int       `json:"exit_code,omitempty"`
	Fatal    bool      `json:"fatal,omitempty"`
	// Value is the JSON in ResultFile; absent if it is empty.
	Value json.RawMessage `json:"value,omitempty"`
}
