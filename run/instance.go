package run

import (
	"encoding/json"
	"time"
)

// Cause says why an attempt failed. Each cause has its own retry budget.
type Cause string

// The causes of failure.
const (
	CauseTask    Cause = "task"    // the task's own doing
	CauseTimeout Cause = "timeout" // execution_timeout or a sensor's timeout
	CauseOOM     Cause = "oom"     // more memory than it was given
	CauseInfra   Cause = "infra"   // lost worker, eviction, throttling, spot
	CauseImage   Cause = "image"   // an image that cannot be pulled or started
	CauseQuota   Cause = "quota"   // refused by a quota
	CauseConfig  Cause = "config"  // unknown operator, bad argument, template or connection
	CauseUser    Cause = "user"    // marked failed by somebody
)

// Retry budgets of causes that are not the task's fault, beside its own retries.
const (
	InfraRetries = 3
	OOMRetries   = 2
)

// Instance is a task instance: what is known of one task (and index) of one run.
type Instance struct {
	Task string `json:"task"`
	// Map is the map index, or Unmapped.
	Map   int   `json:"map"`
	State State `json:"state"`
	// Try is the number of the current or last attempt; 0 before the first.
	Try int `json:"try,omitempty"`
	// MaxTries is the number of the last try after which a failure is final, less
	// one: an attempt may be retried while Try <= MaxTries.
	MaxTries int `json:"max_tries,omitempty"`
	// Token fences the current claim: only its holder may report. Empty when unclaimed.
	Token string `json:"token,omitempty"`
	// Worker names who holds the claim, for people and for adoption.
	Worker string `json:"worker,omitempty"`
	// Handle is the executor's own name for the attempt (pod, ECS task, process).
	Handle   string `json:"handle,omitempty"`
	Executor string `json:"executor,omitempty"`
	Pool     string `json:"pool,omitempty"`

	QueuedAt time.Time `json:"queued_at,omitzero"`
	Start    time.Time `json:"start,omitzero"`
	End      time.Time `json:"end,omitzero"`
	// Due is when it may be scheduled again, for up_for_retry and up_for_reschedule.
	Due time.Time `json:"due,omitzero"`
	// Lease is until when a running attempt is taken to be alive; zero means no lease.
	Lease time.Time `json:"lease,omitzero"`
	// FirstStart is when the first of a row of reschedules began.
	FirstStart  time.Time `json:"first_start,omitzero"`
	Reschedules int       `json:"reschedules,omitempty"`

	// InfraFailures and OOMFailures count what has been used of those budgets.
	InfraFailures int `json:"infra_failures,omitempty"`
	OOMFailures   int `json:"oom_failures,omitempty"`
	// PeakMemory is the most memory that a process of the last try has had (resident), in
	// bytes; 0 if that is not known, as for operators without processes.
	PeakMemory int64 `json:"peak_memory,omitempty"`
	// Cause, ExitCode and Reason describe the last failure: Reason is one sentence.
	Cause    Cause  `json:"cause,omitempty"`
	ExitCode int    `json:"exit_code,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// Tail are the last lines of a failed attempt's log.
	Tail string `json:"tail,omitempty"`
	Note string `json:"note,omitempty"`

	// Length is the length of the list or dict it pushed, if it pushed one: what
	// those mapped over it expand to.
	Length *int `json:"length,omitempty"`
	// Pushed says that it pushed a return_value other than null.
	Pushed bool `json:"pushed,omitempty"`
	// Unmappable says that it pushed something that nothing can be mapped over.
	Unmappable bool `json:"unmappable,omitempty"`
	// Choice is what a branch or short circuit decided about its direct downstream.
	Choice *Choice `json:"choice,omitempty"`
	// Label is the rendered map_index_template.
	Label string `json:"label,omitempty"`
	// Trigger is what a deferred attempt waits for.
	Trigger json.RawMessage `json:"trigger,omitempty"`
}

// Choice is what a branch or short circuit decided; it outlives a clear of the tasks
// it skipped (spec section 4.1, skipmixin_key).
type Choice struct {
	// Followed are the ids of direct downstream tasks to run; used when Skipped is nil.
	Followed []string `json:"followed,omitempty"`
	// Skipped are the ids of tasks not to run.
	Skipped []string `json:"skipped,omitempty"`
}

// Skips says whether the choice rules out a direct downstream task.
func (c *Choice) Skips(task string) bool {
	if c == nil {
		return false
	}
	if c.Skipped != nil {
		return contains(c.Skipped, task)
	}
	return !contains(c.Followed, task)
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// Key returns the instance's key in a run.
func (i *Instance) Key(id ID) Key { return Key{ID: id, Task: i.Task, Map: i.Map} }

// Attempt returns the key of its current attempt in a run.
func (i *Instance) Attempt(id ID) Attempt { return Attempt{Key: i.Key(id), Try: i.Try} }

// Name returns "task" or "task[3]".
func (i *Instance) Name() string { return InstanceName(i.Task, i.Map) }

// Run is a DAG run.
type Run struct {
	ID
	Type  Type     `json:"type"`
	State RunState `json:"state"`
	// Version is the hash of the DAG version that the run started with and keeps.
	Version string `json:"version"`

	// LogicalDate and the interval are nil for runs without one.
	LogicalDate   *time.Time `json:"logical_date,omitempty"`
	IntervalStart *time.Time `json:"data_interval_start,omitempty"`
	IntervalEnd   *time.Time `json:"data_interval_end,omitempty"`
	RunAfter      time.Time  `json:"run_after"`
	QueuedAt      time.Time  `json:"queued_at,omitzero"`
	Start         time.Time  `json:"start,omitzero"`
	End           time.Time  `json:"end,omitzero"`

	// Conf is the trigger's JSON object; nil when there is none.
	Conf json.RawMessage `json:"conf,omitempty"`
	Note string          `json:"note,omitempty"`
	// TriggeredBy says who: scheduler, cli, rest_api, asset, backfill, a parent run.
	TriggeredBy string `json:"triggered_by,omitempty"`
	// Clears counts how often the run was cleared.
	Clears int `json:"clear_number,omitempty"`
	// Backfill is the id of the backfill it belongs to.
	Backfill string `json:"backfill,omitempty"`
	// Reason says in one sentence how the run ended.
	Reason string `json:"reason,omitempty"`
	// Events are the asset events the run consumed.
	Events []AssetEvent `json:"events,omitempty"`
	// Owed are the calls of the DAG's callbacks that were not made yet, Deadlines those
	// that have not passed.
	Owed      []Call     `json:"owed,omitempty"`
	Deadlines []Deadline `json:"deadlines,omitempty"`
}

// AssetEvent is one update of an asset.
type AssetEvent struct {
	ID    int64          `json:"id,omitempty"`
	Asset string         `json:"asset"` // its URI
	Name  string         `json:"name,omitempty"`
	At    time.Time      `json:"at"`
	Extra map[string]any `json:"extra,omitempty"`
	// Aliases are the asset aliases among the outlets of its source for which the asset was
	// updated; none if it was updated as an outlet itself.
	Aliases []string `json:"aliases,omitempty"`
	// Source is the instance that produced it; zero when it came from outside.
	Source Key `json:"source,omitzero"`
}
