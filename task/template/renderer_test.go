package template

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/jinja"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/task"
)

func TestConstants(t *testing.T) {
	t.Parallel()
	r := NewRenderer(Config{}, attempt())
	for _, tt := range []struct{ in, want string }{
		{"", ""}, {"plain", "plain"}, {"one\n", "one"}, {"two\n\n", "two\n"}, {"a\r\nb\rc", "a\nb\nc"}, {"{ a }", "{ a }"},
	} {
		got, err := r.Render(t.Context(), []any{tt.in})
		if diff := cmp.Diff([]any{tt.want}, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", tt.in, err, diff)
		}
		if got, err := r.Render(t.Context(), tt.in); err != nil || got != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
	if r.env != nil {
		t.Error("texts without markup made an environment")
	}
}

// TestNested: values within values are rendered, keys are not, and the arguments stay as they were.
func TestNested(t *testing.T) {
	t.Parallel()
	in := func() any {
		return map[string]any{"{{ ds }}": []any{"{{ ds }}", 5, nil, map[string]any{"k": task.Tuple{"{{ 1 + 1 }}", true}}}, "t": day}
	}
	v := in()
	got, err := NewRenderer(Config{}, attempt()).Render(t.Context(), v)
	want := map[string]any{"{{ ds }}": []any{"2024-02-29", 5, nil, map[string]any{"k": task.Tuple{"2", true}}}, "t": day}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(in(), v); diff != "" {
		t.Errorf("the arguments changed:\n%s", diff)
	}
	_, err = NewRenderer(Config{}, attempt()).Render(t.Context(), map[string]any{"a": []any{"{{ x }}"}})
	if err == nil || !strings.Contains(err.Error(), "'x' is undefined") {
		t.Errorf("an undefined name within: %v", err)
	}
}

// TestNative: a template gives a value, and an operator gets the one of Go.
func TestNative(t *testing.T) {
	t.Parallel()
	a := attempt()
	a.DAG.NativeTemplates = true
	for _, tt := range []struct {
		in   string
		want any
	}{
		{"5", 5},
		{"{{ ds_nodash }}", 20240229},
		{"{{ ds }}", "2024-02-29"},
		{"{{ [1, 2.5, none, true] }}", []any{1, 2.5, nil, true}},
		{"{{ (1, 'a') }}", task.Tuple{1, "a"}},
		{"{{ {'a': {'b': ds}} }}", map[string]any{"a": map[string]any{"b": "2024-02-29"}}},
		{"{{ logical_date }}", day},
		{"{{ logical_date.date() }}", "2024-02-29"},
		{"{{ macros.timedelta(hours=1) }}", time.Hour},
		{"{{ ti.state }}", "running"},
		{"{{ dag_run.conf }}", map[string]any{}},
		{"{{ range(2) }}", []any{0, 1}},
		{"{{ 'a' if false }}", nil},
		{"", nil},
	} {
		got, err := NewRenderer(Config{}, a).Render(t.Context(), tt.in)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.in, err, diff)
		}
	}
	compare(t, Config{}, a, [][2]string{
		{"{{ dag }}", "!! the template gives an object of class airflow.sdk.definitions.dag.DAG, which is no argument for an operator"},
		{"{{ {1: 2} }}", "!! only texts can be keys of an argument"},
		{"{% set x = [] %}{% do x.append(x) %}{{ x }}", "!! RecursionError"},
		{"{{ nope }}", "!! 'nope' is undefined"},
	})
}

func TestFiles(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	a.Dir = t.TempDir()
	c.Specs = func(op string) *dag.OperatorSpec {
		if op != a.Task.Operator {
			t.Errorf("asked for operator %s", op)
		}
		return &dag.OperatorSpec{TemplateExt: []string{".sql", ".sh"}}
	}
	for name, text := range map[string]string{
		"q.sql": "SELECT '{{ ds }}'\n", "sub/i.sql": "[{% include 'q.sql' %}]", "more/m.sql": "more", "bad.sql": "a\xff", "syn.sql": "x\n{% if %}", "secret.txt": "s",
	} {
		file := filepath.Join(a.Dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.DAG.TemplateSearchPath = []string{"more"}
	compare(t, c, a, [][2]string{
		{"q.sql", "SELECT '2024-02-29'"}, {"sub/i.sql", "[SELECT '2024-02-29']"}, {"./q.sql", "SELECT '2024-02-29'"}, {"m.sql", "more"},
		{"q.sql ", "q.sql "}, {"q.SQL", "q.SQL"}, {"{% include 'secret.txt' %}", "s"},
		{"echo q.sh", "!! TemplateNotFound: 'echo q.sh' not found in search paths: '" + a.Dir + "', '" + filepath.Join(a.Dir, "more") + "'"},
		{"../q.sql", "!! TemplateNotFound"}, {"sub/../q.sql", "!! TemplateNotFound"}, {"sub.sql/x.sql", "!! TemplateNotFound"}, {"a\x00.sql", "!! TemplateNotFound"},
		{"{% include '../" + filepath.Base(a.Dir) + "/q.sql' %}", "!! TemplateNotFound"},
		{"bad.sql", "!! is not UTF-8"}, {"syn.sql", "!! TemplateSyntaxError"},
	})
	if err := os.Mkdir(filepath.Join(a.Dir, "dir.sql"), 0o700); err != nil {
		t.Fatal(err)
	}
	compare(t, c, a, [][2]string{{"dir.sql", "!! TemplateNotFound"}})
}

// TestBounds: whatever an author writes ends, and with an error that says why.
func TestBounds(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	c.MaxOutput, c.Limits = 1000, py.Limits{Steps: 10_000, Bytes: 1 << 20, Depth: 60}
	compare(t, c, a, [][2]string{
		{"{% for i in range(1000) %}{{ ds }}{% endfor %}", "!! the template needs more than 1000 output bytes, which is the limit"},
		{"{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}", "!! more than 10000 operations"},
		{"{{ ('x' * 10000000) | length }}", "!! more than 1048576 bytes"},
		{"{{ range(100001) }}", "!! Range too big"},
		{"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "!! RecursionError"},
		{"{{ " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000) + " }}", "!! "},
		{"{{ 10 ** (10 ** 9) }}", "!! limit"},
	})
	big := strings.Repeat("{{ 1 }}", jinja.MaxSource/7+1)
	if _, err := NewRenderer(c, a).Render(t.Context(), big); err == nil || !strings.Contains(err.Error(), "the limit is 8388608") {
		t.Errorf("a template of %d bytes: %v", len(big), err)
	}
}

// TestTime: a rendering ends with its context, and by the clock.
func TestTime(t *testing.T) {
	t.Parallel()
	_, a := full(&world{})
	const long = "{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}"
	c := Config{Timeout: time.Millisecond, Limits: py.Limits{Steps: 1 << 40, Bytes: 1 << 40}, MaxOutput: 1 << 40}
	_, err := NewRenderer(c, a).Render(t.Context(), long)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errTimeout) {
		t.Errorf("after the time-out: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the task was cancelled")
	cancel(why)
	if _, err := NewRenderer(Config{}, a).Render(ctx, []any{long}); !errors.Is(err, why) {
		t.Errorf("after a cancel: %v", err)
	}
}

// TestNew: what New makes is what the runtime asks for.
func TestNew(t *testing.T) {
	t.Parallel()
	got, err := New(Config{})(attempt()).Render(t.Context(), "{{ task.task_id }}")
	if err != nil || got != "t" {
		t.Errorf("got %v, %v", got, err)
	}
}

// FuzzRender: no argument makes a renderer panic or hand an operator what it cannot take.
func FuzzRender(f *testing.F) {
	for _, s := range []string{
		"{{ ds }}", "{{ macros.yaml.dump(macros.yaml.safe_load('a: [1, {b: c}]')) }}", "{{ macros.ds_format_locale(ds, '%Y-%m-%d', 'EEE', 'de') }}",
		"{{ macros.json.dumps(params) }}", "{{ ti.xcom_pull('a') }}", "{{ conn.db }}{{ var.json.nums }}", "{{ triggering_asset_events.items() | list }}",
		"{{ logical_date.add(days=5).diff(logical_date).in_words() }}", "{{ macros.uuid.UUID('12345678123456781234567812345678').int }}",
		"{{ macros.dateutil.parser.parse('1 2 3') }}", "{{ macros.time.strptime('1', '%d') }}",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, src string, native bool) {
		c, a := full(&world{xcoms: map[string]string{"a": `{"b": [1]}`}, pushed: map[string]any{}})
		a.DAG.NativeTemplates = native
		c.Limits, c.MaxOutput = py.Limits{Steps: 20_000, Bytes: 1 << 20, Depth: 50}, 1<<16
		got, err := NewRenderer(c, a).Render(t.Context(), src)
		if s, ok := got.(string); err == nil && !native && !ok {
			t.Errorf("%q gives %T", s, got)
		}
	})
}
