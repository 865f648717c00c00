// Package kubestack opens an installation whose tasks are pods of a real cluster, for tests of
// the whole: a scheduler in the test, updraft-kube as a process of its own, PostgreSQL for
// store and queues, MinIO for logs. Such tests carry the build tag kubernetes; `make
// kube-test` starts all of it and runs them.
package kubestack

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/updraft-dev/updraft/cloud/outside"
	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/internal/stacktest"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/postgres"
	"github.com/updraft-dev/updraft/run"
)

// Secret is the name of the secret with what pods find the installation by.
const Secret = "updraft"

// Options say what is not as usual.
type Options struct {
	// Settings are some beside those that every such installation has, or in their place.
	Settings map[string]string
	// Shared is a folder that all pods have as /tmp. A namespace that enforces the restricted
	// standard has no such pods: with it there is one that does not. Without it each pod
	// has a /tmp of its own, and the namespace enforces it.
	Shared string
	// NoController leaves it to the test to start one.
	NoController bool
}

// Stack is the installation.
type Stack struct {
	stacktest.Runs
	Client    kubernetes.Interface
	Namespace string
	// Home is the folder of the scheduler; DAG files are in dags below it.
	Home string
	// Database and Objects are on the way to PostgreSQL and MinIO, for scheduler, controller
	// and pods.
	Database, Objects *kubetest.Gate
	// Controller is the process that makes pods.
	Controller *Controller

	settings map[string]string
	environ  map[string]string
}

// Open makes an installation of the test's own and starts its scheduler and its controller.
// All of it ends with the test.
func Open(t testing.TB, o Options) *Stack {
	t.Helper()
	home, err := os.MkdirTemp("", "k") // sockets have short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	s := &Stack{Home: home, Client: kubetest.Client(t)}
	if o.Shared == "" {
		s.Namespace = kubetest.Restricted(t)
	} else {
		s.Namespace = kubetest.Namespace(t)
	}
	build(t)
	s.find(t)
	s.Put(t, ".keep", "") // so that the folder is there
	for name, text := range map[string]string{"template.yaml": template(home, o.Shared), "secret/key": newKey()} {
		s.write(t, filepath.Join(home, name), text)
	}
	maps.Copy(s.settings, map[string]string{
		"home": home, "key": "file://" + home + "/secret/key", "executor": "kubernetes", "listen": "127.0.0.1:0", "parallelism": "200",
		"kubernetes_namespace": s.Namespace, "kubernetes_runner_image": runnerImage, "kubernetes_worker_container_image": kubetest.Tasks,
		"kubernetes_image_pull_policy": "Never", "kubernetes_env_from_secrets": Secret,
		"kubernetes_pod_template_file": filepath.Join(home, "template.yaml"),
	})
	maps.Copy(s.settings, o.Settings)
	s.secret(t)
	s.Installation = s.open(t)
	s.schedule(t, s.open(t))
	if !o.NoController {
		s.Controller = s.Control(t)
	}
	return s
}

// newKey is one that seals connections.
func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// find makes a schema and a bucket, and the ways to them.
func (s *Stack) find(t testing.TB) {
	t.Helper()
	database, err := url.Parse(emulatortest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	s.Database = kubetest.NewGate(t, database.Host)
	database.Host = s.Database.Address
	server := emulatortest.MinIO(t)
	s.Objects = kubetest.NewGate(t, server.Endpoint)
	bucket := emulatortest.Name(t)
	makeBucket(t, &server, bucket)
	s.settings = map[string]string{
		"store": database.String(), "queue": database.String(), "logs": "minio://" + s.Objects.Address + "/" + bucket + "?secure=false",
	}
	s.environ = map[string]string{"MINIO_ACCESS_KEY": server.AccessKey, "MINIO_SECRET_KEY": server.SecretKey}
}

// makeBucket makes one, and removes it with all that is in it when the test has ended.
func makeBucket(t testing.TB, server *emulatortest.Server, bucket string) {
	t.Helper()
	client, err := minio.New(server.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatalf("make bucket %s: %v", bucket, err)
	}
	emulatortest.Cleanup(t, "remove bucket "+bucket, func(ctx context.Context) error {
		return client.RemoveBucketWithOptions(ctx, bucket, minio.RemoveBucketOptions{ForceDelete: true})
	})
}

// secret has what pods find the installation by, and the key.
func (s *Stack) secret(t testing.TB) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(s.Home, "secret", "key"))
	if err != nil {
		t.Fatal(err)
	}
	data := map[string]string{"key": string(key), config.EnvName("store"): s.settings["store"], config.EnvName("queue"): s.settings["queue"]}
	maps.Copy(data, s.environ)
	_, err = s.Client.CoreV1().Secrets(s.Namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: Secret}, StringData: data,
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("create secret %s: %v", Secret, err)
	}
}

// lookup is the environment of the scheduler, in which nothing is of this machine.
func (s *Stack) lookup(name string) (string, bool) {
	v, ok := s.environ[name]
	return v, ok
}

// open opens the installation as one more process would.
func (s *Stack) open(t testing.TB) *embedded.Installation {
	t.Helper()
	c, err := config.Load(config.Input{Lookup: s.lookup, Flags: s.settings})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	i, err := embedded.Open(t.Context(), embedded.Options{
		Config: c, Lookup: s.lookup, Environ: os.Environ(), Now: time.Now, Log: slog.New(slog.NewTextHandler(logged(t), nil)),
		Self: self, Release: "test", Drivers: embedded.Join(local.Drivers(), postgres.Drivers(), outside.MinIO()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

// schedule starts a scheduler, until the test ends.
func (s *Stack) schedule(t testing.TB, i *embedded.Installation) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- i.Scheduler(ctx, embedded.StandaloneOptions{OnReady: func(string, embedded.Synced) { close(ready) }})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("scheduler: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("scheduler: %v", err)
	case <-time.After(kubetest.Patience):
		t.Fatal("the scheduler does not begin")
	}
}

func (s *Stack) write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Put puts a DAG file, or a module, where the scheduler reads it.
func (s *Stack) Put(t testing.TB, name, text string) {
	t.Helper()
	s.write(t, filepath.Join(s.Home, "dags", name), text)
}

// PutFolder puts all files of a folder there that DAGs are made of, and where pods have the
// modules of Python tasks from, as the chart does it: a config map.
func (s *Stack) PutFolder(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if !slices.Contains([]string{".yaml", ".py", ".sql", ".sh"}, filepath.Ext(e.Name())) {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(body)
		s.Put(t, e.Name(), string(body))
	}
	_, err = s.Client.CoreV1().ConfigMaps(s.Namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: dagFiles}, Data: files,
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("create config map %s: %v", dagFiles, err)
	}
}

// dagFiles is the name of the config map with DAG files.
const dagFiles = "dags"

// Log is the log of an attempt, as it is now.
func (s *Stack) Log(t testing.TB, a run.Attempt) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Logs.Read(t.Context(), a, 0, &b); err != nil {
		t.Errorf("log of %s: %v", a, err)
	}
	return b.String()
}

// template is what all pods begin with: the key as the scheduler has it, and folders to
// write to.
func template(home, shared string) string {
	const text = `apiVersion: v1
kind: Pod
spec:
  containers:
    - name: base
      env:
        - {name: UPDRAFT_HOME, value: /run/updraft}
        - {name: UPDRAFT_DAGS, value: HOME/dags}
      volumeMounts:
        - {name: key, mountPath: HOME/secret, readOnly: true}
        - {name: home, mountPath: /run/updraft}
        - {name: dags, mountPath: HOME/dags, readOnly: true}
SHARED-MOUNT
  volumes:
    - {name: key, secret: {secretName: updraft, items: [{key: key, path: key}]}}
    - {name: home, emptyDir: {}}
    - {name: dags, configMap: {name: dags, optional: true}}
SHARED-VOLUME
`
	mount, volume := "", ""
	if shared != "" {
		mount = "        - {name: shared, mountPath: /tmp}"
		volume = "    - {name: shared, hostPath: {path: " + shared + "}}"
	}
	return strings.NewReplacer("HOME", home, "SHARED-MOUNT", mount, "SHARED-VOLUME", volume).Replace(text)
}
