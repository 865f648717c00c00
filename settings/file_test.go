package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := map[string]string{
		"c.json": `{"a": "x://h", "b": {"conn_type": "y", "port": 5, "extra_dejson": {"k": [1]}}, "c": ["z://"], "d": "{\"conn_type\":\"j\"}"}`,
		"c.yaml": "a: x://h\nb:\n  conn_type: y\n  port: 5\n  extra:\n    k: [1]\nc:\n  - z://\nd: '{\"conn_type\":\"j\"}'\n",
		"c.env":  "# text\n\na=x://h\n b = {\"conn_type\":\"y\",\"port\":5,\"extra\":{\"k\":[1]}}\nc=z://\nd={\"conn_type\":\"j\"}\n",
		"v.json": `{"t": "text", "n": 1.50, "o": {"b": [true, null]}, "d": {"value": "v", "description": "what"}, "e": ""}`,
		"v.yml":  "t: text\nn: 1.50\no: {b: [true, null]}\nd: {value: v, description: what}\ne: ''\n",
		"v.env":  "t=text\nn=1.50\no={\"b\":[true,null]}\nd=v\ne=\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantC := map[string]Connection{
		"a": {ID: "a", Type: "x", Host: "h"}, "b": {ID: "b", Type: "y", Port: 5, Extra: raw(`{"k":[1]}`)},
		"c": {ID: "c", Type: "z"}, "d": {ID: "d", Type: "j"},
	}
	wantV := map[string]Variable{
		"t": {Key: "t", Value: "text"}, "n": {Key: "n", Value: "1.50"}, "o": {Key: "o", Value: `{"b":[true,null]}`},
		"d": {Key: "d", Value: "v", Description: "what"}, "e": {Key: "e"},
	}
	for _, ext := range [][2]string{{"c.json", "v.json"}, {"c.yaml", "v.yml"}, {"c.env", "v.env"}} {
		s, err := ReadSecrets(filepath.Join(dir, ext[0]), filepath.Join(dir, ext[1]))
		if err != nil {
			t.Errorf("%v: %v", ext, err)
			continue
		}
		if d := cmp.Diff(wantC, s.Connections); d != "" {
			t.Errorf("%s (-want +got):\n%s", ext[0], d)
		}
		w := wantV
		switch ext[1] {
		case "v.env": // which has no descriptions
			w = clone(w)
			w["d"] = Variable{Key: "d", Value: "v"}
		case "v.yml": // which has no trailing zeros
			w = clone(w)
			w["n"] = Variable{Key: "n", Value: "1.5"}
		}
		if d := cmp.Diff(w, s.Variables); d != "" {
			t.Errorf("%s (-want +got):\n%s", ext[1], d)
		}
	}
	if _, err := ReadSecrets(filepath.Join(dir, "none.json"), ""); err == nil {
		t.Error("a missing file gives no error")
	}
}

func clone(m map[string]Variable) map[string]Variable {
	out := map[string]Variable{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	conn := func(name, text string) error { _, err := DecodeConnections(name, []byte(text)); return err }
	vars := func(name, text string) error { _, err := DecodeVariables(name, []byte(text)); return err }
	pools := func(name, text string) error { _, err := DecodePools(name, []byte(text)); return err }
	for _, tc := range []struct {
		got  error
		want string
	}{
		{conn("f.txt", ""), `f.txt: unknown ending ".txt": use .json, .yaml, .yml or .env`},
		{conn("f.json", `["hunter2"]`), "f.json: not a JSON object (near byte 11)"},
		{conn("f.yaml", "a: hunter2\n b: ["), "f.yaml: not a YAML map (at line:column 1:4)"},
		{conn("f.yaml", "- hunter2"), "f.yaml: not a YAML map (at line:column 1:1)"},
		{conn("f.json", `{"a": 5}`), "f.json: connection a: a URI or an object of fields is expected, not a number"},
		{conn("f.json", `{"a": null}`), "f.json: connection a: a URI or an object of fields is expected, not null"},
		{conn("f.json", `{"a": ["x://", "y://"]}`), "f.json: connection a has 2 values: keep one"},
		{conn("f.json", `{"a": [[]]}`), "f.json: connection a: a URI or an object of fields is expected, not a list"},
		{conn("f.json", `{"a": "hunter2"}`), "f.json: connection a: the URI has no type: use type://login:password@host:port/schema, or a JSON object"},
		{conn("f.env", "a=x://\na=y://"), "f.env: connection a is there 2 times: keep one"},
		{conn("f.env", "\n hunter2"), "f.env, line 2: write NAME=value"},
		{conn("f.env", "=hunter2"), "f.env, line 1: write NAME=value"},
		{vars("f.env", "a=1\na=2"), "f.env: variable a is there 2 times: keep one"},
		{vars("f.yaml", "a: .inf"), "f.yaml: variable a: not a JSON value: json: unsupported value: +Inf"},
		{pools("f.json", `{"p": 5}`), "f.json: pool p: an object with slots is expected, not a number"},
		{pools("f.json", `{"p": {"slots": "x"}}`), "f.json: pool p: use slots (a number), description and include_deferred: json: cannot unmarshal string into Go struct field Pool.slots of type int"},
		{pools("f.json", `{"p": {"slot": 1}}`), `f.json: pool p: use slots (a number), description and include_deferred: json: unknown field "slot"`},
		{pools("f.json", `{"p": {"description": "d"}}`), "f.json: pool p has no slots"},
		{pools("f.json", `{"p": {"slots": -3}}`), "f.json: pool p: slots is -3: use a number from 0, or -1 for no limit"},
	} {
		if fmt.Sprint(tc.got) != tc.want {
			t.Errorf("\n got %v\nwant %v", tc.got, tc.want)
		}
	}
}

func TestExportRoundTrip(t *testing.T) {
	t.Parallel()
	conns := []Connection{
		{ID: "b", Type: "my_type", Host: "h", Password: "<p&w>", Extra: raw(`{"a":{"n":12345678901234567}}`)},
		{ID: "a", Type: "x", Login: "l", Schema: "s", Port: 8, Extra: raw(`"text"`)},
	}
	for _, f := range []Format{FormatJSON, FormatYAML, FormatEnv, FormatEnvJSON} {
		body, err := EncodeConnections(conns, f)
		if err != nil {
			t.Fatal(err)
		}
		ext, _, _ := strings.Cut(string(f), "+")
		got, err := DecodeConnections("f."+ext, body)
		if err != nil {
			t.Fatalf("%s: %v\n%s", f, err, body)
		}
		if d := cmp.Diff(map[string]Connection{"a": conns[1], "b": conns[0]}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", f, d, body)
		}
	}
	vars := []Variable{
		{Key: "text", Value: "<a>"}, {Key: "list", Value: `[1,"x"]`}, {Key: "spaced", Value: `{ "a": 12345678901234567890 }`},
		{Key: "number", Value: "007"}, {Key: "float", Value: "1.50"}, {Key: "quoted", Value: `"q"`}, {Key: "null", Value: "null"},
		{Key: "described", Value: "5", Description: "d"}, {Key: "tricky", Value: `{"description":"x","value":"y"}`},
	}
	for _, f := range []Format{FormatJSON, FormatYAML} {
		body, err := EncodeVariables(vars, f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeVariables("f."+string(f), body)
		if err != nil {
			t.Fatalf("%s: %v\n%s", f, err, body)
		}
		for _, v := range vars {
			w := v
			if v.Key == "spaced" {
				w.Value = `{"a":12345678901234567890}`
				if f == FormatYAML {
					continue // YAML has no integers above 64 bits
				}
			}
			if v.Key == "float" && f == FormatYAML {
				w.Value = "1.5"
			}
			if d := cmp.Diff(w, got[v.Key]); d != "" {
				t.Errorf("%s (-want +got):\n%s\n%s", f, d, body)
			}
		}
	}
	if _, err := EncodeVariables([]Variable{{Key: "k", Value: "a\nb"}}, FormatEnv); fmt.Sprint(err) != "variable k has several lines, which a .env file cannot hold: export as JSON" {
		t.Errorf("several lines in a .env file: %v", err)
	}
	if _, err := EncodeVariables(nil, "toml"); fmt.Sprint(err) != `unknown format "toml": use json, yaml or env` {
		t.Errorf("unknown format: %v", err)
	}
	pools := map[string]Pool{"p": {Name: "p", Slots: 3, Description: "d", IncludeDeferred: true}}
	for _, f := range []Format{FormatJSON, FormatYAML} {
		body, err := EncodePools([]Pool{pools["p"]}, f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodePools("f."+string(f), body)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(pools, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", f, d)
		}
	}
}
