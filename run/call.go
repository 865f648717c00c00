package run

import "time"

// CallKind says at what a DAG's callbacks are called.
type CallKind string

// The occasions of callbacks of a DAG.
const (
	CallSuccess  CallKind = "success"
	CallFailure  CallKind = "failure"
	CallDeadline CallKind = "deadline"
)

// The reasons that callbacks are given for the end of a run; the words are Airflow's.
const (
	ReasonSuccess    = "success"
	ReasonFailure    = "task_failure"
	ReasonDeadlocked = "all_tasks_deadlocked"
	ReasonTimedOut   = "timed_out"
)

// Call is a call of a DAG's callbacks that a run owes: it is written with what it is
// about, and taken away when it was made. A crash in between has it made again.
type Call struct {
	Kind CallKind `json:"kind"`
	// Reason is why the run has ended; empty for CallDeadline.
	Reason string `json:"reason,omitempty"`
	// Deadline is which of the DAG's deadlines was missed, for CallDeadline.
	Deadline int `json:"deadline,omitempty"`
	// At is when it came to be owed: the end of the run, or the deadline.
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
