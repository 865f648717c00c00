package filesystem

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/settings"
)

type args = map[string]any

// tree makes files (and folders, whose names end with a slash) below a new folder.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFileSensor(t *testing.T) {
	t.Parallel()
	dir := tree(t, "in/a.csv", "in/.hidden", "empty/", "deep/er/still/", "full/x/y", "[odd]")
	const later = "reschedule: 2024-05-05T00:01:00Z"
	for _, tt := range []struct {
		name string
		args args
		want string
	}{
		{"file", args{"filepath": "in/a.csv"}, "success"},
		{"absolute", args{"filepath": dir + "/in/a.csv", "fs_conn_id": "elsewhere"}, "success"},
		{"base of the connection", args{"filepath": "a.csv", "fs_conn_id": "in"}, "success"},
		{"connection without base", args{"filepath": "in/a.csv", "fs_conn_id": "none"}, "success"},
		{"not there", args{"filepath": "in/b.csv"}, later},
		{"in the wrong place", args{"filepath": "a.csv"}, later},
		{"folder without files", args{"filepath": "empty"}, later},
		{"folders without files", args{"filepath": "deep"}, later},
		{"folder with a file below", args{"filepath": "full"}, "success"},
		{"wildcard", args{"filepath": "*/*.csv"}, "success"},
		{"wildcard that fits nothing", args{"filepath": "*/*.txt"}, later},
		{"wildcard and a hidden file", args{"filepath": "in/*hidden"}, later},
		{"not recursive", args{"filepath": "**/y"}, later},
		{"recursive", args{"filepath": "**/y", "recursive": true}, "success"},
		{"an odd name", args{"filepath": "[[]odd]"}, "success"},
		{"deferrable", args{"filepath": "in/b.csv", "deferrable": true, "mode": "poke"}, later},
		{"nothing", args{"filepath": ""}, "fatal (config): argument filepath is empty: name a file"},
		{"no connection", args{"filepath": "x", "fs_conn_id": "nope"}, "failed: connection `nope` not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := operatortest.New(t)
			h.Dir = dir
			h.Now = func() time.Time { return time.Date(2024, 5, 5, 0, 0, 0, 0, time.UTC) }
			h.Settings.Connections = map[string]settings.Connection{
				"in": {Extra: []byte(`{"path": "` + dir + `/in"}`)}, "elsewhere": {Extra: []byte(`{"path": "/nowhere"}`)}, "none": {},
			}
			if _, ok := tt.args["mode"]; !ok {
				tt.args["mode"] = "reschedule"
			}
			_, err := h.Run(t.Context(), operatortest.Find(t, Operators(), "airflow.providers.standard.sensors.filesystem.FileSensor"), tt.args)
			if diff := cmp.Diff(tt.want, operatortest.Outcome(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLookEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("cancelled")
	cancel(why)
	if _, err := look(ctx, tree(t, "a/b"), false); !errors.Is(err, why) {
		t.Errorf("got error %v", err)
	}
}

// TestGlob compares with Python's glob.
func TestGlob(t *testing.T) {
	t.Parallel()
	root := tree(t, "a.txt", "b.txt", ".c.txt", "d/a.txt", "d/e/a.txt", "d/.f/a.txt", ".g/a.txt", "h/", "[x]", "^", "back\\slash", "ö")
	patterns := []string{
		"*", "*.txt", ".*", "?.txt", "[ab].txt", "[!a].txt", "[^a]", "[^]", "[[]x]", "[]]", "[x]", "[", "[!", "[a", "d/*", "d/**", "**", "**/a.txt", "**/*.txt", "*/**/a.txt",
		"d/../a.txt", "back\\slash", "back[\\]slash", "?", "h", "nope", "d/.f/*", "**/**",
	}
	for _, recursive := range []bool{false, true} {
		raw, err := json.Marshal(map[string]any{"root": root, "patterns": patterns, "recursive": recursive})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "python3", "-c", `import glob, json, os, sys
q = json.load(sys.stdin)
print(json.dumps([sorted({os.path.normpath(p) for p in glob.glob(os.path.join(q["root"], p), recursive=q["recursive"])}) for p in q["patterns"]]))`)
		cmd.Stdin = strings.NewReader(string(raw))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var want [][]string
		if err := json.Unmarshal(out, &want); err != nil {
			t.Fatal(err)
		}
		for i, p := range patterns {
			got := slices.Sorted(glob(root+"/"+p, recursive))
			if diff := cmp.Diff(want[i], append([]string{}, slices.Compact(got)...)); diff != "" {
				t.Errorf("%q, recursive %t (-python +go):\n%s", p, recursive, diff)
			}
		}
	}
}
