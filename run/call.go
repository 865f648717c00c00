package run

import "time"

// CallKind says at what callbacks are called.
type CallKind string

// The occasions of the callbacks of a DAG, and of those of a task whose worker was lost
// and therefore does not call them itself.
const (
	CallSuccess     CallKind = "success"
	CallFailure     CallKind = "failure"
	CallDeadline    CallKind = "deadline"
	CallTaskFailure CallKind = "task_failure"
	CallTaskRetry   CallKind = "task_retry"
)

// The reasons that callbacks are given for the end of a run; the words are Airflow's.
const (
	ReasonSuccess    = "success"
	ReasonFailure    = "task_failure"
	ReasonDeadlocked = "all_tasks_deadlocked"
	ReasonTimedOut   = "timed_out"
)

// Call is a call of callbacks that a run owes: it is written with what it is
// about, and taken away when it was made. A crash in between has it made again.
type Call struct {
	Kind CallKind `json:"kind"`
	// Reason is why the run has ended, or a sentence that says how the worker was lost;
	// empty for CallDeadline.
	Reason string `json:"reason,omitempty"`
	// Deadline is which of the DAG's deadlines was missed, for CallDeadline.
	Deadline int `json:"deadline,omitempty"`
	// Task, Map and Try name the attempt, for the callbacks of a task.
	Task string `json:"task,omitempty"`
	Map  int    `json:"map,omitempty"`
	Try  int    `json:"try,omitempty"`
	// At is when it came to be owed: the end of the run or attempt, or the deadline.
	At time.Time `json:"at"`
	// Clears is the run's clear number then: a run that is cleared ends several times.
	Clears int `json:"clear_number,omitempty"`
}

// Deadline is a time until which a run has to have succeeded.
type Deadline struct {
	// Index is its position in the DAG's deadlines.
	Index int       `json:"index"`
	At    time.Time `json:"at"`
}

// Owes says that the run has calls to be made, now or at a deadline.
func (r *Run) Owes() bool { return len(r.Owed)+len(r.Deadlines) > 0 }
