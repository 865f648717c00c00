//go:build kubernetes

package helm_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/settings"
)

// installed is the chart in a namespace of its own, which enforces the restricted standard:
// scheduler, controller and tasks from programs of this tree, with a PostgreSQL and a MinIO of
// this machine.
type installed struct {
	namespace string
	// database is the URL of the store and the queues, from this machine.
	database string
	// updraft is the program for the command line, environment what it finds the
	// installation by.
	updraft     string
	environment []string
}

// release is the name of the installation.
const release = "prod"

// dagText are a DAG that runs, one whose pod finds no node, one whose pod is deleted, and one
// whose task starts a pod of its own.
const dagText = `chart_test:
  schedule: null
  tasks:
    hello:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: echo "hello from $(uname -n)"
chart_waits:
  schedule: null
  tasks:
    waits:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: "true"
      resources: {node_selector: {updraft.dev/test: waits}}
chart_deleted:
  schedule: null
  tasks:
    sleeps:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: sleep 600
chart_launches:
  schedule: null
  tasks:
    launches:
      operator: airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator
      image: local.test/tasks:1
      image_pull_policy: Never
      cmds: [bash, -c]
      arguments: ["echo hello from $(uname -n); echo '{\"answer\": 42}' > /airflow/xcom/return.json"]
      do_xcom_push: true
      security_context: {runAsNonRoot: true, runAsUser: 65534, seccompProfile: {type: RuntimeDefault}}
      container_security_context: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      container_resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 64Mi}}
    knows:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: test "{{ ti.xcom_pull(task_ids='launches')['answer'] }}" = 42
      dependencies: [launches]
`

func install(t *testing.T) *installed {
	t.Helper()
	in := &installed{namespace: kubetest.Restricted(t)}
	in.images(t)
	server := emulatortest.MinIO(t)
	in.database = emulatortest.Postgres(t)
	bucket := makeBucket(t, server)
	key, err := settings.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	in.environment = []string{
		"UPDRAFT_HOME=" + t.TempDir(), "UPDRAFT_EXECUTOR=kubernetes", "UPDRAFT_KUBERNETES_NAMESPACE=" + in.namespace,
		"UPDRAFT_STORE=" + in.database, "UPDRAFT_QUEUE=" + in.database, "UPDRAFT_LOGS=minio://" + server.Endpoint + "/" + bucket + "?secure=false",
		"MINIO_ACCESS_KEY=" + server.AccessKey, "MINIO_SECRET_KEY=" + server.SecretKey,
	}
	client := kubetest.Client(t).CoreV1()
	for name, data := range map[string]map[string]string{
		"updraft": {
			"UPDRAFT_STORE": reachable(t, in.database), "UPDRAFT_QUEUE": reachable(t, in.database),
			"MINIO_ACCESS_KEY": server.AccessKey, "MINIO_SECRET_KEY": server.SecretKey,
		},
		"updraft-key": {"key": key},
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
		if _, err := client.Secrets(in.namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	dags := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "updraft-dags"}, Data: map[string]string{"chart_test.yaml": dagText}}
	if _, err := client.ConfigMaps(in.namespace).Create(t.Context(), dags, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	logs := "minio://" + kubetest.Reachable(t, server.Endpoint) + "/" + bucket + "?secure=false"
	args := []string{
		"install", release, chart, "--namespace", in.namespace, "-f", chart + "/examples/in-cluster.yaml", "-f", "testdata/install.values.yaml",
		"--set", "config.logs=" + logs, "--wait", "--timeout", "3m",
	}
	if out, err := helm(t, append(args, apiAddress(t)...)...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return in
}

// images makes the images of the chart from the programs of this tree.
func (in *installed) images(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", "../../cmd/updraft", "../../cmd/updraft-kube", "../../functions/task")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the programs of the images: %v\n%s", err, out)
	}
	in.updraft = filepath.Join(dir, "updraft")
	for name, programs := range map[string][]string{"chart-updraft": {"updraft"}, "chart-controller": {"updraft-kube"}, "chart-runner": {"task", "updraft-kube"}} {
		args := []string{"-user", "10001:10001", "-entrypoint", "/" + programs[0]}
		for _, program := range programs {
			args = append(args, filepath.Join(dir, program)+":/"+program)
		}
		kubetest.Image(t, "local.test/"+name+":1", args...)
	}
}

// run runs the command line for the installation, and returns what it prints.
func (in *installed) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), in.updraft, args...)
	cmd.Env = append(os.Environ(), in.environment...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("updraft %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func makeBucket(t *testing.T, s emulatortest.Server) string {
	t.Helper()
	client, err := minio.New(s.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	bucket := emulatortest.Name(t)
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return bucket
}

// reachable is a URL of a server on this machine as pods use it.
func reachable(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = kubetest.Reachable(t, u.Host)
	return u.String()
}

// apiAddress are the values by which controller and tasks find the API server. Where the cluster
// has no Services in its pods' network, that is an address of this machine, if the server's
// certificate is for it, too.
func apiAddress(t *testing.T) []string {
	t.Helper()
	config := kubetest.Config(t)
	u, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	address := kubetest.Reachable(t, u.Host)
	authority := config.CAData
	if len(authority) == 0 {
		if authority, err = os.ReadFile(config.CAFile); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil // it has Services then
	}
	conn.Close()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, who := range []string{"controller", "workers.kubernetes"} {
		args = append(args,
			"--set", who+".env[0].name=KUBERNETES_SERVICE_HOST", "--set-string", who+".env[0].value="+host,
			"--set", who+".env[1].name=KUBERNETES_SERVICE_PORT", "--set-string", who+".env[1].value="+port)
	}
	return args
}
