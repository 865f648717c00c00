package run

import "fmt"

// State is the state of a task instance, in Airflow's words.
type State uint8

// The states of a task instance (spec section 1.1).
const (
	None State = iota
	Scheduled
	Queued
	Running
	Restarting
	UpForRetry
	UpForReschedule
	Deferred
	Success
	Failed
	Skipped
	UpstreamFailed
	Removed

	// NumStates is the number of states, for tables indexed by State.
	NumStates
)

var stateNames = [NumStates]string{
	"none", "scheduled", "queued", "running", "restarting", "up_for_retry", "up_for_reschedule", "deferred",
	"success", "failed", "skipped", "upstream_failed", "removed",
}

// String returns Airflow's name of the state; "none" for None.
func (s State) String() string {
	if s >= NumStates {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return stateNames[s]
}

// ParseState is the inverse of String.
func ParseState(name string) (State, error) {
	for i, n := range stateNames {
		if n == name {
			return State(i), nil
		}
	}
	return None, fmt.Errorf("unknown task state %q: use one of %v", name, stateNames)
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *State) UnmarshalText(b []byte) (err error) {
	*s, err = ParseState(string(b))
	return err
}

// Finished says that nothing more happens to the instance unless somebody clears it.
func (s State) Finished() bool { return s >= Success && s < NumStates }

// Schedulable says that a plan may start the instance once its dependencies are met.
func (s State) Schedulable() bool { return s == None || s == UpForRetry || s == UpForReschedule }

// Occupying says that the instance counts against pools and limits.
func (s State) Occupying() bool { return s == Queued || s == Running }

// Successful says that the instance ended without stopping what follows by default.
func (s State) Successful() bool { return s == Success || s == Skipped }

// Unsuccessful says that the instance ended in failure, its own or an upstream's.
func (s State) Unsuccessful() bool { return s == Failed || s == UpstreamFailed }

// RunState is the state of a DAG run.
type RunState string

// The states of a DAG run (spec section 1.2).
const (
	RunQueued  RunState = "queued"
	RunRunning RunState = "running"
	RunSuccess RunState = "success"
	RunFailed  RunState = "failed"
)

// Finished says that the run has ended.
func (s RunState) Finished() bool { return s == RunSuccess || s == RunFailed }

// Type says what created a run.
type Type string

// The run types of Airflow.
const (
	TypeScheduled         Type = "scheduled"
	TypeManual            Type = "manual"
	TypeBackfill          Type = "backfill"
	TypeAssetTriggered    Type = "asset_triggered"
	TypeAssetMaterialized Type = "asset_materialization"
)
