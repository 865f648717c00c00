package run

import (
	"encoding/json"
	"time"
)

// Outcome is how an attempt ended, as its worker saw it. Whether a failure is
// retried is the scheduler's decision.
type Outcome string

// The outcomes of an attempt.
const (
	OutcomeSuccess    Outcome = "success"
	OutcomeFailed     Outcome = "failed"
	OutcomeFatal      Outcome = "fatal" // failed, and a retry would not help
	OutcomeSkipped    Outcome = "skipped"
	OutcomeReschedule Outcome = "reschedule" // again at Report.Due, the same try
	OutcomeDeferred   Outcome = "deferred"   // again when Report.Trigger fires, the same try
)

// Report is what a worker says of an attempt that has ended.
type Report struct {
	Attempt
	// Token is the fencing token of the worker's claim.
	Token   string
	Outcome Outcome
	At      time.Time
	// Due belongs to OutcomeReschedule, Trigger to OutcomeDeferred.
	Due     time.Time
	Trigger json.RawMessage

	// Cause, ExitCode, Reason and Tail belong to failures; see Instance.
	Cause    Cause
	ExitCode int
	Reason   string
	Tail     string

	// PeakMemory is the most memory that one of its processes has had, in bytes; 0 if that
	// is not known.
	PeakMemory int64

	// XComs are those to be stored with the result, the return value among them.
	XComs []XCom
	// Length and Unmappable say what the return value is to tasks mapped over it.
	Length     *int
	Unmappable bool
	// Branch is what a branching operator decided about its downstream.
	Branch *Branch
	// Label is the rendered map_index_template.
	Label string
	// Events are the asset events of its outlets.
	Events []AssetEvent
}

// BranchKind says which downstream tasks a branching operator is about.
type BranchKind string

// The kinds of branching.
const (
	// BranchFollow runs the named tasks and groups and skips the other direct downstream.
	BranchFollow BranchKind = "follow"
	// BranchSkipDirect skips all direct downstream tasks.
	BranchSkipDirect BranchKind = "skip_direct"
	// BranchSkipAll skips everything downstream.
	BranchSkipAll BranchKind = "skip_all"
)

// Branch is a branching operator's decision.
type Branch struct {
	Kind BranchKind `json:"kind"`
	// Follow names tasks or groups, for BranchFollow.
	Follow []string `json:"follow,omitempty"`
}
