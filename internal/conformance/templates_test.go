package conformance_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/internal/conformance"
)

// TestForeignTemplates replays recorded renderings from a folder, one of which differs.
func TestForeignTemplates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	vectors := filepath.Join(dir, "templates", "vectors")
	if err := os.MkdirAll(vectors, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"worlds.json": `{"files": {"q.sql": "on {{ ds }}"}, "worlds": {"q": {"task_id": "probe", "map_index": -1, "dag":
			{"dag_id": "d", "timezone": "UTC", "start_date": "2024-01-01T00:00:00", "params": {"z": 1, "a": [2]}}, "run":
			{"run_id": "r", "run_type": "manual", "logical_date": "2024-05-01T00:00:00Z", "run_after": "2024-05-01T00:00:00Z", "try_number": 1}}}}`,
		"world_q.jsonl": `{"id": "q-1", "template": ["q.sql", {"k": "{{ params }}"}], "result": {"type": "list", "value": [{"type": "str", "value": "on 2024-05-01"}, {"type": "dict", "value": [[{"type": "str", "value": "k"}, {"type": "str", "value": "{'z': 1, 'a': [2]}"}]]}]}}
{"id": "q-2", "template": "{{ shout('a') | wrap(r=1.5) }} {{ ti.xcom_pull('many') }}", "result": {"type": "str", "value": "<A!1.5 [0, 10, 20]"}}
{"id": "q-3", "template": "{{ nope }}", "error": {"type": "jinja2.exceptions.UndefinedError", "message": "'nope' is undefined"}}
{"id": "q-4", "template": "{{ ds }}", "result": {"type": "str", "value": "2024-05-02"}}
`,
	} {
		if err := os.WriteFile(filepath.Join(vectors, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	r := conformance.Runner{Module: module, Dir: dir, Out: &out}
	err := r.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "templates: 3 of 4 agree") {
		t.Errorf("Run: %v", err)
	}
	for _, want := range []string{
		"templates: q-4 differs\n    \"{{ ds }}\"\n  rendering\n  ours    str 2024-05-01\n  theirs  str 2024-05-02\n", "\ntemplates 3/4\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
	if err := os.WriteFile(filepath.Join(vectors, "world_x.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `worlds.json has no world "x"`) {
		t.Errorf("a world that is not there: %v", err)
	}
}
