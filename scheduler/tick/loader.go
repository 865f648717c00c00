package tick

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/timetable"
	"github.com/updraft-dev/updraft/store"
)

// Loader fills snapshots from a store. It keeps the compiled graphs of DAG versions,
// which never change. It is safe for concurrent use.
type Loader struct {
	store store.Store

	mu     sync.Mutex
	graphs map[versionKey]*dag.Graph
	// placements are those of DAGs, as they were read last.
	placements map[string][]run.Placement
	// memory is what was found to be enough for tasks of these DAGs, as it was read last.
	memory map[string]map[string]run.Memory
}

// unusable marks an error that trying again does not mend: something stored is missing,
// damaged, or written by a newer release. Other errors are those of a store that fails.
type unusable struct{ error }

func (u unusable) Unwrap() error { return u.error }

func isUnusable(err error) bool { return errors.As(err, &unusable{}) }

// judge marks an error of the store as unusable, if that is what it says.
func judge(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
		return unusable{err}
	}
	return err
}

type versionKey struct{ dag, version string }

// NewLoader returns a loader of a store.
func NewLoader(s store.Store) *Loader {
	return &Loader{store: s, graphs: map[versionKey]*dag.Graph{}, placements: map[string][]run.Placement{}, memory: map[string]map[string]run.Memory{}}
}

// Graph returns the compiled graph of a DAG version.
func (l *Loader) Graph(ctx context.Context, dagID, version string) (*dag.Graph, error) {
	l.mu.Lock()
	g := l.graphs[versionKey{dagID, version}]
	l.mu.Unlock()
	if g != nil {
		return g, nil
	}
	def, err := l.store.DAG(ctx, dagID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, judge(fmt.Errorf("find the file of DAG %s: %w", dagID, err))
	}
	if err == nil {
		l.keepPlacements(&def)
	}
	// Bodies are long, and that of the version is mostly that of the DAG as it is now.
	body := def.Body
	if def.Version != version {
		if body, err = l.store.Version(ctx, dagID, version); err != nil {
			return nil, judge(fmt.Errorf("load version %s of DAG %s: %w", version, dagID, err))
		}
	}
	return l.compile(dagID, version, def.File, body)
}

// compile makes the graph of a version. The file is that of the DAG as it is now: where it
// lies is not part of a version, but its templates lie beside it.
func (l *Loader) compile(dagID, version, file string, body []byte) (*dag.Graph, error) {
	d, err := dag.Decode(body)
	if err != nil {
		return nil, unusable{fmt.Errorf("version %s of DAG %s: %w", version, dagID, err)}
	}
	d.File = file
	g, err := dag.NewGraph(d)
	if err != nil {
		return nil, unusable{fmt.Errorf("version %s of DAG %s: %w", version, dagID, err)}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if have := l.graphs[versionKey{dagID, version}]; have != nil && have.DAG.File == file {
		return have, nil
	}
	l.graphs[versionKey{dagID, version}] = g
	return g, nil
}

// View loads one run whole.
func (l *Loader) View(ctx context.Context, id run.ID) (*scheduler.View, error) {
	data, err := l.store.Run(ctx, id)
	if err != nil {
		return nil, judge(fmt.Errorf("load run %s: %w", id, err))
	}
	g, err := l.Graph(ctx, id.DAG, data.Run.Version)
	if err != nil {
		return nil, err
	}
	v, err := scheduler.NewView(data.Run, g, data.Instances)
	if err != nil {
		return nil, unusable{err}
	}
	return v, nil
}

// AddRun loads a run into a snapshot, with the earlier run that its depends_on_past
// looks at.
func (l *Loader) AddRun(ctx context.Context, s *scheduler.Snapshot, id run.ID) (*scheduler.View, error) {
	v, err := l.View(ctx, id)
	if err != nil {
		return nil, err
	}
	if v.Graph.Past && v.Run.LogicalDate != nil {
		if err := l.addPrevious(ctx, s, v); err != nil {
			return nil, err
		}
	}
	s.Add(v)
	return v, nil
}

func (l *Loader) addPrevious(ctx context.Context, s *scheduler.Snapshot, v *scheduler.View) error {
	f := store.RunFilter{DAG: v.Run.DAG, LogicalBefore: *v.Run.LogicalDate}
	if v.Graph.DAG.Catchup {
		f.Types = []run.Type{run.TypeScheduled, run.TypeBackfill, run.TypeAssetTriggered}
	}
	list, err := l.store.ListRuns(ctx, f, store.Page{Limit: 1})
	if err != nil {
		return judge(fmt.Errorf("find the run before %s: %w", v.Run.ID, err))
	}
	for _, r := range list.Items {
		if s.Run(r.ID) != nil {
			continue
		}
		prev, err := l.View(ctx, r.ID)
		if err != nil {
			return err
		}
		s.Add(prev)
	}
	return nil
}

// AddDAG loads what is known of a DAG's current version into a snapshot. Runs of it
// that are to be in the snapshot should be added before.
func (l *Loader) AddDAG(ctx context.Context, s *scheduler.Snapshot, def store.Definition) error {
	l.keepPlacements(&def)
	l.mu.Lock()
	g := l.graphs[versionKey{def.ID, def.Version}]
	l.mu.Unlock()
	if g == nil || g.DAG.File != def.File {
		var err error
		if g, err = l.compile(def.ID, def.Version, def.File, def.Body); err != nil {
			return err
		}
	}
	info := scheduler.DAGInfo{Graph: g, Version: def.Version, Paused: def.State.Paused, Stale: def.State.Stale}
	if err := l.fillLast(ctx, &info, def); err != nil {
		return err
	}
	if err := l.fillAssets(ctx, &info, &def.State); err != nil {
		return err
	}
	if err := l.fillRuntimes(ctx, &info); err != nil {
		return err
	}
	if err := s.SetDAG(info); err != nil {
		return unusable{fmt.Errorf("DAG %s: %w", def.ID, err)}
	}
	return nil
}

// fillLast finds where the timetable continues. The run is the truth: what the DAG's
// state says may be older, if a crash came between the two writes.
func (l *Loader) fillLast(ctx context.Context, info *scheduler.DAGInfo, def store.Definition) error {
	if last := def.State.Last; last != nil {
		info.Last = &timetable.Interval{Start: last.Start, End: last.End}
	}
	switch info.Graph.DAG.Schedule.Kind {
	case "", dag.ScheduleNone, dag.ScheduleAssets:
		return nil
	}
	list, err := l.store.ListRuns(ctx, store.RunFilter{DAG: def.ID, Types: []run.Type{run.TypeScheduled}}, store.Page{Limit: 1})
	if err != nil {
		return judge(fmt.Errorf("find the last run of DAG %s: %w", def.ID, err))
	}
	for _, r := range list.Items {
		if r.IntervalStart != nil && r.IntervalEnd != nil && (info.Last == nil || r.IntervalStart.After(info.Last.Start)) {
			info.Last = &timetable.Interval{Start: *r.IntervalStart, End: *r.IntervalEnd}
		}
	}
	return nil
}

// fillAssets finds the asset updates since the last run that assets have triggered.
func (l *Loader) fillAssets(ctx context.Context, info *scheduler.DAGInfo, state *store.DAGState) error {
	refs := info.Graph.DAG.Schedule.Assets.Refs()
	if len(refs) == 0 {
		return nil
	}
	list, err := l.store.ListRuns(ctx, store.RunFilter{DAG: info.Graph.DAG.ID, Types: []run.Type{run.TypeAssetTriggered}}, store.Page{Limit: 1})
	if err != nil {
		return judge(fmt.Errorf("find the last asset-triggered run of DAG %s: %w", info.Graph.DAG.ID, err))
	}
	if len(list.Items) > 0 {
		info.AssetsSince = list.Items[0].RunAfter
	}
	info.Assets = map[string]time.Time{}
	seen := map[string]bool{}
	for _, ref := range refs {
		key := ref.Key()
		if seen[key] {
			continue
		}
		seen[key] = true
		if at, ok := state.Assets[key]; ok && at.After(info.AssetsSince) {
			info.Assets[key] = at
		}
		events, err := l.eventsOf(ctx, ref, info.AssetsSince)
		if err != nil {
			return err
		}
		info.Events = append(info.Events, events...)
		if state.AssetsAfter.After(info.AssetsSince) {
			if events, err = l.eventsOf(ctx, ref, state.AssetsAfter); err != nil {
				return err
			}
		}
		if n := len(events); n > 0 && !info.Paused {
			info.Assets[key] = events[n-1].At
		}
	}
	return nil
}

// eventPage is how many events are read at once.
const eventPage = 1000

// eventsOf returns the events of an asset after a time, the first eventPage of them. Those
// of an alias have to be looked for among the events of all assets.
func (l *Loader) eventsOf(ctx context.Context, ref dag.AssetRef, after time.Time) (out []run.AssetEvent, err error) {
	uri := ref.Key()
	if ref.Alias != "" {
		uri = ""
	}
	for {
		page, err := l.store.AssetEvents(ctx, uri, after, time.Time{}, eventPage)
		if err != nil {
			return nil, judge(fmt.Errorf("read the events of asset %s: %w", ref.Key(), err))
		}
		if ref.Alias == "" {
			return page, nil
		}
		for i := range page {
			if slices.Contains(page[i].Aliases, ref.Alias) {
				out = append(out, page[i])
			}
		}
		if len(page) < eventPage || len(out) >= eventPage {
			return out, nil
		}
		after = page[len(page)-1].At
	}
}

// fillRuntimes finds how long the latest runs took, for deadlines that count from their
// average.
func (l *Loader) fillRuntimes(ctx context.Context, info *scheduler.DAGInfo) error {
	n := info.Graph.DAG.AverageRuns()
	if n == 0 {
		return nil
	}
	f := store.RunFilter{DAG: info.Graph.DAG.ID, States: []run.RunState{run.RunSuccess, run.RunFailed}}
	list, err := l.store.ListRuns(ctx, f, store.Page{Limit: n})
	if err != nil {
		return judge(fmt.Errorf("find the runtimes of DAG %s: %w", info.Graph.DAG.ID, err))
	}
	for i := range list.Items {
		if r := &list.Items[i]; !r.Start.IsZero() && !r.End.IsZero() {
			info.Runtimes = append(info.Runtimes, r.End.Sub(r.Start))
		}
	}
	return nil
}

// Owing adds the runs that have ended and may still miss a deadline. Runs that cannot be
// used are left out and reported together.
func (l *Loader) Owing(ctx context.Context, s *scheduler.Snapshot) error {
	var problems []error
	f := store.RunFilter{Owing: true, States: []run.RunState{run.RunSuccess, run.RunFailed}}
	for page := (store.Page{Limit: 1000}); ; {
		list, err := l.store.ListRuns(ctx, f, page)
		if err != nil {
			return fmt.Errorf("list runs with deadlines: %w", err)
		}
		for i := range list.Items {
			if r := &list.Items[i]; len(r.Deadlines) == 0 || s.Run(r.ID) != nil {
				continue
			}
			v, err := l.View(ctx, list.Items[i].ID)
			switch {
			case err == nil:
				s.Add(v)
			case isUnusable(err):
				problems = append(problems, err)
			default:
				return err
			}
		}
		if page.Token = list.Next; page.Token == "" {
			return errors.Join(problems...)
		}
	}
}

// Active adds every unfinished run to a snapshot. Runs that cannot be used are left out
// and reported together; the others are there.
func (l *Loader) Active(ctx context.Context, s *scheduler.Snapshot) error {
	var problems []error
	page := store.Page{Limit: 1000}
	for {
		list, err := l.store.ListRuns(ctx, store.RunFilter{States: []run.RunState{run.RunQueued, run.RunRunning}, Order: store.OldestFirst}, page)
		if err != nil {
			return fmt.Errorf("list active runs: %w", err)
		}
		for _, r := range list.Items {
			if _, err := l.AddRun(ctx, s, r.ID); err != nil {
				if !isUnusable(err) {
					return err
				}
				problems = append(problems, err)
			}
		}
		if page.Token = list.Next; page.Token == "" {
			return errors.Join(problems...)
		}
	}
}

// DAGs adds every DAG that is not stale to a snapshot. A DAG that cannot be used is
// left out and reported; the others are there.
func (l *Loader) DAGs(ctx context.Context, s *scheduler.Snapshot) error {
	var problems []error
	page := store.Page{Limit: 1000}
	for {
		list, err := l.store.ListDAGs(ctx, store.DAGFilter{}, page)
		if err != nil {
			return fmt.Errorf("list DAGs: %w", err)
		}
		for _, def := range list.Items {
			if err := l.AddDAG(ctx, s, def); err != nil {
				if !isUnusable(err) {
					return err
				}
				problems = append(problems, err)
			}
		}
		if page.Token = list.Next; page.Token == "" {
			return errors.Join(problems...)
		}
	}
}
