package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/template"
)

// world is everything about one recorded run that its templates could see.
type world struct {
	DAG struct {
		ID          string          `json:"dag_id"`
		Start       string          `json:"start_date"`
		Timezone    string          `json:"timezone"`
		Tags        []string        `json:"tags"`
		Description string          `json:"description"`
		DocMD       string          `json:"doc_md"`
		Defaults    recordedDefault `json:"default_args"`
		Params      json.RawMessage `json:"params"`
		TaskParams  json.RawMessage `json:"task_params"`
		Native      bool            `json:"native"`
	} `json:"dag"`
	Run struct {
		recordedRun
		Type     run.Type        `json:"run_type"`
		RunAfter time.Time       `json:"run_after"`
		Conf     json.RawMessage `json:"conf"`
		Try      int             `json:"try_number"`
	} `json:"run"`
	Task        string                     `json:"task_id"`
	Map         int                        `json:"map_index"`
	Previous    *recordedRun               `json:"previous_success"`
	XCom        map[string]json.RawMessage `json:"xcom"`
	Variables   map[string]string          `json:"variables"`
	Connections map[string]struct {
		settings.Connection
		Extra string `json:"extra"`
	} `json:"connections"`
	// dir is the DAG folder.
	dir string
}

type recordedDefault struct {
	Owner   string `json:"owner"`
	Retries int    `json:"retries"`
}

type recordedRun struct {
	ID            string     `json:"run_id"`
	LogicalDate   *time.Time `json:"logical_date"`
	IntervalStart *time.Time `json:"data_interval_start"`
	IntervalEnd   *time.Time `json:"data_interval_end"`
	Start         time.Time  `json:"start_date"`
}

// probeSpec is the operator of the task that renders.
var probeSpec = dag.OperatorSpec{Class: "world_dag.Probe", TemplateExt: []string{".sql", ".sh"}}

// pushed are the XComs of the recorder's other tasks, by task; those of mapped tasks by index.
var pushed = map[string][]string{
	"many": {"0", "10", "20"}, "floaty": {"1.25"}, "boolish": {"true"}, "nestee": {`{"a": [{"b": [1, 2], "c": null}]}`},
	"grp.inner": {`"in"`}, "bashy": {`"last line"`}, "noner": nil,
	"timey": {`{"__classname__": "datetime.datetime", "__version__": 2, "__data__": {"timestamp": 1704164645.0, "tz": {"__classname__": "builtins.tuple", "__version__": 1, "__data__": ["UTC", "pendulum.tz.timezone.Timezone", 1, true]}}}`},
}

// graph is the recorder's DAG.
func (w *world) graph() (*dag.DAG, error) {
	zone, err := dag.LoadLocation(w.DAG.Timezone)
	if err != nil {
		return nil, err
	}
	start, err := time.ParseInLocation("2006-01-02T15:04:05", w.DAG.Start, zone)
	if err != nil {
		return nil, err
	}
	d := &dag.DAG{
		ID: w.DAG.ID, File: "world_dag.py", Description: w.DAG.Description, DocMD: w.DAG.DocMD, Tags: w.DAG.Tags, Timezone: w.DAG.Timezone, StartDate: &start,
		Schedule:      dag.Schedule{Kind: dag.ScheduleCronTrigger, Cron: []string{"@daily"}, Timezone: w.DAG.Timezone},
		MaxActiveRuns: 16, MaxActiveTasks: 16, NativeTemplates: w.DAG.Native, TemplateSearchPath: []string{filepath.Join(w.dir, "search")},
		UserMacros:  dag.Values{"shout": dag.Callable{Path: "world_dag.shout"}, "answer": 42},
		UserFilters: dag.Values{"wrap": dag.Callable{Path: "world_dag.wrap"}},
	}
	if d.Params, err = recordedParams(w.DAG.Params); err != nil {
		return nil, err
	}
	probe := dag.NewTask(w.Task, probeSpec.Class)
	for _, id := range slices.Concat(sortedKeys(pushed), sortedKeys(w.XCom)) {
		t := dag.NewTask(id, "airflow.providers.standard.operators.python.PythonOperator")
		t.Owner, t.Retries = w.DAG.Defaults.Owner, w.DAG.Defaults.Retries
		d.Tasks = append(d.Tasks, t)
		probe.Upstream = append(probe.Upstream, id)
	}
	probe.Owner, probe.Retries, probe.DocMD = w.DAG.Defaults.Owner, 2, "probing"
	probe.Inlets, probe.Outlets = []dag.AssetRef{{URI: "file:///in/raw"}}, []dag.AssetRef{{URI: "file:///out/done"}}
	probe.Params, err = recordedParams(w.DAG.TaskParams)
	if w.Map >= 0 {
		probe.MapIndexTemplate = "{{ task.tag }}"
	}
	d.Tasks = append(d.Tasks, probe)
	return d, err
}

// recordedParams reads params in the order of the text.
func recordedParams(raw json.RawMessage) ([]dag.Param, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var out []dag.Param
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		p := dag.Param{}
		if err := json.Unmarshal([]byte(fmt.Sprintf(`{"name": %q, "default": %s}`, name, v)), &p); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (w *world) run() run.Run {
	r := w.Run
	return run.Run{
		ID: run.ID{DAG: w.DAG.ID, Run: r.ID}, Type: r.Type, State: run.RunRunning, LogicalDate: r.LogicalDate, IntervalStart: r.IntervalStart,
		IntervalEnd: r.IntervalEnd, RunAfter: r.RunAfter, Start: recorded, Conf: r.Conf,
	}
}

// config is how production would make the runtime, with the world in place of store, Python and environment.
func (w *world) config(work func(context.Context, *task.Attempt) (task.Result, error)) task.Config {
	return task.Config{
		Operators: func(string) *task.Operator { return &task.Operator{Spec: probeSpec, Run: work} },
		Store:     services{w}, Python: services{w}, Folder: w.dir, Now: func() time.Time { return recorded },
		Settings: settings.NewRegistry(settings.Config{Secrets: w.secrets(), Lookup: func(string) (string, bool) { return "", false }}),
		Templates: func(a *task.Attempt) task.Templates {
			return w.templates(a)
		},
	}
}

// templates makes a renderer as production does. Randomness is always the same.
func (w *world) templates(a *task.Attempt) task.Templates {
	return template.New(template.Config{
		Specs: func(string) *dag.OperatorSpec { return &probeSpec }, Runs: services{w}, Random: func(int) int { return 0 },
	})(a)
}

func (w *world) secrets() *settings.Secrets {
	s := &settings.Secrets{Variables: map[string]settings.Variable{}, Connections: map[string]settings.Connection{}}
	for key, text := range w.Variables {
		s.Variables[key] = settings.Variable{Key: key, Value: text}
	}
	for id, c := range w.Connections {
		c.Connection.SetExtraText(c.Extra)
		s.Connections[id] = c.Connection
	}
	return s
}
