package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// outcome is how a whole run ended in Airflow.
type outcome struct {
	Run struct {
		DAG         string    `json:"dag_id"`
		ID          string    `json:"run_id"`
		LogicalDate time.Time `json:"logical_date"`
		State       string    `json:"state"`
	} `json:"run"`
	Tasks []struct {
		Task  string  `json:"task_id"`
		Map   int     `json:"map_index"`
		State *string `json:"state"`
		Try   int     `json:"try_number"`
		Max   int     `json:"max_tries"`
		Label *string `json:"rendered_map_index"`
	} `json:"tasks"`
	XComs []struct {
		Task  string          `json:"task_id"`
		Map   int             `json:"map_index"`
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	} `json:"xcoms"`
	Rendered []struct {
		Task   string         `json:"task_id"`
		Map    int            `json:"map_index"`
		Fields map[string]any `json:"fields"`
	} `json:"rendered"`
}

// branchKey is where Airflow keeps what a branch chose; the instance has it here.
const branchKey = "skipmixin_key"

// replayOutcomes runs DAG files in an installation of their own.
func replayOutcomes(ctx context.Context, p, only string) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		r, err := readPython(p)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		names := slices.DeleteFunc(sortedKeys(r.Answers), func(n string) bool { return only != "" && n != only })
		o := &outcomes{files: &r, wanted: map[string]outcome{}}
		diffs, err := o.replay(ctx, names)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		for _, name := range names {
			out := Outcome{ID: name, Diff: diffs[name]}
			if out.Diff != nil {
				out.Diff.Picture = r.Files[name+".py"]
				out.Rule = outcomeRule(out.Diff)
			}
			if !yield(out, ctx.Err()) {
				return
			}
		}
	}
}

// outcomes is a replay under way.
type outcomes struct {
	files  *pyRecordings
	wanted map[string]outcome
	i      *embedded.Installation
}

// replay runs all files at once, and compares each.
func (o *outcomes) replay(ctx context.Context, names []string) (diffs map[string]*Mismatch, err error) {
	dir, err := o.files.unpack()
	defer os.RemoveAll(dir)
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "upd")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	if o.i, err = openInstallation(ctx, home, dir); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.i.Close()) }()
	diffs = map[string]*Mismatch{}
	groups := map[string][]string{} // by date and id, which are those of all runs of a call
	for _, name := range names {
		var w outcome
		if err := json.Unmarshal(o.files.Answers[name], &w); err != nil {
			return nil, fmt.Errorf("answer to %s: %w", name, err)
		}
		o.wanted[name] = w
		ids, _, err := o.i.LoadFile(ctx, filepath.Join(dir, name+".py"))
		switch {
		case err != nil:
			diffs[name] = &Mismatch{Part: "load", Ours: err.Error(), Theirs: "loads"}
			continue
		case !slices.Contains(ids, w.Run.DAG):
			diffs[name] = &Mismatch{Part: "DAGs", Ours: strings.Join(ids, " "), Theirs: w.Run.DAG}
			continue
		}
		if err := o.oneByOne(ctx, w.Run.DAG); err != nil {
			return nil, err
		}
		key := w.Run.ID + " " + w.Run.LogicalDate.String()
		groups[key] = append(groups[key], name)
	}
	for _, key := range sortedKeys(groups) {
		if err := o.run(ctx, groups[key]); err != nil {
			return nil, err
		}
		for _, name := range groups[key] {
			if diffs[name], err = o.compare(ctx, name); err != nil {
				return nil, err
			}
		}
	}
	return diffs, nil
}

// oneByOne makes the tasks of a DAG run one after another, as dag.test() did when the
// recordings were made: which of two tasks ends first can decide what becomes of a third.
func (o *outcomes) oneByOne(ctx context.Context, id string) error {
	def, err := o.i.FindDAG(ctx, id)
	if err != nil {
		return err
	}
	d, err := dag.Decode(def.Body)
	if err != nil {
		return err
	}
	d.MaxActiveTasks = 1
	if def.Body, def.Version, err = dag.Encode(d); err != nil {
		return err
	}
	return o.i.Store.PutDAG(ctx, def)
}

// run runs the DAGs of some files, which share a date, to their ends.
func (o *outcomes) run(ctx context.Context, names []string) error {
	first := o.wanted[names[0]].Run
	opts := embedded.RunOptions{RunID: first.ID, LogicalDate: &first.LogicalDate}
	for _, name := range names {
		opts.Targets = append(opts.Targets, o.wanted[name].Run.DAG)
	}
	_, err := o.i.RunOnce(ctx, opts)
	return err
}

// openInstallation opens an installation in home whose processes this program shepherds.
func openInstallation(ctx context.Context, home, dags string) (*embedded.Installation, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := config.Load(config.Input{
		Lookup: func(string) (string, bool) { return "", false },
		Flags: map[string]string{
			"home": home, "dags": dags, "airflow_compat": "3", "store": "sqlite://" + filepath.Join(home, "updraft.db") + "?durability=normal",
		},
	})
	if err != nil {
		return nil, err
	}
	return embedded.Open(ctx, embedded.Options{
		Config: c, Lookup: func(string) (string, bool) { return "", false }, Environ: os.Environ(), Now: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Self: self, Release: "conformance", Drivers: local.Drivers(),
	})
}

// compare says where a run differs from its recording.
func (o *outcomes) compare(ctx context.Context, name string) (*Mismatch, error) {
	want := o.wanted[name]
	id := run.ID{DAG: want.Run.DAG, Run: want.Run.ID}
	data, err := o.i.Store.Run(ctx, id)
	if err != nil {
		return nil, err
	}
	var diffs []string
	field := func(what string, theirs, ours any) {
		if !reflect.DeepEqual(theirs, ours) {
			diffs = append(diffs, fmt.Sprintf("%s: recorded %s, ours %s", what, jsonText(theirs), jsonText(ours)))
		}
	}
	field("run", want.Run.State, string(data.Run.State))
	g, err := o.i.CurrentGraph(ctx, want.Run.DAG)
	if err != nil {
		return nil, err
	}
	compareInstances(&want, data.Instances, g.DAG, field)
	if err := o.compareXComs(ctx, id, &want, field); err != nil {
		return nil, err
	}
	if err := o.compareRendered(ctx, g.DAG, &want, field); err != nil {
		return nil, err
	}
	if len(diffs) == 0 {
		return nil, nil
	}
	return &Mismatch{Part: "run", Ours: strings.Join(diffs, "\n          "), Theirs: "see ours"}, nil
}

func compareInstances(want *outcome, instances []run.Instance, d *dag.DAG, field func(string, any, any)) {
	theirs, ours := map[string]string{}, map[string]string{}
	for _, t := range want.Tasks {
		state, label := "", ""
		if t.State != nil {
			state = *t.State
		}
		// Airflow also writes the index itself where the author named no template.
		if t.Label != nil && *t.Label != fmt.Sprint(t.Map) {
			label = *t.Label
		}
		theirs[instanceName(t.Task, t.Map)] = fmt.Sprintf("%s try %d of %d %q", state, t.Try, t.Max+1, label)
	}
	for i := range instances {
		in := &instances[i]
		label := in.Label
		if label == fmt.Sprint(in.Map) {
			label = ""
		}
		try := in.Try
		if t := d.Task(in.Task); try == 0 && in.State == run.Success && t != nil && t.Inert {
			try = 1 // dag.test(), which made the recordings, executes what a scheduler only marks
		}
		ours[instanceName(in.Task, in.Map)] = fmt.Sprintf("%s try %d of %d %q", in.State, try, in.MaxTries+1, label)
	}
	eachKey(theirs, ours, field)
}

func instanceName(task string, index int) string {
	if index < 0 {
		return task
	}
	return fmt.Sprintf("%s[%d]", task, index)
}

func eachKey(theirs, ours map[string]string, field func(string, any, any)) {
	all := maps.Clone(theirs)
	maps.Copy(all, ours)
	for _, name := range sortedKeys(all) {
		field(name, cmp.Or(theirs[name], "nothing"), cmp.Or(ours[name], "nothing"))
	}
}

func (o *outcomes) compareXComs(ctx context.Context, id run.ID, want *outcome, field func(string, any, any)) error {
	theirs, ours := map[string]string{}, map[string]string{}
	for _, x := range want.XComs {
		if x.Key != branchKey {
			theirs["XCom "+instanceName(x.Task, x.Map)+" "+x.Key] = canonical(x.Value)
		}
	}
	items, err := o.i.Store.XComs(ctx, store.XComQuery{Run: id})
	if err != nil {
		return err
	}
	for _, x := range items {
		ours["XCom "+instanceName(x.Key.Task, x.Key.Map)+" "+x.Name] = canonical(x.Value)
	}
	eachKey(theirs, ours, field)
	return nil
}

// compareRendered renders the arguments of all instances that were started.
func (o *outcomes) compareRendered(ctx context.Context, d *dag.DAG, want *outcome, field func(string, any, any)) error {
	for _, r := range want.Rendered {
		if t := d.Task(r.Task); t != nil && strings.HasSuffix(t.Operator, "._BashDecoratedOperator") {
			continue // it is recorded what the task made of them while it ran
		}
		k := embedded.Rehearsal{DAG: d.ID, Task: r.Task, Run: want.Run.ID}
		if r.Map >= 0 {
			k.Map = &r.Map
		}
		ours := map[string]any{}
		found, err := o.i.RenderTask(ctx, k)
		if err != nil && ctx.Err() != nil {
			return err
		}
		for _, f := range found {
			ours[f.Name] = f.Value
		}
		at := "rendered " + instanceName(r.Task, r.Map)
		if err != nil {
			field(at, r.Fields, err.Error())
			continue
		}
		for _, name := range sortedKeys(r.Fields) {
			field(at+" "+name, renderedText(r.Fields[name]), renderedText(asShown(r.Fields[name], ours[name])))
		}
	}
	return nil
}

func jsonText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// canonical is a JSON value with its keys in order.
func canonical(raw json.RawMessage) string {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return string(raw)
	}
	return jsonText(v)
}

// outcomeRule names the meant difference that a mismatch shows.
func outcomeRule(m *Mismatch) string {
	if strings.Contains(m.Picture, "fail_fast=True") && m.Part == "run" {
		return ruleRounds
	}
	return ""
}
