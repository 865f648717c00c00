// Package store is the contract of what is durable: DAG versions, runs, task
// instances, XComs, settings. A store applies changes that somebody else decided;
// it decides nothing.
//
// What a store promises is defined by the suite in storetest.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// Errors of every store; compare with errors.Is.
var (
	// ErrNotFound says that what was asked for is not there.
	ErrNotFound = errors.New("not found")
	// ErrExists says that something with the same identity, but different, is there.
	ErrExists = errors.New("exists already")
	// ErrConflict says that a conditional write lost: load again, decide again.
	ErrConflict = errors.New("changed in the meantime")
	// ErrTooLarge says that a value is above what the store can hold.
	ErrTooLarge = errors.New("too large")
	// ErrBadToken says that a page token is not one of this list.
	ErrBadToken = errors.New("bad page token")
	// ErrInvalid says that a name or a date cannot be stored; see CheckName.
	ErrInvalid = errors.New("invalid")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrCorrupt says that a stored item cannot be read; the error names it.
	ErrCorrupt = errors.New("stored item is damaged")
)

// Store is everything durable. Its methods may be called concurrently; they own
// none of the slices given to them after returning, and the caller owns what they
// return. Times come back in UTC, with the nanosecond or at least the microsecond;
// JSON comes back byte for byte; an empty slice may come back as nil. Names are
// checked by CheckName and CheckBatch before anything is written. A cancelled context
// ends a call with the context's error; the write may then have happened or not.
type Store interface {
	Definitions
	Runs
	XComs
	Settings
	// Close releases the store. Calls after it fail.
	Close() error
}

// Definitions keeps DAG versions and what is known of each DAG beside its runs.
type Definitions interface {
	// PutDAG stores a version and makes it the DAG's current one. Storing the same
	// version again changes only File, and is not an error. What DAGState holds is
	// kept when the DAG is already there.
	PutDAG(ctx context.Context, d Definition) error
	// DAG returns the current version of a DAG, or ErrNotFound.
	DAG(ctx context.Context, id string) (Definition, error)
	// Version returns the body of one version, current or not, or ErrNotFound.
	Version(ctx context.Context, id, version string) ([]byte, error)
	// ListDAGs returns DAGs ordered by id, without bodies if bare.
	ListDAGs(ctx context.Context, f DAGFilter, p Page) (DAGList, error)
	// SetDAG replaces the DAG's state if its Revision is the stored one; otherwise
	// ErrConflict. It returns the new state.
	SetDAG(ctx context.Context, id string, s DAGState) (DAGState, error)
	// DeleteDAG removes a DAG with its versions, runs, history and XComs. Deleting
	// what is not there is ErrNotFound.
	DeleteDAG(ctx context.Context, id string) error
}

// Definition is one version of a DAG as stored.
type Definition struct {
	ID string
	// Version is the content hash of Body.
	Version string
	// Body is the DAG as JSON; see dag.Decode.
	Body []byte
	// File is the DAG's file, relative to the DAG folder.
	File string
	// At is when this version was first stored; set by the caller of PutDAG.
	At    time.Time
	State DAGState
}

// DAGState is what changes about a DAG without a new version.
type DAGState struct {
	// Revision counts the writes of this state; a write names the one it read.
	Revision int64
	Paused   bool
	// Stale says that its file is gone: no new runs, history stays.
	Stale bool
	// Last is the data interval of the last scheduled run: what the timetable
	// continues from.
	Last *Interval
	// Assets are the asset updates (URI to time) that waited for a run when the DAG was
	// last paused; updates until AssetsAfter count as seen otherwise: they came while it
	// was paused, or before it was there.
	Assets      map[string]time.Time
	AssetsAfter time.Time
	// Placements say where its new attempts go, the oldest first; those that were taken back
	// are among them. It is small: everybody who plans reads it.
	Placements []run.Placement
	// Memory is what was found to be enough for tasks that had run out of memory, by their
	// ids.
	Memory map[string]run.Memory
}

// Interval is a data interval.
type Interval struct{ Start, End time.Time }

// DAGFilter selects DAGs; the zero value selects all.
type DAGFilter struct {
	// Bare leaves Body out.
	Bare bool
	// IncludeStale also returns DAGs whose file is gone.
	IncludeStale bool
}

// Page asks for one page of a list. The zero value asks for the first page of the
// store's default size (100).
type Page struct {
	Limit int
	// Token is the Next of the page before.
	Token string
}

// defaultPage is the size of a page whose reader does not say.
const defaultPage = 100

// Size is how many items the page has at most.
func (p Page) Size() int {
	if p.Limit <= 0 {
		return defaultPage
	}
	return p.Limit
}

// DAGList is one page of DAGs.
type DAGList struct {
	Items []Definition
	// Next is the token of the following page; empty on the last.
	Next string
}

// Runs keeps runs and their task instances.
type Runs interface {
	// Apply writes a set of changes. Each change holds or is refused by itself: a
	// refused one (its condition is not met) is reported in the Result and nothing
	// of it is written. Changes of one run in one call are durable together.
	// Apply returns only when they are durable. Within a batch the order is Create,
	// Update (which leaves the logical date as it is), Changes; several changes of one
	// instance are steps, each from what the one before has left. If Apply fails on the
	// way, of each DAG the first batches may be durable, never a later one without those
	// before it. A batch that names no run may hold nothing but Events: those that came
	// from outside.
	Apply(ctx context.Context, batches ...Batch) (Result, error)
	// Run returns a run with its task instances, ordered by task and index. Instances
	// that were never written are in state None and are not returned. With tasks
	// given, only their instances are returned.
	Run(ctx context.Context, id run.ID, tasks ...string) (RunData, error)
	// ListRuns returns runs without instances, in the order of the filter.
	ListRuns(ctx context.Context, f RunFilter, p Page) (RunList, error)
	// Due returns the ids of unfinished runs that have an instance whose Due or
	// Lease is not after until, and the earliest Due or Lease after it (zero if none).
	Due(ctx context.Context, until time.Time) ([]run.ID, time.Time, error)
	// History returns the archived tries of an instance, oldest first.
	History(ctx context.Context, key run.Key) ([]run.Instance, error)
	// DeleteRun removes a run with its instances, history and XComs, or ErrNotFound.
	DeleteRun(ctx context.Context, id run.ID) error
}

// Batch is a set of changes to one run.
type Batch = run.Batch

// Result says what became of the batches of an Apply.
type Result struct {
	// Lost are the changes whose condition was not met, by batch and position.
	Lost []Lost
	// Refused are the batches whose Create met an existing run (error: ErrExists) or
	// whose run is not there (ErrNotFound).
	Refused map[int]error
	// Beside is how task instances stood that the store keeps beside those that it wrote, as
	// far as it learns that without another read; it need not be complete, or be there. Each
	// stood so when its batch was written or later: of two instances that are written at the
	// same time and name each other, at least one finds the other one written.
	Beside []Neighbor
}

// Neighbor is how an instance stood that was written, or one that lies beside it.
type Neighbor struct {
	// Batch is the position of the batch; the instance is of the same run.
	Batch int
	Task  string
	Map   int
	State run.State
}

// Lost names a change that was refused.
type Lost struct {
	Batch int
	// Change is the position in Changes; -1 stands for Update.
	Change int
	// Stored is the instance as it is stored, nil if it is not there.
	Stored *run.Instance
}

// OK says that everything was written.
func (r Result) OK() bool { return len(r.Lost) == 0 && len(r.Refused) == 0 }

// RunData is a run with (some of) its task instances.
type RunData struct {
	Run       run.Run
	Instances []run.Instance
}

// Order is the order of a list of runs.
type Order string

// The orders of runs.
const (
	// NewestFirst orders by RunAfter, then id, descending. It is the default.
	NewestFirst Order = ""
	OldestFirst Order = "oldest_first"
)

// RunFilter selects runs; the zero value selects all.
type RunFilter struct {
	DAG    string
	States []run.RunState
	Types  []run.Type
	// After and Before bound RunAfter: After <= RunAfter < Before; zero is unbounded.
	After, Before time.Time
	// LogicalBefore keeps runs with a logical date before it.
	LogicalBefore time.Time
	Backfill      string
	// Owing keeps runs that owe calls, now or at a deadline (run.Run.Owes).
	Owing bool
	Order Order
}

// RunList is one page of runs.
type RunList struct {
	Items []run.Run
	Next  string
}

// XComs keeps the values that task instances pass to each other.
type XComs interface {
	// PutXCom writes a value while the instance runs; the last write of a name wins.
	// If the instance is not there, or token is not its current one, it returns
	// ErrConflict.
	PutXCom(ctx context.Context, key run.Key, token string, x run.XCom) error
	// XComs returns values ordered by task, map index and name.
	XComs(ctx context.Context, q XComQuery) ([]XComItem, error)
	// DeleteXCom removes one value; removing what is not there is no error.
	DeleteXCom(ctx context.Context, key run.Key, name string) error
}

// XComQuery selects XComs of one run. Empty Tasks, nil Maps and empty Name select all.
type XComQuery struct {
	Run   run.ID
	Tasks []string
	Maps  []int
	Name  string
}

// XComItem is a stored XCom with its owner.
type XComItem struct {
	Key run.Key
	run.XCom
}

// Kind is a kind of setting.
type Kind string

// The kinds of settings.
const (
	KindVariable    Kind = "variable"
	KindConnection  Kind = "connection"
	KindPool        Kind = "pool"
	KindBackfill    Kind = "backfill"
	KindImportError Kind = "import_error"
	KindFolder      Kind = "folder" // what is known of a folder of DAG files
	KindLease       Kind = "lease"  // who does what only one process at a time may do
	KindWaits       Kind = "waits"  // why executors have not started what they were told of
)

// Settings keeps small named values. What they mean, and whether they are sealed,
// is package settings' matter.
type Settings interface {
	// Setting returns a value, or ErrNotFound.
	Setting(ctx context.Context, k Kind, id string) (Setting, error)
	// PutSetting writes a value. With Revision 0 it overwrites whatever is there;
	// otherwise the stored revision must be the same, else ErrConflict. Revision -1
	// demands that nothing is there, else ErrExists.
	PutSetting(ctx context.Context, k Kind, s Setting) error
	// Settings returns all values of a kind, ordered by id.
	Settings(ctx context.Context, k Kind) ([]Setting, error)
	// DeleteSetting removes a value, or ErrNotFound.
	DeleteSetting(ctx context.Context, k Kind, id string) error
	// AssetEvents returns events of an asset (by URI; empty: of all), oldest first,
	// with after < At <= until (zero until: no end); limit bounds the number (0: 1000).
	AssetEvents(ctx context.Context, asset string, after, until time.Time, limit int) ([]run.AssetEvent, error)
}

// Cleaned counts what was removed because it was old.
type Cleaned struct {
	Runs, Events, Versions int64
}

// Setting is one named value.
type Setting struct {
	ID    string
	Value []byte
	// Revision counts the writes; see PutSetting.
	Revision int64
	At       time.Time
}
