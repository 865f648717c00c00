package ssh_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/ssh"
)

const (
	copies = "airflow.providers.sftp.operators.sftp.SFTPOperator"
	waits  = "airflow.providers.sftp.sensors.sftp.SFTPSensor"
)

// tree makes files below a folder, by path; a path that ends in a slash is a folder.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(file, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// read is the inverse of tree.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		out[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 1<<16)
	for _, tt := range []struct {
		name                string
		here, there         map[string]string
		args                args
		wantHere, wantThere map[string]string
		want                string
	}{
		{name: "put", here: map[string]string{"a": large}, args: args{"local_filepath": "a", "remote_filepath": "THERE/b"}, wantThere: map[string]string{"b": large}, want: "success"},
		{name: "put over", here: map[string]string{"a": "new"}, there: map[string]string{"b": "older"}, args: args{"local_filepath": "a", "remote_filepath": "THERE/b", "operation": "PUT"}, wantThere: map[string]string{"b": "new"}, want: "success"},
		{name: "put several", here: map[string]string{"a": "1", "b": "2"}, args: args{"local_filepath": []any{"a", "b"}, "remote_filepath": []any{"THERE/a", "THERE/b"}}, wantThere: map[string]string{"a": "1", "b": "2"}, want: "success"},
		{name: "put into no folder", here: map[string]string{"a": "1"}, args: args{"local_filepath": "a", "remote_filepath": "THERE/x/y/b"}, want: "create_intermediate_dirs makes it"},
		{name: "put into a new folder", here: map[string]string{"a": "1"}, args: args{"local_filepath": "a", "remote_filepath": "THERE/x/y/b", "create_intermediate_dirs": true, "confirm": false}, wantThere: map[string]string{"x/y/b": "1"}, want: "success"},
		{name: "put a folder", here: map[string]string{"d/a": "1", "d/e/b": "2"}, args: args{"local_filepath": "d", "remote_filepath": "THERE/f"}, wantThere: map[string]string{"f/a": "1", "f/e/b": "2"}, want: "success"},
		{name: "put a folder over one", here: map[string]string{"d/a": "1"}, there: map[string]string{"f/": ""}, args: args{"local_filepath": "d", "remote_filepath": "THERE/f"}, want: "is there already on 127.0.0.1"},
		{name: "put what is not here", args: args{"local_filepath": "none", "remote_filepath": "THERE/f"}, want: "no such file"},
		{name: "get", there: map[string]string{"a": large}, args: args{"local_filepath": "b", "remote_filepath": "THERE/a", "operation": "get"}, wantHere: map[string]string{"b": large}, want: "success"},
		{name: "get into a new folder", there: map[string]string{"a": "1"}, args: args{"local_filepath": "x/y/b", "remote_filepath": "THERE/a", "operation": "get", "create_intermediate_dirs": true}, wantHere: map[string]string{"x/y/b": "1"}, want: "success"},
		{name: "get into no folder", there: map[string]string{"a": "1"}, args: args{"local_filepath": "x/b", "remote_filepath": "THERE/a", "operation": "get"}, want: "create_intermediate_dirs makes it"},
		{name: "get a folder", there: map[string]string{"d/a": "1", "d/e/b": "2"}, args: args{"local_filepath": "f", "remote_filepath": "THERE/d", "operation": "get"}, wantHere: map[string]string{"f/a": "1", "f/e/b": "2"}, want: "success"},
		{name: "get what is not there", args: args{"local_filepath": "a", "remote_filepath": "THERE/none", "operation": "get"}, want: "looking at THERE/none on 127.0.0.1"},
		{name: "delete", there: map[string]string{"a": "1", "b": "2"}, args: args{"remote_filepath": "THERE/a", "operation": "delete"}, wantThere: map[string]string{"b": "2"}, want: "success"},
		{name: "delete a folder", there: map[string]string{"d/e/a": "1", "b": "2"}, args: args{"remote_filepath": "THERE/d", "operation": "delete"}, wantThere: map[string]string{"b": "2"}, want: "success"},
		{name: "delete what is not there", args: args{"remote_filepath": "THERE/a", "operation": "delete"}, want: "removing THERE/a on 127.0.0.1"},
		{name: "not as many", args: args{"local_filepath": []any{"a"}, "remote_filepath": []any{"a", "b"}}, want: "fatal (config): local_filepath has 1 paths and remote_filepath 2"},
		{name: "no such operation", args: args{"local_filepath": "a", "remote_filepath": "b", "operation": "move"}, want: `argument operation is "move": use put, get or delete`},
		{name: "delete here", args: args{"local_filepath": "a", "remote_filepath": "b", "operation": "delete"}, want: "leave it out"},
		{name: "hook of its own", args: args{"local_filepath": "a", "remote_filepath": "b", "sftp_hook": "x"}, want: "SFTPHook is not there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t, start(t), nil)
			there := t.TempDir()
			tree(t, h.Dir, tt.here)
			tree(t, there, tt.there)
			replace := func(v any) any { return strings.ReplaceAll(v.(string), "THERE", there) }
			a := args{"ssh_conn_id": "box"}
			for k, v := range tt.args {
				a[k] = v
			}
			if list, ok := a["remote_filepath"].([]any); ok {
				a["remote_filepath"] = []any{replace(list[0]), replace(list[1])}
			} else {
				a["remote_filepath"] = replace(a["remote_filepath"])
			}
			got, err := h.Run(t.Context(), operatortest.Find(t, ssh.Operators(), copies), a)
			if said := operatortest.Outcome(err); !strings.Contains(said, replace(tt.want).(string)) {
				t.Fatalf("ended as %q, want %q", said, tt.want)
			}
			if diff := cmp.Diff(a["local_filepath"], got.Value); err == nil && diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			for dir, want := range map[string]map[string]string{h.Dir: tt.wantHere, there: tt.wantThere} {
				if want == nil {
					continue
				}
				found := read(t, dir)
				delete(found, ".ssh/known_hosts")
				if diff := cmp.Diff(want, found); diff != "" {
					t.Errorf("files (-want +got):\n%.500s", diff)
				}
			}
		})
	}
}

func TestNoFiles(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.noFiles = true
	h := harness(t, s, nil)
	_, err := h.Run(t.Context(), operatortest.Find(t, ssh.Operators(), copies), args{"ssh_conn_id": "box", "remote_filepath": "x", "operation": "delete"})
	if said := operatortest.Outcome(err); !strings.HasPrefix(said, "failed (infra, 0): 127.0.0.1:") || !strings.Contains(said, "has no SFTP") {
		t.Errorf("ended as %q", said)
	}
}

func TestSensor(t *testing.T) {
	t.Parallel()
	files := map[string]string{"in/a.csv": "1", "in/b.csv": "2", "in/c.txt": "3"}
	for _, tt := range []struct {
		name string
		args args
		want string
		log  string
	}{
		{name: "file", args: args{"path": "THERE/in/a.csv"}, want: "success"},
		{name: "folder", args: args{"path": "THERE/in"}, want: "success"},
		{name: "nothing", args: args{"path": "THERE/none"}, want: "reschedule: ", log: "nothing is there yet"},
		{name: "pattern", args: args{"path": "THERE/in", "file_pattern": "*.csv"}, want: "success", log: "[THERE/in/a.csv THERE/in/b.csv]"},
		{name: "pattern in Python's spelling", args: args{"path": "THERE/in", "file_pattern": "[!a].csv"}, want: "success", log: "[THERE/in/b.csv]"},
		{name: "pattern of nothing", args: args{"path": "THERE/in", "file_pattern": "*.json"}, want: "reschedule: "},
		{name: "pattern in no folder", args: args{"path": "THERE/none", "file_pattern": "*"}, want: "reschedule: "},
		{name: "new enough", args: args{"path": "THERE/in/a.csv", "newer_than": time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)}, want: "success"},
		{name: "too old", args: args{"path": "THERE/in/a.csv", "newer_than": "2024-01-02 00:00:01+00:00"}, want: "reschedule: "},
		{name: "no time", args: args{"path": "THERE/in/a.csv", "newer_than": "soon"}, want: "fatal (config): argument newer_than is soon"},
		{name: "no pattern", args: args{"path": "THERE/in", "file_pattern": "[a"}, want: "a bracket is not closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t, start(t), nil)
			there := t.TempDir()
			tree(t, there, files)
			at := time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)
			if err := os.Chtimes(filepath.Join(there, "in/a.csv"), at, at); err != nil {
				t.Fatal(err)
			}
			a := args{"sftp_conn_id": "box", "mode": "reschedule"}
			for k, v := range tt.args {
				a[k] = v
			}
			a["path"] = strings.ReplaceAll(a["path"].(string), "THERE", there)
			_, err := h.Run(t.Context(), operatortest.Find(t, ssh.Operators(), waits), a)
			if said := operatortest.Outcome(err); !strings.Contains(said, tt.want) {
				t.Errorf("ended as %q, want %q", said, tt.want)
			}
			if want := strings.ReplaceAll(tt.log, "THERE", there); !strings.Contains(h.Log(), want) {
				t.Errorf("the log lacks %q: %s", want, h.Log())
			}
		})
	}
}

func TestSensorCalls(t *testing.T) {
	t.Parallel()
	h := harness(t, start(t), nil)
	h.Settings.Connections["sftp_default"] = h.Settings.Connections["box"]
	python := &operatortest.Python{Value: json.RawMessage(`7`)}
	h.Python = python
	tree(t, h.Dir, map[string]string{"a": "1"})
	file := filepath.Join(h.Dir, "a")
	got, err := h.Run(t.Context(), operatortest.Find(t, ssh.Operators(), waits), args{
		"path": file, "python_callable": dag.Callable{Path: "m.f"}, "op_args": []any{"x"}, "op_kwargs": args{"k": "v"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(args{"files_found": []any{file}, "decorator_return_value": int64(7)}, got.Value); diff != "" {
		t.Errorf("value (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(args{"k": "v", "files_found": []any{file}}, python.Calls[0].Kwargs); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}
