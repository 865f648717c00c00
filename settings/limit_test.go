package settings

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/store"
)

func TestDAGs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		list     string
		allowed  []string
		refused  []string
		wrong    string
		asString string
	}{
		{list: "-", allowed: []string{"etl", ""}, asString: "-"},
		{list: "etl", allowed: []string{"etl"}, refused: []string{"etl2", "ETL", "my.etl", ""}, asString: "etl"},
		{list: " etl , report_* ", allowed: []string{"etl", "report_", "report_a.b"}, refused: []string{"report", "a_report_b", ""}, asString: "etl,report_*"},
		{list: "*_eu_*", allowed: []string{"etl_eu_1", "_eu_"}, refused: []string{"etl_eu"}, asString: "*_eu_*"},
		{list: "*", allowed: []string{"etl"}, refused: []string{""}, asString: "*"},
		{list: "größe", allowed: []string{"größe"}, refused: []string{"gr"}, asString: "größe"},
		{list: "", wrong: `"" is no DAG id: write ids, or patterns such as report_*, with commas in between, or - for all`},
		{list: "a,,b c", wrong: `"" is no DAG id: write ids, or patterns such as report_*, with commas in between, or - for all` + "\n" +
			`"b c" is no DAG id: write ids, or patterns such as report_*, with commas in between, or - for all`},
		{list: "[ab]", wrong: `"[ab]" is no DAG id: write ids, or patterns such as report_*, with commas in between, or - for all`},
	} {
		d, err := ParseDAGs(tc.list)
		if tc.wrong != "" {
			if err == nil || err.Error() != tc.wrong {
				t.Errorf("%q: %v, want %s", tc.list, err, tc.wrong)
			}
			continue
		}
		if err != nil || d.String() != tc.asString {
			t.Errorf("%q is %s, %v", tc.list, d, err)
		}
		for _, id := range tc.allowed {
			if !d.Allow(id) {
				t.Errorf("%q does not allow %q", tc.list, id)
			}
		}
		for _, id := range tc.refused {
			if d.Allow(id) {
				t.Errorf("%q allows %q", tc.list, id)
			}
		}
	}
}

// TestReader looks at what each DAG gets, wherever it comes from.
func TestReader(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	env := map[string]string{"AIRFLOW_CONN_ENV": "x://h", "AIRFLOW_VAR_ENV": "text", "AIRFLOW_CONN_BAD": `{"conn_type": "x", "dags": ["etl"]}`}
	r := NewRegistry(Config{
		Store: memory{}, Keys: testKeys(t),
		Lookup: func(n string) (string, bool) { s, ok := env[n]; return s, ok },
		Secrets: &Secrets{
			ConnectionsFrom: "c.yaml", Connections: map[string]Connection{"file": {ID: "file", Type: "x", DAGs: DAGs{"etl"}}},
			VariablesFrom: "v.yaml", Variables: map[string]Variable{"file": {Key: "file", Value: "1", DAGs: DAGs{"etl"}}},
		},
		Backend: texts{"service": `{"conn_type": "x", "dags": ["etl"]}`},
	})
	if err := errors.Join(
		r.PutConnection(ctx, Connection{ID: "free", Type: "x"}),
		r.PutConnection(ctx, Connection{ID: "db", Type: "x", DAGs: DAGs{"etl", "report_*"}}),
		r.PutVariable(ctx, Variable{Key: "key", Value: "1", DAGs: DAGs{"etl"}}),
	); err != nil {
		t.Fatal(err)
	}
	conn := func(dag, id string) error { _, err := r.For(dag).Connection(ctx, id); return err }
	vari := func(dag, key string) error { _, err := r.For(dag).Variable(ctx, key); return err }
	for _, tc := range []struct {
		got  error
		want string // empty: allowed
	}{
		{got: conn("other", "free")},
		{got: conn("", "free")},
		{got: conn("etl", "db")},
		{got: conn("report_a", "db")},
		{got: conn("other", "env")},
		{got: vari("other", "env")},
		{got: conn("etl", "file")},
		{got: conn("etl", "service")},
		{got: vari("etl", "key")},
		{conn("other", "db"), "DAG other may not use connection `db`, which is limited to etl, report_*: allow it with `updraft connections edit db --dags 'etl,report_*,other'`"},
		{conn("", "db"), "connection `db` is limited to the DAGs etl, report_*, and a DAG file is read for none of them: read it in a task, or let everybody use it with `updraft connections edit db --dags -`"},
		{vari("other", "key"), "DAG other may not use variable `key`, which is limited to etl: allow it with `updraft variables edit key --dags etl,other`"},
		{conn("other", "file"), "DAG other may not use connection `file`, which is limited to etl: allow it by its `dags` in c.yaml"},
		{vari("other", "file"), "DAG other may not use variable `file`, which is limited to etl: allow it by its `dags` in v.yaml"},
		{conn("other", "service"), "DAG other may not use connection `service`, which is limited to etl: allow it by its `dags` in the service for secrets"},
		{conn("etl", "bad"), "AIRFLOW_CONN_BAD: it has dags, and every task inherits the environment, so that a limit would hold nothing: set the connection in the database or in a secrets file"},
	} {
		var denied *DeniedError
		switch {
		case tc.want == "" && tc.got != nil:
			t.Errorf("refused: %v", tc.got)
		case tc.want != "" && (tc.got == nil || tc.got.Error() != tc.want):
			t.Errorf("\n got %v\nwant %s", tc.got, tc.want)
		case tc.want != "" && !strings.HasPrefix(tc.want, "AIRFLOW_CONN_BAD") && !errors.As(tc.got, &denied):
			t.Errorf("%v is no DeniedError", tc.got)
		}
	}
	if c, err := r.Connection(ctx, "db"); err != nil || c.DAGs.String() != "etl,report_*" {
		t.Errorf("without a DAG it is %v, %v", c.DAGs, err)
	}
}

// texts is a service for secrets.
type texts map[string]string

func (m texts) Lookup(_ context.Context, k store.Kind, id string) (string, bool, error) {
	s, ok := m[id]
	return s, ok && k == store.KindConnection, nil
}

// TestTaskWrites shows what tasks can do to variables: nothing to those of others, and
// nothing to a limit.
func TestTaskWrites(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := NewRegistry(Config{Store: memory{}, Keys: testKeys(t)})
	if err := r.PutVariable(ctx, Variable{Key: "key", Value: "1", DAGs: DAGs{"etl"}}); err != nil {
		t.Fatal(err)
	}
	etl, other := r.For("etl"), r.For("other")
	var denied *DeniedError
	if err := other.PutVariable(ctx, Variable{Key: "key", Value: "2", DAGs: DAGs{"other"}}); !errors.As(err, &denied) {
		t.Errorf("another DAG writes it: %v", err)
	}
	if err := other.DeleteVariable(ctx, "key"); !errors.As(err, &denied) {
		t.Errorf("another DAG deletes it: %v", err)
	}
	if err := etl.PutVariable(ctx, Variable{Key: "key", Value: "3", DAGs: Everybody()}); err != nil {
		t.Error(err)
	}
	if v, err := r.Variable(ctx, "key"); err != nil || v.Value != "3" || v.DAGs.String() != "etl" {
		t.Errorf("variable is %q for %s, %v", v.Value, v.DAGs, err)
	}
	if err := other.PutVariable(ctx, Variable{Key: "new", Value: "1"}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(etl.DeleteVariable(ctx, "key"), etl.DeleteVariable(ctx, "new")); err != nil {
		t.Error(err)
	}
	if err := other.DeleteVariable(ctx, "key"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleting again: %v", err)
	}
}

// TestLimitStays has values written over limited ones.
func TestLimitStays(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	m := memory{}
	r := NewRegistry(Config{Store: m, Keys: testKeys(t)})
	c := Connection{ID: "c", Type: "x", Password: "hunter2"}
	for _, step := range []struct {
		what string
		do   func() error
		want string
	}{
		{"a new one", func() error { return r.PutConnection(ctx, c) }, "-"},
		{"edited", func() error {
			return r.EditConnection(ctx, "c", func(c *Connection) error { c.DAGs = DAGs{"etl"}; return nil })
		}, "etl"},
		{"put by who thinks of no limit", func() error { return r.PutConnection(ctx, c) }, "etl"},
		{"edited otherwise", func() error {
			return r.EditConnection(ctx, "c", func(c *Connection) error { c.Host = "h"; return nil })
		}, "etl"},
		{"put with another", func() error { c := c; c.DAGs = DAGs{"a", "b"}; return r.PutConnection(ctx, c) }, "a,b"},
		{"lifted", func() error { c := c; c.DAGs = Everybody(); return r.PutConnection(ctx, c) }, "-"},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		got, err := r.Connection(ctx, "c")
		if err != nil || got.DAGs.String() != step.want || got.Password != "hunter2" {
			t.Errorf("%s: %v for %s, %v; want %s", step.what, got, got.DAGs, err, step.want)
		}
		if !Sealed(m["connection c"].Value) && step.want == "-" {
			t.Errorf("%s: a value without a limit is stored as %s", step.what, m["connection c"].Value)
		}
	}
	for what, err := range map[string]error{
		"a wrong list":     r.PutVariable(ctx, Variable{Key: "v", DAGs: DAGs{"a b"}}),
		"a wrong edit":     r.EditConnection(ctx, "c", func(c *Connection) error { c.DAGs = DAGs{""}; return nil }),
		"nothing to edit":  r.EditVariable(ctx, "none", func(*Variable) error { return nil }),
		"a refused change": r.EditConnection(ctx, "c", func(*Connection) error { return errors.New("no") }),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// meanwhile is a store in which something else happens between a reading and a writing.
type meanwhile struct {
	memory
	then func()
}

func (m *meanwhile) Setting(ctx context.Context, k store.Kind, id string) (store.Setting, error) {
	s, err := m.memory.Setting(ctx, k, id)
	if then := m.then; then != nil {
		m.then = nil
		then()
	}
	return s, err
}

// TestLimitMeanwhile: a limit that is set while a task writes is neither lost nor passed by.
func TestLimitMeanwhile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	m := &meanwhile{memory: memory{}}
	r := NewRegistry(Config{Store: m, Keys: testKeys(t)})
	limit := func() { _ = r.PutVariable(ctx, Variable{Key: "key", Value: "operator's", DAGs: DAGs{"etl"}}) }

	for _, dag := range []string{"etl", "other"} {
		for _, before := range []string{"", "old"} {
			m.memory = memory{}
			if before != "" {
				if err := r.PutVariable(ctx, Variable{Key: "key", Value: before}); err != nil {
					t.Fatal(err)
				}
			}
			m.then = limit
			err := r.For(dag).PutVariable(ctx, Variable{Key: "key", Value: "task's"})
			want := map[string]string{"etl": "task's", "other": "operator's"}[dag]
			var denied *DeniedError
			if errors.As(err, &denied) != (dag == "other") {
				t.Errorf("%s over %q: %v", dag, before, err)
			}
			if v, err := r.Variable(ctx, "key"); err != nil || v.Value != want || v.DAGs.String() != "etl" {
				t.Errorf("%s over %q: variable is %q for %s, %v", dag, before, v.Value, v.DAGs, err)
			}
		}
	}
}

// TestStoredLimit looks at what is in the store: the list is in clear, and sealed with the value.
func TestStoredLimit(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	m := memory{}
	r := NewRegistry(Config{Store: m, Keys: testKeys(t), Lookup: func(n string) (string, bool) { return "x://", n == "AIRFLOW_CONN_C" }})
	if err := errors.Join(
		r.PutConnection(ctx, Connection{ID: "c", Type: "x", Password: "hunter2", DAGs: DAGs{"etl", "b_*"}}),
		r.PutConnection(ctx, Connection{ID: "free", Type: "x"}),
		r.PutConnection(ctx, Connection{ID: "z", Type: "x", DAGs: DAGs{"etl"}}),
	); err != nil {
		t.Fatal(err)
	}
	stored := m["connection c"]
	header, sealed, _ := strings.Cut(string(stored.Value), "\n")
	if header != "updraft-dags1:etl,b_*" || !Sealed([]byte(sealed)) || strings.Contains(sealed, "hunter2") {
		t.Errorf("stored as %s", stored.Value)
	}
	keyless := NewRegistry(Config{Store: m, Lookup: r.Lookup})
	got, err := keyless.Limits(ctx, store.KindConnection)
	want := []Limit{{ID: "c", DAGs: DAGs{"etl", "b_*"}, Hidden: "AIRFLOW_CONN_C"}, {ID: "z", DAGs: DAGs{"etl"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("limits (-want +got):\n%s%v", diff, err)
	}
	r.Lookup = func(string) (string, bool) { return "", false }
	for what, value := range map[string]string{
		"the list is changed":   "updraft-dags1:etl,b_*,other\n" + sealed,
		"the list is removed":   sealed,
		"the list is of nobody": "updraft-dags1:-\n" + sealed,
		"the list is damaged":   "updraft-dags1:etl b_*\n" + sealed,
		"the list has no end":   "updraft-dags1:etl",
	} {
		m["connection c"] = store.Setting{ID: "c", Value: []byte(value)}
		if _, err := r.For("etl").Connection(ctx, "c"); err == nil {
			t.Errorf("%s, and it opens", what)
		}
	}
	m["connection c"] = store.Setting{ID: "c", Value: []byte(limitPrefix)}
	if err := r.PutConnection(ctx, Connection{ID: "c", Type: "x"}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("writing over a damaged list: %v", err)
	}
	if err := r.PutConnection(ctx, Connection{ID: "c", Type: "x", DAGs: DAGs{"etl"}}); err != nil {
		t.Error(err)
	}
}

func TestLimitsInFiles(t *testing.T) {
	t.Parallel()
	conns := []Connection{{ID: "c", Type: "x", Host: "h", DAGs: DAGs{"etl", "b_*"}}, {ID: "free", Type: "x"}}
	vars := []Variable{
		{Key: "a", Value: "1", DAGs: DAGs{"etl"}}, {Key: "b", Value: "t", Description: "why", DAGs: DAGs{"etl"}}, {Key: "free", Value: "t"},
		{Key: "shaped", Value: `{"value":1,"dags":["x"]}`},
	}
	for _, f := range []Format{FormatJSON, FormatYAML, FormatEnvJSON} {
		name := "f." + strings.TrimSuffix(string(f), "+json")
		body, err := EncodeConnections(conns, f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeConnections(name, body)
		if diff := cmp.Diff(map[string]Connection{"c": conns[0], "free": conns[1]}, got); err != nil || diff != "" {
			t.Errorf("%s (-want +got):\n%s%v\n%s", f, diff, err, body)
		}
		if f == FormatEnvJSON {
			continue
		}
		if body, err = EncodeVariables(vars, f); err != nil {
			t.Fatal(err)
		}
		gotVars, err := DecodeVariables(name, body)
		if diff := cmp.Diff(map[string]Variable{"a": vars[0], "b": vars[1], "free": vars[2], "shaped": vars[3]}, gotVars); err != nil || diff != "" {
			t.Errorf("%s (-want +got):\n%s%v\n%s", f, diff, err, body)
		}
	}
	got, err := DecodeConnections("f.yaml", []byte("a: {uri: 'x://h', dags: [etl]}\nb: {conn_type: x, dags: 'etl, b_*'}\nc: {conn_type: x, dags: []}\n"))
	want := map[string]Connection{
		"a": {ID: "a", Type: "x", Host: "h", DAGs: DAGs{"etl"}}, "b": {ID: "b", Type: "x", DAGs: DAGs{"etl", "b_*"}}, "c": {ID: "c", Type: "x", DAGs: Everybody()},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("written by hand (-want +got):\n%s%v", diff, err)
	}
	_, uri := EncodeConnections(conns, FormatEnv)
	_, env := EncodeVariables(vars, FormatEnv)
	_, number := DecodeConnections("f.yaml", []byte("a: {conn_type: x, dags: 5}"))
	_, mixed := DecodeVariables("f.yaml", []byte("a: {value: 1, dags: [etl, 5]}"))
	for _, tc := range []struct {
		got  error
		want string
	}{
		{uri, "connection c is limited to DAGs, which a URI cannot hold: export as JSON, or with --format env+json"},
		{env, "variable a is limited to DAGs, which a .env file cannot hold: export as JSON"},
		{number, "f.yaml: connection a: dags is not a list of DAG ids"},
		{mixed, "f.yaml: variable a: dags is not a list of DAG ids"},
	} {
		if fmt.Sprint(tc.got) != tc.want {
			t.Errorf("\n got %v\nwant %s", tc.got, tc.want)
		}
	}
}
