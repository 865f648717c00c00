package run

import (
	"encoding/json"
	"time"
)

// Change is one step of one task instance: what it shall be, and what it must be
// for the step to hold. A store applies a change whole or refuses it.
type Change struct {
	// Want is the instance as it shall be.
	Want Instance
	// If is what must hold now.
	If Condition
	// Gone removes the instance instead (an unexpanded task whose instances take
	// its place); only Want's Task and Map are used then.
	Gone bool
	// Archive keeps the instance as it was in the history of tries.
	Archive bool
	// ClearXComs deletes the instance's XComs, before XComs are written: a new try
	// starts without those of the last one.
	ClearXComs bool
	// XComs are written with the change, or not at all when the change is refused: a
	// zombie's result must not overwrite its successor's.
	XComs []XCom
}

// XCom is a value that a task instance pushed under a name.
type XCom struct {
	Name string `json:"key"`
	// Value is JSON in Airflow's tagged form. A large value may be kept elsewhere by
	// reference; that is the store's matter.
	Value json.RawMessage `json:"value"`
	At    time.Time       `json:"timestamp"`
}

// Condition is what a change expects of the instance as stored.
type Condition struct {
	// Absent expects that the instance has never been written; the rest is then unused.
	Absent bool
	State  State
	Try    int
	// Token is the fencing token expected; unclaimed instances have none.
	Token string
}

// Met says whether the condition holds for what is stored; nil stands for an absent
// instance. Every store driver decides by this function or by its equivalent.
func (c Condition) Met(stored *Instance) bool {
	if stored == nil {
		return c.Absent
	}
	return !c.Absent && stored.State == c.State && stored.Try == c.Try && stored.Token == c.Token
}

// Is returns the condition that the instance is still as given.
func Is(i *Instance) Condition {
	return Condition{State: i.State, Try: i.Try, Token: i.Token}
}

// RunChange is one step of a run: what it shall be, if its state and clear number
// still are as expected.
type RunChange struct {
	Want   Run
	State  RunState
	Clears int
}

// Batch is a set of changes to one run.
type Batch struct {
	Run ID
	// Create makes the run. If a run with this id, or with this DAG and logical
	// date, exists, the batch is refused whole.
	Create *Run
	// Update changes the run itself.
	Update *RunChange
	// Changes are the steps of its task instances.
	Changes []Change
	// Events are appended to the history of asset events if every change of the batch
	// holds.
	Events []AssetEvent
}
