//go:build emulator

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/task"
)

const (
	operatorClass = "airflow.providers.docker.operators.docker.DockerOperator"
	testImage     = "updraft-test:empty"
)

type args = map[string]any

// connect returns a client of the engine under test.
func connect() (*client.Client, error) {
	url := os.Getenv("UPDRAFT_TEST_DOCKER")
	if url == "" {
		return nil, errors.New("UPDRAFT_TEST_DOCKER names no engine: run .ci/docker")
	}
	return client.New(client.WithHost(url))
}

// imported gives the engine an image of empty folders.
var imported = sync.OnceValue(func() error {
	c, err := connect()
	if err != nil {
		return err
	}
	defer c.Close()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"bin", "usr", "lib", "lib64", "python", "tmp", "dev", "proc"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o777}); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	made, err := c.ImageImport(context.Background(), client.ImageImportSource{Source: &b, SourceName: "-"}, testImage, client.ImageImportOptions{})
	if err != nil {
		return fmt.Errorf("import an image: %w", err)
	}
	return made.Close()
})

// setup returns a harness and an operator's arguments: the programs of this machine are
// mounted, because the image has none.
func setup(t *testing.T, more args) (*client.Client, *operatortest.Harness, args) {
	t.Helper()
	if err := imported(); err != nil {
		t.Fatal(err)
	}
	c, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	h := operatortest.New(t)
	h.Environ = []string{"DOCKER_HOST=" + os.Getenv("UPDRAFT_TEST_DOCKER")}
	a := args{"image": testImage, "network_mode": "none", "auto_remove": "force", "mounts": mounts("/bin", "/usr", "/lib", "/lib64")}
	for k, v := range more {
		a[k] = v
	}
	return c, h, a
}

func mounts(dirs ...string) []any {
	var out []any
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			out = append(out, args{"target": dir, "source": dir, "type": "bind", "read_only": true})
		}
	}
	return out
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		args    args
		want    any
		outcome string
	}{
		{name: "last line", args: args{"command": []any{"sh", "-c", "echo one; echo two"}}, want: "two"},
		{name: "a text", args: args{"command": `sh -c "echo 'a  b'"`}, want: "a  b"},
		{name: "a list in a text", args: args{"command": `["echo", 'x']`}, want: "x"},
		{name: "all lines", args: args{"command": []any{"sh", "-c", "echo one; printf two"}, "xcom_all": true}, want: []any{"one", "two"}},
		{name: "no output", args: args{"command": "true"}},
		{name: "exit code", args: args{"command": `sh -c "echo why >&2; exit 3"`}, outcome: "failed (task, 3): exit code 3: why"},
		{name: "skip", args: args{"command": `sh -c "exit 4"`, "skip_on_exit_code": int64(4)}, outcome: "skipped: exit code 4"},
		{
			name: "environment", want: "1 True 2 /tmp/airflow",
			args: args{
				"command":     []any{"sh", "-c", "echo $A $B $C $AIRFLOW_TMP_DIR"},
				"environment": args{"A": int64(1), "B": true}, "env_file": "# x\nexport C='2'\nA=9\n",
			},
		},
		{name: "no temporary folder", args: args{"command": []any{"sh", "-c", "echo -$AIRFLOW_TMP_DIR-"}, "mount_tmp_dir": false}, want: "--"},
		{name: "terminal", args: args{"command": "tty", "tty": true}, want: "/dev/pts/0"},
		{name: "folder, host and user", args: args{"command": `sh -c "echo $(pwd) $(cat /proc/sys/kernel/hostname) $(id -u)"`, "working_dir": "/usr", "hostname": "h", "user": int64(1000)}, want: "/usr h 1000"},
		{name: "entrypoint", args: args{"entrypoint": "echo a", "command": "b"}, want: "a b"},
		{name: "a limit", args: args{"command": `sh -c "ulimit -n"`, "ulimits": []any{args{"name": "nofile", "soft": int64(77), "hard": int64(77)}}}, want: "77"},
		{name: "memory", args: args{"command": "tail /dev/zero", "mem_limit": "32m"}, outcome: "failed (oom, 137)"},
		{name: "no image", args: args{"image": "127.0.0.1:1/nothing:here", "command": "true"}, outcome: "failed (image, 0): pulling image 127.0.0.1:1/nothing:here"},
		{name: "no program", args: args{"command": "no-such-program"}, outcome: "failed (image, 0): starting container"},
		{name: "no folder to mount", args: args{"mounts": mountsOf("/no/where"), "command": "true"}, outcome: "failed (config, 0): making container"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, h, a := setup(t, tt.args)
			got, err := h.Run(t.Context(), operatortest.Find(t, Operators(), operatorClass), a)
			if tt.outcome == "" {
				tt.outcome = "success"
			}
			if out := operatortest.Outcome(err); !strings.HasPrefix(out, tt.outcome) {
				t.Errorf("outcome is %q, want %q; log:\n%s", out, tt.outcome, h.Log())
			}
			if diff := cmp.Diff(tt.want, got.Value); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func mountsOf(dir string) []any {
	return []any{args{"Target": "/usr", "Source": dir, "Type": "bind", "ReadOnly": true}}
}

// The container stays unless auto_remove says otherwise; a second attempt of the same key
// attaches to it.
func TestResume(t *testing.T) {
	t.Parallel()
	c, h, a := setup(t, args{"auto_remove": "never", "command": []any{"sh", "-c", "cat /proc/sys/kernel/random/uuid"}})
	op := operatortest.Find(t, Operators(), operatorClass)
	first, err := h.Run(t.Context(), op, a)
	if err != nil {
		t.Fatal(err)
	}
	a["auto_remove"] = "success"
	again, err := h.Run(t.Context(), op, a)
	if err != nil || again.Value != first.Value {
		t.Errorf("the second time gives %v, %v, want %v", again.Value, err, first.Value)
	}
	name := "updraft-" + attemptID(h.Attempt(nil))
	if _, err := c.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{}); err == nil {
		t.Errorf("container %s is still there", name)
	}
}

// A name that is taken is the author's to mend.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	_, h, a := setup(t, args{"auto_remove": "never", "command": "true", "container_name": "taken"})
	op := operatortest.Find(t, Operators(), operatorClass)
	if _, err := h.Run(t.Context(), op, a); err != nil {
		t.Fatal(err)
	}
	h.Instance.Try++
	_, err := h.Run(t.Context(), op, a)
	if out := operatortest.Outcome(err); !strings.HasPrefix(out, "failed (config, 0): there is another container taken: remove it") {
		t.Errorf("outcome is %q", out)
	}
}

// An attempt that is stopped stops the container and removes it.
func TestStop(t *testing.T) {
	t.Parallel()
	c, h, a := setup(t, args{"command": []any{"sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"}})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for !strings.Contains(h.Log(), "ready") {
			select {
			case <-tick.C:
			case <-t.Context().Done():
				return
			}
		}
		cancel(task.ErrTimeout)
	}()
	_, err := h.Run(ctx, operatortest.Find(t, Operators(), operatorClass), a)
	if !errors.Is(err, task.ErrTimeout) || !strings.Contains(h.Log(), "bye") {
		t.Errorf("error is %v; log:\n%s", err, h.Log())
	}
	name := "updraft-" + attemptID(h.Attempt(nil))
	if _, err := c.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{}); err == nil {
		t.Errorf("container %s is still there", name)
	}
}

// A function's script runs by the image's Python, and its pickle comes back.
func TestFunction(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	prefix, err := exec.Command(python, "-c", "import sys; print(sys.base_prefix)").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, h, a := setup(t, nil)
	a["mounts"] = append(a["mounts"].([]any), args{"target": "/python", "source": strings.TrimSpace(string(prefix)), "type": "bind", "read_only": true})
	a["environment"] = args{"PYTHONHOME": "/python", "LD_LIBRARY_PATH": "/python/lib"}
	a["python_command"] = "/python/bin/python3"
	a["python_callable"] = dag.Callable{File: "d.py", DAG: "d", Task: "t", Name: "python_callable"}
	script := "import sys, pickle\nwith open(sys.argv[1], 'rb') as f: given = f.read()\n" +
		"with open(sys.argv[2], 'wb') as f: f.write(b'[' + given + b']')\n"
	p := &scripted{script: script, input: "arguments"}
	h.Python = p
	got, err := h.Run(t.Context(), operatortest.Find(t, Operators(), decorated), a)
	if err != nil {
		t.Fatalf("%v; log:\n%s", err, h.Log())
	}
	if raw, ok := got.Value.(json.RawMessage); !ok || string(raw) != `"[arguments]"` {
		t.Errorf("value is %s", got.Value)
	}
}

// scripted is Python that makes one script, and returns results as texts.
type scripted struct {
	operatortest.Python
	script, input string
}

// Call implements task.Python.
func (s *scripted) Call(_ context.Context, _ *task.Attempt, c task.PythonCall) (json.RawMessage, error) {
	encode := base64.StdEncoding.EncodeToString
	if c.Callable.Path != readResult { // it makes the script
		return json.Marshal(map[string]string{"source": encode([]byte(s.script)), "arguments": encode([]byte(s.input))})
	}
	data, err := base64.StdEncoding.DecodeString(c.Args[0].(string))
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(data))
}
