package run

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// ID names one DAG run.
type ID struct {
	DAG string `json:"dag"`
	Run string `json:"run"`
}

// String returns "dag/run", for messages.
func (id ID) String() string { return id.DAG + "/" + id.Run }

// Unmapped is the map index of a task instance that is not an instance of a
// mapped task, and of a mapped task that has not been expanded yet.
const Unmapped = -1

// Key names one task instance: a task of a run, and its index when the task is mapped.
type Key struct {
	ID
	Task string `json:"task"`
	// Map is the map index, or Unmapped.
	Map int `json:"map"`
}

// Name returns "task" or "task[3]", the instance's name within its run.
func (k Key) Name() string { return InstanceName(k.Task, k.Map) }

// String returns "dag/run/task[index]", for messages.
func (k Key) String() string { return k.ID.String() + "/" + k.Name() }

// Compare orders keys by DAG, run, task and map index.
func (k Key) Compare(o Key) int {
	return cmp.Or(
		strings.Compare(k.DAG, o.DAG), strings.Compare(k.Run, o.Run),
		strings.Compare(k.Task, o.Task), cmp.Compare(k.Map, o.Map))
}

// InstanceName returns "task", or "task[3]" when index is not Unmapped.
func InstanceName(task string, index int) string {
	if index == Unmapped {
		return task
	}
	return task + "[" + strconv.Itoa(index) + "]"
}

// Attempt names one try of one task instance. Everything an attempt owns (log
// path, process, pod, ECS task, retry jitter) is derived from it, so that doing
// a step twice is doing it once.
type Attempt struct {
	Key
	// Try counts from 1.
	Try int `json:"try"`
}

// String returns "dag/run/task[index]#try", for messages.
func (a Attempt) String() string { return fmt.Sprintf("%s#%d", a.Key, a.Try) }
