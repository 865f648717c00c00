package python_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/python"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

type args = map[string]any

const classes = "airflow.providers.standard.operators.python."

var callable = dag.Callable{Path: "m.f"}

func find(t *testing.T, name string) *task.Operator {
	return operatortest.Find(t, python.Operators(), classes+name)
}

// harness has tasks a and b below the task, and c below a.
func harness(t *testing.T, py *operatortest.Python) *operatortest.Harness {
	h := operatortest.New(t)
	h.Python = py
	for id, up := range map[string]string{"a": "t", "b": "t", "c": "a"} {
		task := dag.NewTask(id, "")
		task.Upstream = []string{up}
		h.DAG.Tasks = append(h.DAG.Tasks, task)
	}
	return h
}

func TestCall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, class string
		args        args
		isolated    bool
		want        task.PythonCall
	}{
		{name: "nothing but a function", class: "PythonOperator", want: task.PythonCall{}},
		{
			name: "everything", class: "PythonOperator", isolated: true,
			args: args{"op_args": task.Tuple{int64(1)}, "op_kwargs": args{"k": "v"}, "templates_dict": args{"x": "y"}, "show_return_value_in_logs": false},
			want: task.PythonCall{Args: []any{int64(1)}, Kwargs: args{"k": "v"}, TemplatesDict: args{"x": "y"}, HideValue: true, Isolated: true},
		},
		{
			name: "virtualenv", class: "PythonVirtualenvOperator",
			args: args{"requirements": []any{"attrs==23.1.0", "six"}, "system_site_packages": false, "python_version": "3.12", "env_vars": args{"B": "2", "A": "1"}},
			want: task.PythonCall{Requirements: []string{"attrs==23.1.0", "six"}, Interpreter: "python3.12", Env: []string{"A=1", "B=2"}},
		},
		{
			name: "virtualenv with a requirements file", class: "PythonVirtualenvOperator",
			args: args{"requirements": "# ours\nattrs==1  # why\n\n--pre\nurl @ https://x#egg\n"},
			want: task.PythonCall{Requirements: []string{"attrs==1", "--pre", "url @ https://x#egg"}, SystemSitePackages: true},
		},
		{
			name: "virtualenv with nothing", class: "PythonVirtualenvOperator",
			want: task.PythonCall{Requirements: []string{}, SystemSitePackages: true},
		},
		{
			name: "virtualenv with indexes", class: "PythonVirtualenvOperator",
			args: args{"index_urls": "https://one", "index_urls_from_connection_ids": []any{"two"}, "pip_install_options": []any{"--no-deps"}, "requirements": "six"},
			want: task.PythonCall{Requirements: []string{"--no-deps", "--index-url=https://one", "--extra-index-url=https://me:secret@two/simple", "six"}, SystemSitePackages: true},
		},
		{
			name: "external", class: "ExternalPythonOperator", args: args{"python": "/usr/bin/python3"},
			want: task.PythonCall{Interpreter: "/usr/bin/python3"},
		},
		{
			name: "an environment of its own, and texts", class: "ExternalPythonOperator",
			args: args{"python": "p", "inherit_env": false, "env_vars": args{"A": "1"}, "string_args": []any{"x"}},
			want: task.PythonCall{Interpreter: "p", Env: []string{"A=1"}, BareEnv: true, Globals: args{"virtualenv_string_args": []any{"x"}}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			py := &operatortest.Python{Value: json.RawMessage(`{"a":1}`)}
			h := harness(t, py)
			h.Task.Isolated = tt.isolated
			h.Settings.Connections = map[string]settings.Connection{"two": {Type: "package_index", Host: "https://two/simple", Login: "me", Password: "secret"}}
			all := args{"python_callable": callable}
			for k, v := range tt.args {
				all[k] = v
			}
			tt.want.Callable = callable
			if tt.class != "PythonOperator" && tt.want.Globals == nil {
				tt.want.Globals = map[string]any{"virtualenv_string_args": []any{}}
			}
			got, err := h.Run(t.Context(), find(t, tt.class), all)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]task.PythonCall{tt.want}, py.Calls); diff != "" {
				t.Errorf("call (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(task.Result{Value: py.Value}, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	ended := &task.CauseError{Cause: run.CauseTask, ExitCode: 4, Err: errors.New("exit code 4")}
	for _, tt := range []struct {
		name, class string
		args        args
		err         error
		want        string
	}{
		{"exception", "PythonOperator", nil, errors.New("ValueError: x"), "failed: ValueError: x"},
		{"exit code", "PythonVirtualenvOperator", nil, ended, "failed (task, 4): exit code 4"},
		{"exit code that skips", "PythonVirtualenvOperator", args{"skip_on_exit_code": int64(4)}, ended, "skipped: exit code 4"},
		{"exit codes that skip", "ExternalPythonOperator", args{"python": "p", "skip_on_exit_code": []any{int64(3), int64(4)}}, ended, "skipped: exit code 4"},
		{"0 may skip", "PythonVirtualenvOperator", args{"skip_on_exit_code": int64(0)}, nil, "skipped: exit code 0"},
		{"no function", "PythonOperator", args{"python_callable": "f"}, nil, "fatal (config): argument python_callable is no function: give its import path"},
		{
			"an object", "PythonOperator", args{"python_callable": dag.Object{Class: "functools.partial"}},
			nil, "fatal (config): argument python_callable is an object of functools.partial: name a function",
		},
		{"no interpreter", "ExternalPythonOperator", args{"python": ""}, nil, "fatal (config): argument python is empty: give the path of an interpreter"},
		{"env of numbers", "ExternalPythonOperator", args{"python": "p", "env_vars": args{"A": int64(1)}}, nil, "fatal (config): argument env_vars: A is 1, not a text: put it in quotes"},
		{"unknown connection", "PythonVirtualenvOperator", args{"index_urls_from_connection_ids": "x"}, nil, "failed: connection `x` not found"},
		{
			"bad connection", "PythonVirtualenvOperator", args{"index_urls_from_connection_ids": "bad"},
			nil, "fatal (config): connection bad: its host is no URL of a package index: write https://...",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t, &operatortest.Python{Err: tt.err})
			h.Settings.Connections = map[string]settings.Connection{"bad": {Host: "pypi"}}
			all := args{"python_callable": callable}
			for k, v := range tt.args {
				all[k] = v
			}
			_, err := h.Run(t.Context(), find(t, tt.class), all)
			if diff := cmp.Diff(tt.want, operatortest.Outcome(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
	h := operatortest.New(t)
	_, err := h.Run(t.Context(), find(t, "PythonOperator"), args{"python_callable": callable})
	if diff := cmp.Diff("fatal (config): Python is not available here", operatortest.Outcome(err)); diff != "" {
		t.Error(diff)
	}
}

func TestNone(t *testing.T) {
	t.Parallel()
	got, err := harness(t, &operatortest.Python{}).Run(t.Context(), find(t, "PythonOperator"), args{"python_callable": callable})
	if err != nil || got.Value != nil {
		t.Errorf("None gives %v, %v", got, err)
	}
}

func TestBranch(t *testing.T) {
	t.Parallel()
	chose := func(ids ...string) *run.Branch {
		return &run.Branch{Kind: run.BranchFollow, Follow: append([]string{}, ids...)}
	}
	for _, class := range []string{"BranchPythonOperator", "BranchPythonVirtualenvOperator", "BranchExternalPythonOperator"} {
		for _, tt := range []struct {
			returned string
			want     task.Result
			outcome  string
		}{
			{returned: `"a"`, want: task.Result{Branch: chose("a")}},
			{returned: `["a","b"]`, want: task.Result{Branch: chose("a", "b"), Value: []any{"a", "b"}}},
			{returned: `null`, want: task.Result{Branch: chose()}},
			{returned: `["x"]`, outcome: "failed: it chose x, which DAG d does not have"},
			{returned: `7`, outcome: "failed: it chose 7: return null, a task id or a list of task ids"},
		} {
			t.Run(class+tt.returned, func(t *testing.T) {
				t.Parallel()
				all := args{"python_callable": callable}
				if strings.Contains(class, "External") {
					all["python"] = "python3"
				}
				got, err := harness(t, &operatortest.Python{Value: json.RawMessage(tt.returned)}).Run(t.Context(), find(t, class), all)
				if tt.outcome == "" {
					tt.outcome = "success"
				}
				if diff := cmp.Diff(tt.outcome, operatortest.Outcome(err)); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestShortCircuit(t *testing.T) {
	t.Parallel()
	tagged := func(class, data string) string {
		return `{"__classname__":"` + class + `","__version__":1,"__data__":` + data + `}`
	}
	for value, goes := range map[string]bool{
		"":                                      false,
		"null":                                  false,
		"false":                                 false,
		"true":                                  true,
		"0":                                     false,
		"0.0":                                   false,
		"0.5":                                   true,
		`""`:                                    false,
		`"no"`:                                  true,
		"[]":                                    false,
		"[0]":                                   true,
		"{}":                                    false,
		`{"a":0}`:                               true,
		tagged("builtins.tuple", "[]"):          false,
		tagged("builtins.tuple", "[0]"):         true,
		tagged("builtins.set", "[]"):            false,
		tagged("builtins.frozenset", "[1]"):     true,
		tagged("datetime.timedelta", "0.0"):     false,
		tagged("datetime.timedelta", "1.0"):     true,
		tagged("decimal.Decimal", `"0.00"`):     false,
		tagged("decimal.Decimal", `"0.01"`):     true,
		tagged("numpy.int64", "0"):              false,
		tagged("datetime.date", `"2024-01-01"`): true,
		tagged("mine.Thing", "{}"):              true,
		tagged("datetime.datetime", `{"timestamp":0.0,"tz":null}`): true,
	} {
		for _, everything := range []bool{true, false} {
			py := &operatortest.Python{}
			if value != "" {
				py.Value = json.RawMessage(value)
			}
			got, err := harness(t, py).Run(t.Context(), find(t, "ShortCircuitOperator"), args{"python_callable": callable, "ignore_downstream_trigger_rules": everything})
			if err != nil {
				t.Fatal(err)
			}
			want := task.Result{Value: py.Value}
			if !goes {
				want = task.Result{Branch: &run.Branch{Kind: run.BranchSkipDirect}}
				if everything {
					want.Branch.Kind = run.BranchSkipAll
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, everything %v (-want +got):\n%s", value, everything, diff)
			}
		}
	}
}

func TestSensor(t *testing.T) {
	t.Parallel()
	op := operatortest.Find(t, python.Operators(), "airflow.providers.standard.sensors.python.PythonSensor")
	for _, tt := range []struct {
		name  string
		py    operatortest.Python
		want  string
		value any
	}{
		{"not yet", operatortest.Python{}, "reschedule: 2024-05-01T12:01:00Z", nil},
		{"done", operatortest.Python{Done: true}, "success", nil},
		{"done with a value", operatortest.Python{Done: true, Value: json.RawMessage(`1`)}, "success", json.RawMessage(`1`)},
		{"skip", operatortest.Python{Err: task.Skip("x")}, "skipped: x", nil},
		{"error", operatortest.Python{Err: errors.New("x")}, "failed: x", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t, &tt.py)
			h.Now = func() time.Time { return time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC) }
			got, err := h.Run(t.Context(), op, args{"python_callable": callable, "op_args": []any{"x"}, "mode": "reschedule"})
			if diff := cmp.Diff(tt.want, operatortest.Outcome(err)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.value, got.Value); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]task.PythonCall{{Callable: callable, Args: []any{"x"}}}, tt.py.Calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// include is a template engine that reads files.
type include map[string]string

func (f include) Render(_ context.Context, v any) (any, error) {
	name, _ := strings.CutPrefix(v.(string), `{% include "`)
	name, ok := strings.CutSuffix(name, `" %}`)
	text, there := f[name]
	if !ok || !there {
		return nil, errors.New("not found")
	}
	return text, nil
}

// Only names that the author wrote are read as files.
func TestTemplatesExts(t *testing.T) {
	t.Parallel()
	py := &operatortest.Python{}
	h := harness(t, py)
	h.Templates = include{"q.sql": "select 1", "r.hql": "select 2"}
	authored := args{
		"python_callable": callable, "templates_exts": []any{".sql", ".hql"},
		"op_args": []any{"q.sql", "q.txt", "{{ x }}"}, "op_kwargs": args{"k": []any{"r.hql"}}, "templates_dict": args{"d": args{"e": "q.sql"}, "n": int64(1)},
	}
	rendered := args{}
	for k, v := range authored {
		rendered[k] = v
	}
	rendered["op_args"] = []any{"q.sql", "q.txt", "secret.sql"}
	op := find(t, "PythonOperator")
	h.Task.Args = authored
	if _, err := op.Run(t.Context(), h.Attempt(rendered)); err != nil {
		t.Fatal(err)
	}
	want := task.PythonCall{
		Callable: callable, Args: []any{"select 1", "q.txt", "secret.sql"},
		Kwargs: args{"k": []any{"select 2"}}, TemplatesDict: args{"d": args{"e": "select 1"}, "n": int64(1)},
	}
	if diff := cmp.Diff([]task.PythonCall{want}, py.Calls); diff != "" {
		t.Error(diff)
	}
	if authored["op_args"].([]any)[0] != "q.sql" {
		t.Error("the author's arguments were changed")
	}
	h.Templates = include{}
	if _, err := op.Run(t.Context(), h.Attempt(rendered)); err == nil || err.Error() != "template file q.sql: not found" {
		t.Errorf("error is %v", err)
	}
}
