// Package kubeevent is what the controller and the runner in a pod have to agree on: command
// lines, variables, names. It knows nothing of Kubernetes' own types.
package kubeevent

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The command lines of the runner, after its path. The init container is told
// `install DIR [PROGRAM]`, and copies the program that it is to DIR/RunnerName, and the one
// beside it to DIR/PROGRAM; the main container runs that copy as `DIR/RunnerName execute
// ATTEMPT`, the attempt as queue.Encode writes it.
const (
	Install = "install"
	Execute = "execute"
	// Work is the command of a long-lived pod: `DIR/RunnerName work OPTIONS`, the options as
	// JSON (WorkOptions).
	Work = "work"
	// Dir is where pods have the volume with the runner, RunnerName the runner's name in it.
	Dir        = "/updraft"
	RunnerName = "task"
)

// Launcher is the program, beside the runner, that operators run which start pods of their
// own (operators/kubernetes).
const Launcher = "updraft-kube"

// Runner is the path of the runner in the main container.
const Runner = Dir + "/" + RunnerName

// Base is the name of the main container, which is the first one: Airflow's word.
const Base = "base"

// InitContainer is the name of the container that installs the runner.
const InitContainer = "updraft-runner"

// The variables by which the runner learns which pod it is in. Kubernetes fills them
// (downward API).
const (
	NamespaceVariable = "UPDRAFT_POD_NAMESPACE"
	NameVariable      = "UPDRAFT_POD_NAME"
	UIDVariable       = "UPDRAFT_POD_UID"
)

// AirflowVariable is there in pods of Airflow's executor, with the value True; some tasks
// look for it.
const AirflowVariable = "AIRFLOW_IS_K8S_EXECUTOR_POD"

// The annotations of pods; they name the attempt exactly. The words are Airflow's.
// AnnotationMap is missing for an attempt that is not one of a mapped task.
const (
	AnnotationDAG  = "dag_id"
	AnnotationTask = "task_id"
	AnnotationRun  = "run_id"
	AnnotationTry  = "try_number"
	AnnotationMap  = "map_index"
)

// The labels of pods. There are labels of the same names as the annotations besides, with
// values that are made to fit, for people to select by.
const (
	// LabelManagedBy tells pods of Updraft from others.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "updraft"
	// LabelInstallation tells the pods of several installations in one namespace apart.
	LabelInstallation = "updraft.dev/installation"
	// LabelRole says what a pod is for: RoleTask, or RoleWorker for a long-lived one.
	LabelRole  = "updraft.dev/role"
	RoleTask   = "task"
	RoleWorker = "worker"
	// LabelDone is on a pod that has ended, is accounted for, and is kept to be looked at.
	LabelDone = "updraft.dev/done"
	// LabelAirflow has the value True, as for Airflow's executor.
	LabelAirflow = "kubernetes_executor"
	True         = "True"
)

// WorkOptions say how a long-lived pod works.
type WorkOptions struct {
	// Slots is how many tasks it runs at once.
	Slots int `json:"slots"`
	// Idle is after how long without a task it ends.
	Idle time.Duration `json:"idle"`
}

// WarmQueue is the queue that long-lived pods serve.
const WarmQueue = "kubernetes-warm"

// ExitUnreported is the exit code of a runner that could not make its report durable
// (EX_TEMPFAIL of sysexits.h). A runner whose report is durable ends with 0, whatever became
// of the attempt.
const ExitUnreported = 75

// ExitStopped is the exit code of a runner that was told to stop, and has stopped its
// attempt and called its callbacks: it leaves the report to the controller, who knows why
// the pod had to end. It is that of a program that SIGTERM has ended.
const ExitStopped = 143

// Pod names one pod for ever: a name may come again, a UID does not.
type Pod struct {
	Namespace, Name, UID string
}

// prefix is that of the names of workers in pods.
const prefix = "kubernetes/"

// WorkerName is the name in the claims that a pod makes, by which its end is traced to
// them.
func (p Pod) WorkerName() string {
	return prefix + p.Namespace + "/" + p.Name + "/" + p.UID
}

// ParseWorkerName is the inverse of WorkerName; ok is false for names of other workers.
func ParseWorkerName(name string) (p Pod, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return Pod{}, false
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Pod{}, false
	}
	return Pod{Namespace: parts[0], Name: parts[1], UID: parts[2]}, true
}

// ErrNoPod says that a process does not run in a pod of the controller's making.
var ErrNoPod = errors.New("this is not a pod of the kubernetes executor")

// PodOf returns the pod that a process runs in, by its environment. The error is ErrNoPod,
// with the variable that is missing.
func PodOf(getenv func(string) string) (Pod, error) {
	var p Pod
	for _, v := range []struct {
		name string
		to   *string
	}{{NamespaceVariable, &p.Namespace}, {NameVariable, &p.Name}, {UIDVariable, &p.UID}} {
		if *v.to = getenv(v.name); *v.to == "" {
			return Pod{}, fmt.Errorf("%w: %s is not set", ErrNoPod, v.name)
		}
	}
	return p, nil
}
