package params_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/params"
)

func param(name string, def any, schema string) dag.Param {
	p := dag.Param{Name: name, Default: def}
	if schema != "" {
		p.Schema = json.RawMessage(schema)
	}
	return p
}

func TestResolve(t *testing.T) {
	t.Parallel()
	limit := param("limit", int64(10), `{"type":"integer","minimum":1,"maximum":20}`)
	colour := param("colour", "red", `{"enum":["red","blue"],"type":"string"}`)
	tests := []struct {
		name      string
		dag, task []dag.Param
		conf      map[string]any
		want      map[string]any
		err       string
	}{
		{name: "nothing", want: map[string]any{}},
		{name: "defaults", dag: []dag.Param{limit, colour}, want: map[string]any{"limit": int64(10), "colour": "red"}},
		{name: "task over dag", dag: []dag.Param{limit}, task: []dag.Param{param("limit", "any", "")}, want: map[string]any{"limit": "any"}},
		{name: "conf over both", dag: []dag.Param{limit}, task: []dag.Param{colour}, conf: map[string]any{"limit": json.Number("3"), "colour": "blue"}, want: map[string]any{"limit": json.Number("3"), "colour": "blue"}},
		{name: "unknown conf is kept", dag: []dag.Param{limit}, conf: map[string]any{"extra": true}, want: map[string]any{"limit": int64(10), "extra": true}},
		{name: "too large", dag: []dag.Param{limit}, conf: map[string]any{"limit": 99}, err: `param "limit" cannot be 99: maximum: got 99, want 20`},
		{name: "type", dag: []dag.Param{limit}, conf: map[string]any{"limit": "x"}, err: `param "limit" cannot be "x": type: got string, want integer`},
		{name: "enum", dag: []dag.Param{colour}, conf: map[string]any{"colour": "green"}, err: `param "colour" cannot be "green": enum: value must be one of 'red', 'blue'`},
		{name: "required", dag: []dag.Param{param("day", nil, `{"type":"string","format":"date"}`)}, err: `param "day" has no value, but needs one: type: got null, want string`},
		{name: "format", dag: []dag.Param{param("day", "today", `{"type":"string","format":"date"}`)}, err: `param "day" cannot be "today": format: 'today' is not valid date`},
		{name: "nested", dag: []dag.Param{param("p", map[string]any{"a": []any{int64(1), "x"}}, `{"properties":{"a":{"items":{"type":"integer"}}}}`)}, err: `at /a/1: type: got string, want integer`},
		{name: "several", dag: []dag.Param{limit, colour}, conf: map[string]any{"limit": 0, "colour": 1}, err: "param \"limit\" cannot be 0: minimum: got 0, want 1\nparam \"colour\" cannot be 1:"},
		{name: "no JSON", dag: []dag.Param{param("p", math.Inf(1), `{}`)}, err: "it has no JSON form"},
		{name: "bad schema", dag: []dag.Param{param("p", 1, `{"type":"number of things"}`)}, err: `param "p" has a bad schema: at /type: `},
		{name: "any of", dag: []dag.Param{param("p", true, `{"anyOf":[{"type":"string"},{"$ref":"#/$defs/n"}],"$defs":{"n":{"type":"integer"}}}`)}, err: `param "p" cannot be true: type: got boolean, want string; type: got boolean, want integer`},
		{name: "one of", dag: []dag.Param{param("p", 1, `{"oneOf":[{"type":"number"},{"type":"integer"}]}`)}, err: `param "p" cannot be 1: oneOf`},
		{name: "no JSON schema", dag: []dag.Param{param("p", 1, `{`)}, err: `param "p": schema: `},
		{name: "no network", dag: []dag.Param{param("p", 1, `{"$ref":"https://example.com/s.json"}`)}, err: "are not followed"},
		{name: "no files", dag: []dag.Param{param("p", 1, `{"$ref":"file:///etc/passwd"}`)}, err: "are not followed"},
		{name: "null allowed", dag: []dag.Param{param("p", nil, `{"type":["null","string"]}`)}, want: map[string]any{"p": nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := params.Resolve(tt.dag, tt.task, tt.conf)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorHasItsParts(t *testing.T) {
	t.Parallel()
	_, err := params.Resolve([]dag.Param{param("n", 0, `{"minimum":1}`)}, nil, nil)
	var e *params.Error
	if !errors.As(err, &e) || e.Param != "n" || e.Value != 0 || len(e.Rules) != 1 {
		t.Errorf("%#v", err)
	}
}
