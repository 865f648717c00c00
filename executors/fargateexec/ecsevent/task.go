// Package ecsevent is what ECS tells of the tasks that attempts run in: how they are
// recognized, and why they ended. It calls nobody.
package ecsevent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// Command is the word before the attempt in the command of its container.
const Command = "execute"

// The tags of tasks. Those with values that tags cannot have are written changed, and
// without TagTry, so that no attempt is recognized by them.
const (
	TagDAG  = "updraft:dag"
	TagRun  = "updraft:run"
	TagTask = "updraft:task"
	TagMap  = "updraft:map"
	TagTry  = "updraft:try"
)

// Task is what is known of an ECS task; the names are those of its events.
type Task struct {
	ARN           string      `json:"taskArn"`
	LastStatus    string      `json:"lastStatus"`
	StopCode      string      `json:"stopCode,omitempty"`
	StoppedReason string      `json:"stoppedReason,omitempty"`
	StartedBy     string      `json:"startedBy,omitempty"`
	StartedAt     time.Time   `json:"startedAt,omitzero"`
	StoppedAt     time.Time   `json:"stoppedAt,omitzero"`
	Containers    []Container `json:"containers"`
	Overrides     Overrides   `json:"overrides"`
	Tags          []Tag       `json:"tags,omitempty"`
}

// Container is one container of a task.
type Container struct {
	Name string `json:"name"`
	// ExitCode is nil if it has not run, or has not ended.
	ExitCode *int   `json:"exitCode,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// Overrides are what a task has in place of its definition.
type Overrides struct {
	Containers []Override `json:"containerOverrides"`
}

// Override is what one container has in place of its definition.
type Override struct {
	Name    string   `json:"name"`
	Command []string `json:"command,omitempty"`
}

// Tag is a tag of a task.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// maxEvent bounds an event, in bytes; EventBridge allows a quarter of it.
const maxEvent = 1 << 20

// Decode reads an "ECS Task State Change" event of EventBridge. Its errors say what is
// wrong with it.
func Decode(b []byte) (Task, error) {
	if len(b) > maxEvent {
		return Task{}, fmt.Errorf("decode an event of ECS: %d bytes, of %d", len(b), maxEvent)
	}
	var e struct {
		DetailType string          `json:"detail-type"`
		Source     string          `json:"source"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return Task{}, errors.New("decode an event of ECS: it is not a JSON object of EventBridge")
	}
	if e.Source != "aws.ecs" || e.DetailType != "ECS Task State Change" {
		return Task{}, fmt.Errorf("decode an event of ECS: it is %.60q of %.60q", e.DetailType, e.Source)
	}
	var t Task
	if err := json.Unmarshal(e.Detail, &t); err != nil {
		return Task{}, fmt.Errorf("decode an event of ECS: its detail: %w", err)
	}
	if t.ARN == "" || t.LastStatus == "" {
		return Task{}, errors.New("decode an event of ECS: it names no task, or no status")
	}
	return t, nil
}

// Stopped says that the task has ended.
func (t *Task) Stopped() bool { return t.LastStatus == "STOPPED" }

// Attempt is the attempt that the task was started for: that of its command, or else of
// its tags.
func (t *Task) Attempt() (run.Attempt, error) {
	for _, o := range t.Overrides.Containers {
		if len(o.Command) == 2 && o.Command[0] == Command {
			e, err := queue.Decode([]byte(o.Command[1]))
			if err != nil {
				return run.Attempt{}, fmt.Errorf("the command of task %s: %w", t.ARN, err)
			}
			if e.Kind != queue.KindAttempt {
				return run.Attempt{}, fmt.Errorf("the command of task %s: %q is not the kind of an attempt", t.ARN, e.Kind)
			}
			return e.Attempt, nil
		}
	}
	return t.tagged()
}

func (t *Task) tagged() (run.Attempt, error) {
	tags := map[string]string{}
	for _, tag := range t.Tags {
		tags[tag.Key] = tag.Value
	}
	if tags[TagTry] == "" {
		return run.Attempt{}, fmt.Errorf("task %s names no attempt, neither in its command nor in its tags", t.ARN)
	}
	index, err := strconv.Atoi(tags[TagMap])
	if err != nil || index < run.Unmapped {
		return run.Attempt{}, fmt.Errorf("tag %s of task %s is %.40q: it should be a map index", TagMap, t.ARN, tags[TagMap])
	}
	try, err := strconv.Atoi(tags[TagTry])
	if err != nil || try < 1 {
		return run.Attempt{}, fmt.Errorf("tag %s of task %s is %.40q: it should be the number of a try", TagTry, t.ARN, tags[TagTry])
	}
	a := run.Attempt{Key: run.Key{ID: run.ID{DAG: tags[TagDAG], Run: tags[TagRun]}, Task: tags[TagTask], Map: index}, Try: try}
	if a.DAG == "" || a.Run == "" || a.Task == "" {
		return run.Attempt{}, fmt.Errorf("the tags of task %s lack one of %s, %s, %s", t.ARN, TagDAG, TagRun, TagTask)
	}
	return a, nil
}

// Tags are the tags of an attempt's task.
func Tags(a run.Attempt) []Tag {
	out := []Tag{{TagDAG, tagValue(a.DAG)}, {TagRun, tagValue(a.Run)}, {TagTask, tagValue(a.Task)}, {TagMap, strconv.Itoa(a.Map)}}
	if tagValue(a.DAG) == a.DAG && tagValue(a.Run) == a.Run && tagValue(a.Task) == a.Task {
		out = append(out, Tag{TagTry, strconv.Itoa(a.Try)})
	}
	return out
}

// maxTag is how long the value of a tag may be, in characters.
const maxTag = 256

// tagValue is a text as the value of a tag, which may have only some characters.
func tagValue(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune(" +-=._:/@", r):
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), maxTag)]
}

// WorkerName is the name of the worker that a task is, for its claims: it is how the end
// of a task is traced to what it has claimed.
func WorkerName(taskARN string) string {
	_, name, ok := strings.Cut(taskARN, ":task/") // arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID
	if !ok {
		name = taskARN
	}
	return "fargate/" + name
}
