//go:build kubernetes

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/kube"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// TestMain lets the test binary be the shepherd of local processes.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == embedded.ShepherdCommand {
		if err := process.Shepherd(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runnerImage has the runner of these tests.
const runnerImage = "local.test/updraft-test-runner:1"

// runner makes that image once.
var runner struct {
	once sync.Once
	made bool
}

func buildRunner(t *testing.T) {
	t.Helper()
	runner.once.Do(func() {
		program := filepath.Join(t.TempDir(), "task")
		cmd := exec.Command("go", "build", "-o", program, "./testdata/runner")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build the runner: %v: %s", err, out)
		}
		// Workers have updraft-kube, which nothing here runs: a program of that name is enough.
		kubetest.Image(t, runnerImage, "-entrypoint", "/task", program+":/task", program+":/"+kubeevent.Launcher)
		runner.made = true
	})
	if !runner.made {
		t.Fatal("there is no image of the runner: another test says why")
	}
}

// plant is an installation with its home on this machine, a scheduler, and pods that have the
// home as a volume.
type plant struct {
	t         *testing.T
	home      string
	namespace string
	client    kubernetes.Interface
	i         *embedded.Installation
	settings  map[string]string
}

// template is the pod template: the home, and root, whose files are in it.
const template = `apiVersion: v1
kind: Pod
spec:
  hostNetwork: true
  securityContext: {runAsUser: 0, runAsGroup: 0}
  containers:
    - name: base
      env: [{name: TEST_QUEUE, value: HOME/queue.db}]
      volumeMounts: [{name: home, mountPath: HOME}]
  volumes:
    - {name: home, hostPath: {path: HOME}}
`

func newPlant(t *testing.T, settings map[string]string) *plant {
	t.Helper()
	buildRunner(t)
	home, err := os.MkdirTemp("", "u") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	p := &plant{t: t, home: home, client: kubetest.Client(t), namespace: kubetest.Namespace(t)}
	p.write("dags/.keep", "")
	p.write("template.yaml", strings.ReplaceAll(template, "HOME", home))
	p.settings = map[string]string{
		"home": home, "executor": "kubernetes", "kubernetes_namespace": p.namespace, "kubernetes_runner_image": runnerImage,
		"kubernetes_worker_container_image": kubetest.Tasks, "kubernetes_image_pull_policy": "Never",
		"kubernetes_pod_template_file": filepath.Join(home, "template.yaml"),
		"listen":                       "127.0.0.1:0", "store": "sqlite://" + home + "/updraft.db", "logs": "file://" + home + "/logs", "key": "file://" + home + "/key",
	}
	for k, v := range settings {
		p.settings[k] = v
	}
	p.i = p.open()
	return p
}

func (p *plant) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// open opens the installation once more.
func (p *plant) open() *embedded.Installation {
	p.t.Helper()
	c, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }, Flags: p.settings})
	if err != nil {
		p.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	out := io.Discard
	if testing.Verbose() {
		out = p.t.Output()
	}
	i, err := embedded.Open(p.t.Context(), embedded.Options{
		Config: c, Lookup: func(string) (string, bool) { return "", false }, Environ: os.Environ(), Now: time.Now,
		Log: slog.New(slog.NewTextHandler(out, nil)), Self: self, Release: "test", Drivers: local.Drivers(),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return i
}

// background runs f until stop is called or the test ends. It returns when ready is closed,
// at once if that is nil.
func (p *plant) background(what string, ready <-chan struct{}, f func(context.Context) error) (stop func()) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			p.t.Errorf("%s: %v", what, err)
		}
	})
	if ready == nil {
		p.t.Cleanup(stop)
		return stop
	}
	select {
	case <-ready:
	case err := <-ended:
		p.t.Fatalf("%s: %v", what, err)
	case <-time.After(kubetest.Patience):
		p.t.Fatalf("%s does not begin", what)
	}
	p.t.Cleanup(stop)
	return stop
}

// schedule starts the scheduler.
func (p *plant) schedule() {
	p.t.Helper()
	ready := make(chan struct{})
	i := p.open() // as another process would: it sees what others write
	p.background("scheduler", ready, func(ctx context.Context) error {
		return i.Scheduler(ctx, embedded.StandaloneOptions{OnReady: func(string, embedded.Synced) { close(ready) }})
	})
}

// control starts a controller.
func (p *plant) control(o kube.Options) (c *kube.Controller, stop func()) {
	p.t.Helper()
	c = p.newController(o)
	return c, p.background("controller", c.Ready(), c.Run)
}

func (p *plant) newController(o kube.Options) *kube.Controller {
	p.t.Helper()
	f, err := p.open().Function(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			p.t.Error(err)
		}
	})
	o.Client, o.Namespace, o.Sweep = p.client, p.namespace, 2*time.Second
	c, err := kube.Open(f, o)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// exists says that a file of the home is there.
func (p *plant) exists(name string) bool {
	_, err := os.Stat(filepath.Join(p.home, name))
	return err == nil
}

// eventually waits for something.
func (p *plant) eventually(what string, is func() bool) {
	p.t.Helper()
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for end := time.Now().Add(patience); !is(); <-t.C {
		if time.Now().After(end) {
			p.t.Fatalf("it does not come: %s", what)
		}
	}
}

// trigger starts a run.
func (p *plant) trigger(dag string) run.ID {
	p.t.Helper()
	r, err := p.i.Trigger(p.t.Context(), task.Trigger{DAG: dag}, "test")
	if err != nil {
		p.t.Fatal(err)
	}
	return r.ID
}

// until waits for something about a run.
func (p *plant) until(id run.ID, what string, is func(run.Run, map[string]run.Instance) bool) map[string]run.Instance {
	p.t.Helper()
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for end := time.Now().Add(patience); ; <-t.C {
		data, err := p.i.Store.Run(p.t.Context(), id)
		if err != nil {
			p.t.Fatal(err)
		}
		m := map[string]run.Instance{}
		for _, in := range data.Instances {
			m[in.Name()] = in
		}
		if is(data.Run, m) {
			return m
		}
		if time.Now().After(end) {
			text, list, err := p.i.ExplainRun(p.t.Context(), id)
			for _, e := range list {
				text += "\n" + e.Text
			}
			p.t.Fatalf("run %s has not %s: %s (%v)", id, what, text, err)
		}
	}
}

// patience bounds what pods take on a busy machine.
const patience = 150 * time.Second

func ended(r run.Run, _ map[string]run.Instance) bool { return r.State.Finished() }

// log is the log of an attempt.
func (p *plant) log(a run.Attempt) string {
	p.t.Helper()
	var b strings.Builder
	if _, err := p.i.Logs.Read(p.t.Context(), a, 0, &b); err != nil {
		p.t.Fatalf("log of %s: %v", a, err)
	}
	return b.String()
}
