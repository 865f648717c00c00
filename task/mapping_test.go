package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

func ref(task string) *dag.XComRef { return &dag.XComRef{Task: task} }

func lit(name string, v any) dag.MappedArg { return dag.MappedArg{Name: name, Literal: v} }

func out(name, task string) dag.MappedArg { return dag.MappedArg{Name: name, XCom: ref(task)} }

func expand(args ...dag.MappedArg) *dag.Mapping { return &dag.Mapping{Args: args} }

// seen runs an attempt and returns the arguments that the operator saw.
func (w *world) seen(t *testing.T, id string, index int) (map[string]any, error) {
	t.Helper()
	var args map[string]any
	rep, _ := w.execute(t, id, index)
	if rep.Outcome != run.OutcomeSuccess {
		return nil, fmt.Errorf("%s, %s: %s", rep.Outcome, rep.Cause, rep.Reason)
	}
	if err := json.Unmarshal(rep.XComs[0].Value, &args); err != nil {
		t.Fatal(err)
	}
	return args, nil
}

// mappingWorld has an operator "show" that returns its arguments: a and b and op_kwargs
// are templated, c is not.
func mappingWorld() *world {
	w := newWorld()
	w.op("show", func(_ context.Context, a *Attempt) (Result, error) { return Result{Value: a.Args}, nil }, "a", "b")
	w.ops["show"].Spec.Args = append(w.ops["show"].Spec.Args, dag.ArgSpec{Name: "c"}, dag.ArgSpec{Name: "d"})
	w.op("python", func(_ context.Context, a *Attempt) (Result, error) { return Result{Value: a.Args}, nil }, "op_kwargs")
	w.task("xs", "show", nil)
	w.task("ys", "show", nil)
	w.task("many", "show", nil).Expand = expand(lit("a", []any{"x", "y", "z"}))
	return w
}

func TestMappedArguments(t *testing.T) {
	t.Parallel()
	tuple := func(v ...any) map[string]any {
		return map[string]any{"__classname__": "builtins.tuple", "__version__": 1.0, "__data__": v}
	}
	for _, tc := range []struct {
		name  string
		args  dag.Values
		op    string
		m     *dag.Mapping
		xcoms map[string]string
		want  []map[string]any
	}{
		{"literal list, with rendering", nil, "show", expand(lit("a", []any{"p", "{{ q }}"})), nil, []map[string]any{{"a": "p"}, {"a": "Q"}}},
		{"partial stays", dag.Values{"c": 1.0, "b": "{{ b }}"}, "show", expand(lit("a", []any{"p"})), nil, []map[string]any{{"a": "p", "b": "B", "c": 1.0}}},
		{"cross product, last fastest", nil, "show", expand(lit("a", []any{"p", "q"}), lit("b", []any{"1", "2", "3"})), nil, []map[string]any{
			{"a": "p", "b": "1"}, {"a": "p", "b": "2"}, {"a": "p", "b": "3"}, {"a": "q", "b": "1"}, {"a": "q", "b": "2"}, {"a": "q", "b": "3"}}},
		{"literal dict, by key", nil, "show", expand(lit("c", map[string]any{"k2": 2.0, "k1": 1.0})), nil, []map[string]any{{"c": tuple("k1", 1.0)}, {"c": tuple("k2", 2.0)}}},
		{"pushed list, not rendered", nil, "show", expand(out("a", "xs")), map[string]string{"xs": `["{{ p }}", {"k": null}, null]`}, []map[string]any{{"a": "{{ p }}"}, {"a": map[string]any{"k": nil}}, {"a": nil}}},
		{"pushed dict, in its order", nil, "show", expand(out("a", "xs")), map[string]string{"xs": `{"k2": 2, "k1": [1]}`}, []map[string]any{{"a": tuple("k2", 2.0)}, {"a": tuple("k1", []any{1.0})}}},
		{"pushed tuple", nil, "show", expand(out("a", "xs")), map[string]string{"xs": `{"__classname__":"builtins.tuple","__version__":1,"__data__":[7, 8]}`}, []map[string]any{{"a": 7.0}, {"a": 8.0}}},
		{"pushed and literal", nil, "show", expand(out("a", "xs"), lit("b", []any{"1", "2"})), map[string]string{"xs": `[5]`}, []map[string]any{{"a": 5.0, "b": "1"}, {"a": 5.0, "b": "2"}}},
		{"values of a mapped task that exist", nil, "show", expand(out("a", "many")), map[string]string{"many[2]": `"z"`, "many[0]": `"x"`, "many[1]": `null`}, []map[string]any{{"a": "x"}, {"a": "z"}}},
		{"side by side", nil, "show", expand(lit("a", dag.Derived{Kind: dag.DerivedZip, Of: []any{*ref("xs"), *ref("many")}})), map[string]string{"xs": `[1, 2]`, "many[0]": `"x"`},
			[]map[string]any{{"a": tuple(1.0, "x")}}},
		{"side by side, the longest", nil, "show", expand(lit("a", dag.Derived{Kind: dag.DerivedZip, Of: []any{*ref("xs"), []any{"x"}}, Fill: "-", Filled: true})), map[string]string{"xs": `[1, 2]`},
			[]map[string]any{{"a": tuple(1.0, "x")}, {"a": tuple(2.0, "-")}}},
		{"one after the other", nil, "show", expand(lit("a", dag.Derived{Kind: dag.DerivedConcat, Of: []any{*ref("xs"), []any{"{{ x }}"}, *ref("ys")}})), map[string]string{"xs": `[1]`, "ys": `[2]`},
			[]map[string]any{{"a": 1.0}, {"a": "{{ x }}"}, {"a": 2.0}}},
		{"in an argument", dag.Values{"c": dag.Derived{Kind: dag.DerivedConcat, Of: []any{*ref("xs"), *ref("xs")}}}, "show", expand(lit("a", []any{"p"})), map[string]string{"xs": `[1]`},
			[]map[string]any{{"a": "p", "c": []any{1.0, 1.0}}}},
		{"a param of the DAG", dag.Values{"c": []any{dag.Object{Class: "airflow.sdk.definitions.param.DagParam", Args: []any{"size"}}}}, "show", expand(lit("a", []any{"p"})), nil,
			[]map[string]any{{"a": "p", "c": []any{3.0}}}},
		{"expand_kwargs", dag.Values{"c": 1.0}, "show", &dag.Mapping{Kwargs: &dag.MappedArg{Literal: []any{map[string]any{"a": "{{ p }}"}, map[string]any{"a": "q", "d": 2.0}}}}, nil, []map[string]any{{"a": "P", "c": 1.0}, {"a": "q", "d": 2.0, "c": 1.0}}},
		{"expand_kwargs, pushed", nil, "show", &dag.Mapping{Kwargs: &dag.MappedArg{XCom: ref("xs")}}, map[string]string{"xs": `[{"a": "{{ p }}"}, {}]`}, []map[string]any{{"a": "{{ p }}"}, {}}},
		{"arguments of a decorated function", dag.Values{"op_kwargs": map[string]any{"z": "{{ z }}"}}, "python", expand(lit("x", []any{"{{ p }}"}), out("y", "xs")), map[string]string{"xs": `["{{ q }}"]`},
			[]map[string]any{{"op_kwargs": map[string]any{"x": "P", "y": "{{ q }}", "z": "Z"}}}},
		{"the same, as DAG files name them", dag.Values{"op_kwargs": map[string]any{"z": 1.0}}, "python", expand(lit("op_kwargs.x", []any{"p", "q"}), lit("op_kwargs.op_kwargs", []any{2.0})), nil,
			[]map[string]any{{"op_kwargs": map[string]any{"x": "p", "op_kwargs": 2.0, "z": 1.0}}, {"op_kwargs": map[string]any{"x": "q", "op_kwargs": 2.0, "z": 1.0}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := mappingWorld()
			w.dag.Params = []dag.Param{{Name: "size", Default: int64(3)}}
			w.task("t", tc.op, tc.args).Expand = tc.m
			for where, v := range tc.xcoms {
				name, at := where, run.Unmapped
				if n, err := fmt.Sscanf(where, "many[%d]", &at); n == 1 && err == nil {
					name = "many"
				}
				w.pushed(t, name, at, "return_value", v)
			}
			for i, want := range tc.want {
				got, err := w.seen(t, "t", i)
				if err != nil {
					t.Fatalf("index %d: %v", i, err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("index %d (-want +got):\n%s", i, d)
				}
			}
			_, err := w.seen(t, "t", len(tc.want))
			want := fmt.Sprintf("failed, task: map index %d is not there any more: there are %d elements to map over", len(tc.want), len(tc.want))
			if fmt.Sprint(err) != want {
				t.Errorf("beyond the end: %v, want %s", err, want)
			}
		})
	}
}

func TestMappingErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		args  dag.Values
		op    string
		m     *dag.Mapping
		index int
		xcoms map[string]string
		want  string
	}{
		{"nothing pushed", nil, "show", expand(out("a", "xs")), 0, nil, `failed, task: the output of task "xs" is not there: it pushed no return_value to map over`},
		{"null pushed", nil, "show", expand(out("a", "xs")), 0, map[string]string{"xs": "null"}, `failed, task: the output of task "xs" is not there: it pushed no return_value to map over`},
		{"text pushed", nil, "show", expand(out("a", "xs")), 0, map[string]string{"xs": `"abc"`}, `failed, task: the output of task "xs" is a text: only lists and dicts can be mapped over`},
		{"set pushed", nil, "show", expand(out("a", "xs")), 0, map[string]string{"xs": `{"__classname__":"builtins.set","__data__":[1]}`}, `failed, task: the output of task "xs" is a builtins.set: only lists and dicts can be mapped over`},
		{"no dicts", nil, "show", &dag.Mapping{Kwargs: &dag.MappedArg{XCom: ref("xs")}}, 0, map[string]string{"xs": `[5]`}, `failed, task: expand_kwargs needs dicts: an element of the output of task "xs" is a number`},
		{"not expanded", nil, "show", expand(out("a", "xs")), -1, nil, "failed, task: the task is mapped and this instance has no map index: it was started before it was expanded"},
		{"given twice", dag.Values{"a": 1.0}, "show", expand(lit("a", []any{"x"})), 0, nil, "fatal, config: argument a is given and also mapped over: keep one"},
		{"given twice to a function", dag.Values{"op_kwargs": map[string]any{"x": 1.0}}, "python", expand(lit("x", []any{"x"})), 0, nil, "fatal, config: argument x is given and also mapped over: keep one"},
		{"no dict of kwargs", dag.Values{"op_kwargs": "text"}, "python", expand(lit("x", []any{"x"})), 0, nil, "fatal, config: argument op_kwargs is a text, not a dict"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := mappingWorld()
			w.task("t", tc.op, tc.args).Expand = tc.m
			for name, v := range tc.xcoms {
				w.pushed(t, name, -1, "return_value", v)
			}
			if _, err := w.seen(t, "t", tc.index); fmt.Sprint(err) != tc.want {
				t.Errorf("\n got %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	w := mappingWorld()
	w.dag.Groups = []*dag.Group{{ID: "g", Expand: expand(lit("n", []any{"{{ one }}", "two"}), lit("m", []any{1.0}))}}
	inner := w.task("g.first", "show", dag.Values{"c": dag.GroupArg{Name: "n"}})
	inner.Group = "g"
	second := w.task("g.second", "show", dag.Values{"a": []any{"{{ x }}", dag.XComRef{Task: "g.first"}, map[string]any{"k": dag.GroupArg{Name: "n"}}}})
	second.Group = "g"
	multi := w.task("multi", "show", nil)
	multi.MultipleOutputs = true
	w.task("plain", "show", dag.Values{
		"a": dag.XComRef{Task: "xs", Key: "k"}, "b": "{{ b }}", "c": dag.XComRef{Task: "ys"}, "d": dag.Object{Class: "C", Args: []any{}, Kwargs: map[string]any{}},
	})
	w.task("all", "show", dag.Values{"a": dag.XComRef{Task: "many"}, "b": dag.XComRef{Task: "g.first"}, "c": dag.XComRef{Task: "multi", Key: "gone"}})
	w.task("lost", "show", dag.Values{"a": dag.XComRef{Task: "ys", Key: "gone"}})
	w.task("ghost", "show", dag.Values{"a": map[string]any{"x": []any{dag.XComRef{Task: "nobody"}}}})
	w.task("groupless", "show", dag.Values{"a": dag.GroupArg{Name: "n"}})
	wrong := w.task("g.wrong", "show", dag.Values{"a": dag.GroupArg{Name: "zzz"}})
	wrong.Group = "g"

	w.pushed(t, "xs", -1, "k", `"{{ pushed }}"`)
	w.pushed(t, "many", 2, "return_value", `"z"`)
	w.pushed(t, "many", 0, "return_value", `"x"`)
	w.pushed(t, "g.first", 0, "return_value", `"f0"`)
	w.pushed(t, "g.first", 1, "return_value", `"f1"`)

	delete(w.dag.Task("plain").Args, "d") // objects are for Python only
	for _, tc := range []struct {
		task  string
		index int
		want  map[string]any
		err   string
	}{
		{"plain", -1, map[string]any{"a": "{{ pushed }}", "b": "B", "c": nil}, ""},
		{"all", -1, map[string]any{"a": []any{"x", "z"}, "b": []any{"f0", "f1"}, "c": nil}, ""},
		{"g.first", 0, map[string]any{"c": "{{ one }}"}, ""},
		{"g.second", 1, map[string]any{"a": []any{"X", "f1", map[string]any{"k": "two"}}}, ""},
		{"lost", -1, nil, `failed, task: argument a: XCom "gone" of task "ys" is not there: the task did not push it (multiple_outputs pushes the entries of a dict)`},
		{"ghost", -1, nil, `fatal, config: argument a: x: [0]: refers to the output of "nobody", which is not a task of the DAG`},
		{"groupless", -1, nil, `fatal, config: argument a: the task's group is not mapped over "n"`},
		{"g.wrong", 0, nil, `fatal, config: argument a: the task's group is not mapped over "zzz"`},
	} {
		got, err := w.seen(t, tc.task, tc.index)
		if tc.err != "" {
			if fmt.Sprint(err) != tc.err {
				t.Errorf("%s\n got %v\nwant %s", tc.task, err, tc.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.task, err)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.task, d)
		}
	}
	w.store.fail = errors.New("disk full")
	if _, err := w.seen(t, "plain", -1); fmt.Sprint(err) != `failed, infra: argument a: reading the output of task "xs": disk full` {
		t.Errorf("store that fails: %v", err)
	}
	w.cfg.Store = nil
	if _, err := w.seen(t, "plain", -1); fmt.Sprint(err) != `failed, task: argument a: XComs are not available here` {
		t.Errorf("no store: %v", err)
	}
}

func TestPushedLengths(t *testing.T) {
	t.Parallel()
	long := make([]any, 1025)
	n := func(i int) *int { return &i }
	tagged := json.RawMessage(`{"__classname__":"builtins.tuple","__version__":1,"__data__":[1,2]}`)
	for _, tc := range []struct {
		name   string
		value  any
		mapped bool // the pushing task is mapped itself
		want   run.Report
	}{
		{"list", []any{1, 2, 3}, false, run.Report{Outcome: run.OutcomeSuccess, Length: n(3)}},
		{"empty list", []any{}, false, run.Report{Outcome: run.OutcomeSuccess, Length: n(0)}},
		{"dict", map[string]any{"a": 1}, false, run.Report{Outcome: run.OutcomeSuccess, Length: n(1)}},
		{"tuple", tagged, false, run.Report{Outcome: run.OutcomeSuccess, Length: n(2)}},
		{"longest", long[:1024], false, run.Report{Outcome: run.OutcomeSuccess, Length: n(1024)}},
		{"too long", long, false, run.Report{Outcome: run.OutcomeFailed, Reason: `task "down" is mapped over the output of this task, which has 1025 elements: max_map_length allows 1024`}},
		{"nothing", nil, false, run.Report{Outcome: run.OutcomeFailed, Reason: `task "down" is mapped over the output of this task, which returned nothing: return a list or a dict`}},
		{"null", json.RawMessage("null"), false, run.Report{Outcome: run.OutcomeFailed, Reason: `task "down" is mapped over the output of this task, which returned nothing: return a list or a dict`}},
		{"text", "abc", false, run.Report{Outcome: run.OutcomeFailed, Reason: `task "down" is mapped over the output of this task, which is a text: return a list or a dict`}},
		{"mapped, text", "abc", true, run.Report{Outcome: run.OutcomeSuccess, Unmappable: true}},
		{"mapped, list", long, true, run.Report{Outcome: run.OutcomeSuccess, Length: n(1025)}},
		{"mapped, nothing", nil, true, run.Report{Outcome: run.OutcomeSuccess}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.op("op", give(tc.value))
			up := w.task("up", "op", nil)
			index := -1
			if tc.mapped {
				up.Expand, index = expand(lit("a", []any{"x"})), 0
			}
			w.task("down", "op", nil).Expand = expand(out("a", "up"))
			got, _ := w.execute(t, "up", index)
			got = run.Report{Outcome: got.Outcome, Reason: got.Reason, Length: got.Length, Unmappable: got.Unmappable}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestReturnValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		value  any
		change func(*dag.Task)
		want   map[string]string
		reason string
	}{
		{"text", "a\nb", nil, map[string]string{"return_value": `"a\nb"`}, ""},
		{"empty text", "", nil, map[string]string{"return_value": `""`}, ""},
		{"nothing", nil, nil, nil, ""},
		{"null", json.RawMessage("null"), nil, nil, ""},
		{"not pushed", "x", func(t *dag.Task) { t.DoXComPush = false }, nil, ""},
		{"several", map[string]any{"x": 1, "y": []any{2}}, func(t *dag.Task) { t.MultipleOutputs = true }, map[string]string{"x": "1", "y": "[2]", "return_value": `{"x":1,"y":[2]}`}, ""},
		{"several, from Python", json.RawMessage(`{"x": {"__classname__":"builtins.set","__data__":[3]}}`), func(t *dag.Task) { t.MultipleOutputs = true }, map[string]string{"x": `{"__classname__":"builtins.set","__data__":[3]}`, "return_value": `{"x": {"__classname__":"builtins.set","__data__":[3]}}`}, ""},
		{"several of none", map[string]any{}, func(t *dag.Task) { t.MultipleOutputs = true }, map[string]string{"return_value": `{}`}, ""},
		{"several, nothing", nil, func(t *dag.Task) { t.MultipleOutputs = true }, nil, ""},
		{"several of a list", []any{1}, func(t *dag.Task) { t.MultipleOutputs = true }, nil, "multiple_outputs needs a dict, and the return value is a list"},
		{"several of a tuple", Tuple{1}, func(t *dag.Task) { t.MultipleOutputs = true }, nil, "multiple_outputs needs a dict, and the return value is a tuple"},
		{"several with an empty key", map[string]any{"": 1}, func(t *dag.Task) { t.MultipleOutputs = true }, nil, "an XCom needs a key"},
		{"reserved", map[string]any{"__updraft_xcom__": "x"}, nil, nil, `XCom "return_value": a dict that begins with the key __updraft_xcom__ is reserved`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.op("op", give(tc.value))
			task := w.task("t", "op", nil)
			if tc.change != nil {
				tc.change(task)
			}
			rep, _ := w.execute(t, "t", -1)
			var got map[string]string
			for _, x := range rep.XComs {
				if got == nil {
					got = map[string]string{}
				}
				got[x.Name] = string(x.Value)
				if !x.At.Equal(now) {
					t.Errorf("%s is of %v", x.Name, x.At)
				}
			}
			if d := cmp.Diff(tc.want, got); d != "" || rep.Reason != tc.reason {
				t.Errorf("reason %q, want %q; (-want +got):\n%s", rep.Reason, tc.reason, d)
			}
		})
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	w := mappingWorld()
	task := w.task("t", "show", nil)
	task.Expand, task.MapIndexTemplate = expand(lit("a", []any{"x"})), "{{ label }}"
	if rep, _ := w.execute(t, "t", 0); rep.Label != "LABEL" {
		t.Errorf("label is %q", rep.Label)
	}
	task.MapIndexTemplate = "{{ undefined }}"
	rep, log := w.execute(t, "t", 0)
	if rep.Outcome != run.OutcomeSuccess || rep.Label != "" || !contains(log, "WARNING - map_index_template does not render: 'undefined' is undefined") {
		t.Errorf("got %+v\n%s", rep, log)
	}
}
