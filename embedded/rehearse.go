package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Rehearsal names an attempt that is looked at, or made, outside of any schedule: of a
// task in the current version of its DAG.
type Rehearsal struct {
	DAG, Task string
	// Map is the index of a mapped task.
	Map *int
	// Run is the id of the run whose dates, conf and XComs it sees. Without one a run is
	// made up, at LogicalDate or else now, which is stored nowhere.
	Run         string
	LogicalDate *time.Time
	// Conf replaces that of the run: a JSON object.
	Conf json.RawMessage
}

// RenderTask returns the templated arguments of a task as its operator would get them,
// with secrets masked. It executes nothing but functions that make arguments.
func (i *Installation) RenderTask(ctx context.Context, r Rehearsal) ([]task.Rendered, error) {
	w, st, err := i.rehearse(ctx, r)
	if err != nil {
		return nil, err
	}
	py := i.python() // started only if a function of the author's is part of the arguments
	c := i.taskConfig()
	c.Store, c.Python = st, py
	out, err := task.New(c).Render(ctx, w)
	if err = errors.Join(err, py.Close()); err != nil {
		return nil, fmt.Errorf("render task %s of DAG %s: %w", r.Task, r.DAG, err)
	}
	return out, nil
}

// TestTask executes a task once, now, whatever it depends on, and returns its report with
// all XComs it pushed. Its log goes to log; there and in the XComs secrets are masked.
// Nothing of it is stored.
// A sensor that gives its slot back is executed again when it asks for that. When ctx
// ends, the task is stopped.
func (i *Installation) TestTask(ctx context.Context, r Rehearsal, log io.Writer) (rep run.Report, err error) {
	w, st, err := i.rehearse(ctx, r)
	if err != nil {
		return rep, err
	}
	// The processes of a test are no business of whoever works on the installation.
	dir, err := os.MkdirTemp("", "updraft")
	if err != nil {
		return rep, fmt.Errorf("make a folder for the task's processes: %w", err)
	}
	defer os.RemoveAll(dir)
	host, err := process.Open(process.Config{Dir: dir, Shepherd: []string{i.Self, ShepherdCommand, process.Socket(dir)}})
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	py := i.python()
	defer func() { err = errors.Join(err, py.Close()) }()
	c := i.taskConfig()
	shown := &terminalLog{w: log}
	c.Store, c.Logs, c.Processes, c.Python = st, shown, host, py
	c.Trigger = func(ctx context.Context, t task.Trigger) (run.Run, error) { return i.Trigger(ctx, t, "operator") }
	rt := task.New(c)
	for {
		rep = rt.Execute(ctx, w)
		if rep.Outcome != run.OutcomeReschedule {
			rep.XComs = shown.mask(append(st.pushed(), rep.XComs...))
			return rep, nil
		}
		w.Instance.Reschedules++
		if w.Instance.FirstStart.IsZero() {
			w.Instance.FirstStart = w.Instance.Start
		}
		wait := time.NewTimer(rep.Due.Sub(i.Now()))
		select {
		case <-ctx.Done():
			wait.Stop()
			return rep, context.Cause(ctx)
		case <-wait.C:
		}
		w.Instance.Start = i.Now()
	}
}

// rehearse makes the attempt, and the store that it sees.
func (i *Installation) rehearse(ctx context.Context, r Rehearsal) (task.Work, *rehearsalStore, error) {
	var none task.Work
	def, err := i.FindDAG(ctx, r.DAG)
	if err != nil {
		return none, nil, err
	}
	g, err := i.Loader.Graph(ctx, def.ID, def.Version)
	if err != nil {
		return none, nil, err
	}
	at, ok := g.Index(r.Task)
	if !ok {
		return none, nil, fmt.Errorf("DAG %s has no task %q: see `updraft tasks list %s`", r.DAG, r.Task, r.DAG)
	}
	if g.Mapping(at) != nil && r.Map == nil {
		return none, nil, fmt.Errorf("task %s of DAG %s is mapped: choose an instance by its map index", r.Task, r.DAG)
	}
	st := &rehearsalStore{Store: i.Store}
	var of run.Run
	if r.Run != "" {
		data, err := i.FindRun(ctx, run.ID{DAG: r.DAG, Run: r.Run})
		if err != nil {
			return none, nil, err
		}
		of = data.Run
	} else if of, err = i.madeUp(ctx, r); err != nil {
		return none, nil, err
	} else {
		st.run = of
	}
	if len(r.Conf) > 0 {
		of.Conf = r.Conf
	}
	of.State, of.Version = run.RunRunning, def.Version
	if of.Start.IsZero() {
		of.Start = i.Now()
	}
	in := run.Instance{
		Task: r.Task, Map: run.Unmapped, State: run.Running, Try: 1, MaxTries: g.Tasks[at].Retries, Start: i.Now(), Token: "rehearsal",
	}
	if r.Map != nil {
		in.Map = *r.Map
	}
	return task.Work{Graph: g, Run: of, Instance: in}, st, nil
}

// madeUp is the run that a trigger would make.
func (i *Installation) madeUp(ctx context.Context, r Rehearsal) (out run.Run, err error) {
	at := i.Now()
	if r.LogicalDate != nil {
		at = *r.LogicalDate
	}
	err = i.change(ctx, true, func(ctx context.Context, e *tick.Edit) error {
		out, err = e.Trigger(ctx, task.Trigger{DAG: r.DAG, LogicalDate: &at, Conf: r.Conf}, "cli", Suffix)
		return err
	})
	return out, err
}

// rehearsalStore is what is stored, and over it what one attempt has pushed.
type rehearsalStore struct {
	task.Store
	// run is the run that was made up, if one was.
	run run.Run

	mu    sync.Mutex
	items []store.XComItem
}

// Run also knows the run that was made up.
func (s *rehearsalStore) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	if id == s.run.ID {
		return store.RunData{Run: s.run}, nil
	}
	return s.Store.Run(ctx, id, tasks...)
}

// PutXCom keeps a value here.
func (s *rehearsalStore) PutXCom(_ context.Context, k run.Key, _ string, x run.XCom) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = append(slices.DeleteFunc(s.items, same(k, x.Name)), store.XComItem{Key: k, XCom: x})
	return nil
}

// DeleteXCom forgets a value that was kept here; what is stored stays.
func (s *rehearsalStore) DeleteXCom(_ context.Context, k run.Key, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = slices.DeleteFunc(s.items, same(k, name))
	return nil
}

// XComs returns what is kept here in place of what is stored under the same name.
func (s *rehearsalStore) XComs(ctx context.Context, q store.XComQuery) ([]store.XComItem, error) {
	out, err := s.Store.XComs(ctx, q)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.items {
		if x.Key.ID == q.Run && (len(q.Tasks) == 0 || slices.Contains(q.Tasks, x.Key.Task)) &&
			(q.Maps == nil || slices.Contains(q.Maps, x.Key.Map)) && (q.Name == "" || q.Name == x.Name) {
			out = append(slices.DeleteFunc(out, same(x.Key, x.Name)), x)
		}
	}
	return out, nil
}

func same(k run.Key, name string) func(store.XComItem) bool {
	return func(o store.XComItem) bool { return o.Key == k && o.Name == name }
}

// pushed are the values that are kept here.
func (s *rehearsalStore) pushed() []run.XCom {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]run.XCom, len(s.items))
	for n, x := range s.items {
		out[n] = x.XCom
	}
	return out
}

// terminalLog shows the log of the attempts of one task as it is written, and keeps
// nothing but the secrets that it masks.
type terminalLog struct {
	mu     sync.Mutex
	w      io.Writer
	masker logs.Masker
}

// Open implements task.Logs.
func (l *terminalLog) Open(context.Context, run.Attempt) (task.Log, error) { return l, nil }

// Write implements task.Log.
func (l *terminalLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.w.Write(l.masker.Next(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Redact implements task.Log.
func (l *terminalLog) Redact(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.masker.Add(secrets...)
}

// Close implements task.Log.
func (l *terminalLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.w.Write(l.masker.Rest())
	return err
}

// mask masks the secrets met so far in values that are to be shown.
func (l *terminalLog) mask(list []run.XCom) []run.XCom {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range list {
		list[n].Value = json.RawMessage(l.masker.String(string(list[n].Value)))
	}
	return list
}
