package pyfile_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/dag/pyfile"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/python"
)

const source = "from airflow import DAG\nx = 1\n"

// said is a parser that answers the same to every file.
type said struct {
	parsed python.Parsed
	err    error
	// ask is called with the handler of the file.
	ask   func(python.Handler)
	files []python.Parse
}

func (s *said) Parse(_ context.Context, f python.Parse) (python.Parsed, error) {
	s.files = append(s.files, f)
	if s.ask != nil {
		s.ask(f.Handler)
	}
	return s.parsed, s.err
}

func encoded(t *testing.T, d *dag.DAG) json.RawMessage {
	t.Helper()
	raw, _, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func sample(tasks ...*dag.Task) *dag.DAG {
	return &dag.DAG{ID: "d", Schedule: dag.Schedule{Kind: dag.ScheduleNone}, Tasks: tasks}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	empty := dag.NewTask("e", "airflow.operators.dummy.DummyOperator")
	sensor := dag.NewTask("s", "updraft.operators.object.ObjectOperator")
	method := dag.Callable{File: "sub/d.py", DAG: "d", Task: "s", Name: "poke"}
	sensor.Args = dag.Values{"class": "m.S", "object": method, "kind": "sensor", "mode": "reschedule"}
	p := &said{parsed: python.Parsed{
		DAGs: []json.RawMessage{encoded(t, sample(empty, sensor))}, Compat: 2,
		Files: []string{"/dags/sub/d.py", "/dags/lib.py", "relative.py"},
	}}
	got, err := load(p, "sub/d.py", source)
	if err != nil {
		t.Fatal(err)
	}
	d := got.DAGs[0]
	if d.File != "sub/d.py" || d.Compat != 2 || d.Tasks[0].Operator != "airflow.providers.standard.operators.empty.EmptyOperator" ||
		!d.Tasks[0].Inert || !d.Tasks[1].Reschedule || d.Tasks[1].Args["object"] != method {
		t.Errorf("loaded %+v, %+v, %+v", d, d.Tasks[0], d.Tasks[1])
	}
	if diff := cmp.Diff([]string{"/dags/lib.py"}, got.Files); diff != "" || got.Volatile {
		t.Errorf("files %s, volatile %v", diff, got.Volatile)
	}
	if f := p.files[0]; f.File != "/dags/sub/d.py" || f.Folder != "/dags" {
		t.Errorf("asked for %+v", f)
	}
}

// A file elsewhere names its functions by its own place.
func TestLoadElsewhere(t *testing.T) {
	t.Parallel()
	task := dag.NewTask("t", "airflow.operators.python.PythonOperator")
	relative := dag.Callable{File: "d.py", DAG: "d", Task: "t", Name: "python_callable"}
	task.Args = dag.Values{"python_callable": relative, "op_args": []any{relative}}
	task.OnFailure = []dag.Callback{{Kind: dag.CallbackPython, Callable: &dag.Callable{File: "d.py", DAG: "d", Task: "t", Name: "on_failure_callback.0"}}}
	got, err := load(&said{parsed: python.Parsed{DAGs: []json.RawMessage{encoded(t, sample(task))}}}, "/dags/d.py", source)
	if err != nil {
		t.Fatal(err)
	}
	in := got.DAGs[0].Tasks[0]
	absolute := relative
	absolute.File = "/dags/d.py"
	if diff := cmp.Diff(dag.Values{"python_callable": absolute, "op_args": []any{absolute}}, in.Args); diff != "" || in.OnFailure[0].Callable.File != "/dags/d.py" {
		t.Error(diff, in.OnFailure[0].Callable)
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	p := new(said)
	for src, want := range map[string]bool{
		source: true, "import AIRFLOW, Dag": true, "dag = 1": false, "import airflow": false, "": false,
	} {
		if got := pyfile.MayHaveDAGs([]byte(src)); got != want {
			t.Errorf("MayHaveDAGs(%q) = %v", src, got)
		}
	}
	if got, err := load(p, "lib.py", "x = 1\n"); err != nil || len(got.DAGs) > 0 || len(p.files) > 0 {
		t.Errorf("a module: %v, %v, %v", got, err, p.files)
	}
	if _, err := load(p, "dags.zip", "PK"); err != nil || len(p.files) != 1 {
		t.Errorf("a zip: %v, %v", err, p.files)
	}
	l := pyfile.Loader(t.Context(), pyfile.Config{})
	for path, want := range map[string]bool{"a.py": true, "a/b.zip": true, "a.pyc": false, "a.yaml": false} {
		if got := l.Accepts(path); got != want {
			t.Errorf("Accepts(%q) = %v", path, got)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	unknown, bad := dag.NewTask("t", "no.such.Operator"), dag.NewTask("t", "airflow.operators.bash.BashOperator")
	bad.Retries = -1
	for _, tt := range []struct {
		name   string
		parsed python.Parsed
		err    error
		want   string
	}{
		{
			"an exception", python.Parsed{Error: &python.ParseError{Type: "ValueError", Message: "bad\n value", File: "/dags/d.py", Line: 2}},
			nil, "/dags/d.py:2:1: ValueError: bad value\n    x = 1",
		},
		{
			"in a module", python.Parsed{Error: &python.ParseError{Type: "ValueError", Message: "bad", File: "/dags/lib.py", Line: 7}},
			nil, "/dags/lib.py:7:1: ValueError: bad",
		},
		{
			"missing names", python.Parsed{Error: &python.ParseError{Type: "ModuleNotFoundError", Message: "...", Line: 1, Missing: []python.MissingName{
				{Name: "airflow.providers.snowflake.operators.snowflake.SnowflakeOperator", Package: "apache-airflow-providers-snowflake"},
				{Name: "airflow.providers.papermill.operators.papermill.PapermillOperator", Package: "apache-airflow-providers-papermill"},
			}}},
			nil, "/dags/d.py:1:1: Updraft does not have airflow.providers.snowflake.operators.snowflake.SnowflakeOperator (of apache-airflow-providers-snowflake), " +
				"airflow.providers.papermill.operators.papermill.PapermillOperator (of apache-airflow-providers-papermill): " +
				"use airflow.providers.common.sql.operators.sql.SQLExecuteQueryOperator, or wait until Updraft runs tasks with the Task SDK of Airflow itself\n" +
				"    from airflow import DAG",
		},
		{
			"nothing near", python.Parsed{Error: &python.ParseError{Missing: []python.MissingName{{Name: "airflow.providers.x.hooks.XHook"}}}},
			nil, "/dags/d.py:1:1: Updraft does not have airflow.providers.x.hooks.XHook: " +
				"use airflow.providers.standard.operators.python.PythonOperator with the package's own client, or wait until Updraft runs tasks with the Task SDK of Airflow itself",
		},
		{
			"a module that is not installed", python.Parsed{Error: &python.ParseError{Type: "ModuleNotFoundError", Message: "No module named 'lib.part'"}},
			nil, "/dags/d.py:1:1: ModuleNotFoundError: No module named 'lib.part': " +
				"install it for the interpreter that setting python names, or put lib/part.py in the folder of DAG files",
		},
		{
			"what has another way", python.Parsed{Error: &python.ParseError{Missing: []python.MissingName{{Name: "airflow.operators.subdag.SubDagOperator", Instead: "a TaskGroup"}}}},
			nil, "/dags/d.py:1:1: Updraft does not have airflow.operators.subdag.SubDagOperator: " +
				"use a TaskGroup, or wait until Updraft runs tasks with the Task SDK of Airflow itself",
		},
		{
			"a part of Airflow itself", python.Parsed{Error: &python.ParseError{Missing: []python.MissingName{{Name: "airflow.models.SlaMiss"}}}},
			nil, "/dags/d.py:1:1: Updraft does not have airflow.models.SlaMiss: do without: docs/python.md lists what Updraft has of Airflow itself",
		},
		{
			"a module and names", python.Parsed{Error: &python.ParseError{Type: "ModuleNotFoundError", Message: "No module named 'cosmos'",
				Missing: []python.MissingName{{Name: "airflow.providers.x.hooks.XHook", Instead: "y"}}}},
			nil, "/dags/d.py:1:1: ModuleNotFoundError: No module named 'cosmos'; and Updraft does not have airflow.providers.x.hooks.XHook: " +
				"install it for the interpreter that setting python names, or put cosmos.py in the folder of DAG files; " +
				"use y, or wait until Updraft runs tasks with the Task SDK of Airflow itself",
		},
		{
			"tasks that ask people, and others", python.Parsed{Error: &python.ParseError{Type: "ImportError", Missing: []python.MissingName{
				{Name: "airflow.providers.standard.operators.hitl.ApprovalOperator", Package: "apache-airflow-providers-standard"}, {Name: "airflow.providers.x.hooks.XHook", Instead: "y"},
			}}},
			nil, "/dags/d.py:1:1: Updraft does not have airflow.providers.standard.operators.hitl.ApprovalOperator (of apache-airflow-providers-standard), " +
				"airflow.providers.x.hooks.XHook: use y, or wait until Updraft runs tasks with the Task SDK of Airflow itself; " +
				"tasks that ask people need a web page to answer on, which Updraft does not have: let a PythonSensor wait for a variable " +
				"that somebody sets with `updraft variables set`, and branch by it",
		},
		{
			"a variable", python.Parsed{Error: &python.ParseError{Type: "KeyError", Message: "'Variable team does not exist'"}},
			nil, "/dags/d.py:1:1: KeyError: 'Variable team does not exist': " +
				"set it with `updraft variables set team …` or AIRFLOW_VAR_TEAM, or give Variable.get a default",
		},
		{
			"a connection", python.Parsed{Error: &python.ParseError{Type: "airflow.sdk.exceptions.AirflowNotFoundException", Message: "The conn_id `pg` isn't defined"}},
			nil, "/dags/d.py:1:1: airflow.sdk.exceptions.AirflowNotFoundException: The conn_id `pg` isn't defined: " +
				"set it with `updraft connections set pg …` or AIRFLOW_CONN_PG, or ask for it inside of a task",
		},
		{
			"an argument of 2.x", python.Parsed{Compat: 3, Error: &python.ParseError{Type: "TypeError", Message: "DAG.__init__() got an unexpected keyword argument 'schedule_interval'"}},
			nil, "/dags/d.py:1:1: TypeError: DAG.__init__() got an unexpected keyword argument 'schedule_interval': " +
				"Airflow 3 does not have this argument: with setting airflow_compat 2 it means what it did in Airflow 2",
		},
		{
			"the environment", python.Parsed{Error: &python.ParseError{Type: "KeyError", Message: "'TOKEN'", Traceback: "os.environ['TOKEN']"}},
			nil, "/dags/d.py:1:1: KeyError: 'TOKEN': DAG files see no environment that may hold secrets: name what they need in setting dag_file_env",
		},
		{"no Python", python.Parsed{}, errors.New("not found"), "/dags/d.py:1:1: Python cannot be run: not found: setting python names the interpreter"},
		{
			"what is no DAG", python.Parsed{DAGs: []json.RawMessage{json.RawMessage(`{"dag_id": "d", "colour": 1}`), json.RawMessage(`[]`)}}, nil,
			"/dags/d.py:1:1: cannot be understood: decode DAG: json: unknown field \"colour\": this is a fault of Updraft's: please report it\n" +
				"/dags/d.py:1:1: cannot be understood: decode DAG: json: cannot unmarshal array into Go value of type dag.DAG: this is a fault of Updraft's: please report it",
		},
		{
			"a number that does not fit", python.Parsed{DAGs: []json.RawMessage{json.RawMessage(`{"dag_id": "d", "tasks": [{"retries": 100000000000000000000}]}`)}}, nil,
			"/dags/d.py:1:1: tasks.retries cannot be a number 100000000000000000000: use a whole number below 2^63",
		},
		{
			"an unknown operator", python.Parsed{DAGs: []json.RawMessage{encoded(t, sample(unknown))}}, nil,
			"/dags/d.py:1:1: task t: the operator no.such.Operator is not known",
		},
		{
			"a DAG that is not valid", python.Parsed{DAGs: []json.RawMessage{encoded(t, sample(bad))}}, nil,
			"/dags/d.py:1:1: task t: retries: is -1: use 0 for none",
		},
		{
			"a wrong schedule", python.Parsed{DAGs: []json.RawMessage{encoded(t, &dag.DAG{ID: "d", Schedule: dag.Schedule{Kind: "x"}})}}, nil,
			"/dags/d.py:1:1: schedule: no such schedule",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(&said{parsed: tt.parsed, err: tt.err}, "d.py", source)
			var ps dagfile.Problems
			if !errors.As(err, &ps) {
				t.Fatalf("%v", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What may be mended by installing something is tried again without a change of the file.
func TestFirm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  python.ParseError
		want bool
	}{
		{python.ParseError{Type: "SyntaxError"}, true},
		{python.ParseError{Type: "airflow.sdk.exceptions.DuplicateTaskIdFound"}, true},
		{python.ParseError{Type: "ModuleNotFoundError", Missing: []python.MissingName{{Name: "airflow.providers.x.Y"}}}, true},
		{python.ParseError{Type: "ModuleNotFoundError", Message: "No module named 'pandas'"}, false},
		{python.ParseError{Type: "AirflowTaskTimeout"}, false},
		{python.ParseError{}, false},
	} {
		got, err := load(&said{parsed: python.Parsed{Error: &tt.err}}, "d.py", source)
		if err == nil || got.Firm != tt.want {
			t.Errorf("%+v: firm %v, %v", tt.err, got.Firm, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	p := &said{parsed: python.Parsed{Warnings: []python.ParseWarning{{Category: "DeprecationWarning", Message: "old\nthing", Line: 2}}}}
	got, err := load(p, "d.py", source)
	if err != nil || len(got.Warnings) != 1 || got.Warnings[0].Error() != "/dags/d.py:2:1: DeprecationWarning: old thing" {
		t.Errorf("%v, %v", got.Warnings, err)
	}
	_, err = pyfile.Loader(t.Context(), pyfile.Config{Parser: p, Folder: "/dags", Strict: true, Catalog: builtin.Catalog()}).Load("d.py", []byte(source))
	if err == nil || !strings.HasPrefix(err.Error(), "/dags/d.py:2:1: DeprecationWarning: old thing") {
		t.Errorf("strict: %v", err)
	}
}

// What a file reads while it is parsed makes it volatile; it cannot write.
func TestAsking(t *testing.T) {
	t.Parallel()
	p := &said{ask: func(h python.Handler) {
		ctx := t.Context()
		if v, err := h.Variable(ctx, "k"); v != "value of k" || err != nil {
			t.Errorf("Variable: %q, %v", v, err)
		}
		if c, err := h.Connection(ctx, "c"); c.Host != "c.example" || err != nil {
			t.Errorf("Connection: %v, %v", c, err)
		}
		if err := errors.Join(h.SetVariable(ctx, "k", "v", ""), h.DeleteVariable(ctx, "k"), h.XComPush(ctx, "k", nil)); err == nil {
			t.Error("it could write")
		}
		if _, err := h.XComPull(ctx, python.XComQuery{}); err == nil {
			t.Error("it could pull")
		}
	}}
	got, err := load(p, "d.py", source)
	if err != nil || !got.Volatile {
		t.Errorf("%v, volatile %v", err, got.Volatile)
	}
}

func load(p pyfile.Parser, path, src string) (bag.Loaded, error) {
	l := pyfile.Loader(context.Background(), pyfile.Config{
		Parser: p, Folder: "/dags", Catalog: builtin.Catalog(), Settings: known{},
		CheckSchedule: func(s dag.Schedule) error {
			if s.Kind != dag.ScheduleNone {
				return errors.New("no such schedule")
			}
			return nil
		},
	})
	return l.Load(path, []byte(src))
}

// known are settings that have everything.
type known struct{}

func (known) Variable(_ context.Context, key string) (string, error) { return "value of " + key, nil }

func (known) Connection(_ context.Context, id string) (python.Connection, error) {
	return python.Connection{ID: id, Host: id + ".example"}, nil
}
