package kubestack

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/internal/kubetest"
)

// runnerImage has the runner, the program of functions/task.
const runnerImage = "local.test/updraft-runner:1"

// made keeps the path of updraft-kube, which is built once for all tests of a package.
var made struct {
	once sync.Once
	kube string
}

// build builds the controller, whose path it returns, and the image of the runner.
func build(t testing.TB) string {
	t.Helper()
	made.once.Do(func() {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("updraft-kubestack-%d", os.Getpid()))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, pkg := range map[string]string{"updraft-kube": "cmd/updraft-kube", "task": "functions/task"} {
			cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), "github.com/updraft-dev/updraft/"+pkg)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("build %s: %v: %s", pkg, err, out)
			}
		}
		kubetest.Image(t, runnerImage, "-entrypoint", "/task", filepath.Join(dir, "task")+":/task", filepath.Join(dir, "updraft-kube")+":/updraft-kube")
		made.kube = filepath.Join(dir, "updraft-kube")
	})
	if made.kube == "" {
		t.Fatal("the programs were not built: another test says why")
	}
	return made.kube
}

// Clean removes what was built: for TestMain, after all tests.
func Clean() {
	if made.kube != "" {
		os.RemoveAll(filepath.Dir(made.kube))
	}
}

// Controller is an updraft-kube process.
type Controller struct {
	cmd *exec.Cmd
	// url is where its health is.
	url   string
	ended chan struct{}

	mu    sync.Mutex
	lines []string
}

// Control starts a controller and waits until it leads and knows the pods there are. It ends
// with the test at the latest.
func (s *Stack) Control(t testing.TB) *Controller {
	t.Helper()
	c := &Controller{cmd: exec.Command(build(t), "controller"), ended: make(chan struct{})}
	c.cmd.Env = []string{"KUBECONFIG=" + s.kubeconfig(t), "PATH=" + os.Getenv("PATH"), "HOME=" + s.Home}
	for name, value := range s.settings {
		if name != "home" {
			c.cmd.Env = append(c.cmd.Env, config.EnvName(name)+"="+value)
		}
	}
	for name, value := range s.environ {
		c.cmd.Env = append(c.cmd.Env, name+"="+value)
	}
	c.cmd.Env = append(c.cmd.Env, "UPDRAFT_HOME="+filepath.Join(s.Home, "controller"))
	errs, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("start the controller: %v", err)
	}
	address := make(chan string, 1)
	go func() {
		defer close(c.ended)
		c.listen(errs, address, logged(t))
		_ = c.cmd.Wait() // what it has said says why
	}()
	t.Cleanup(func() { c.end(t, syscall.SIGTERM) })
	select {
	case a := <-address:
		c.url = "http://" + a
	case <-c.ended:
		t.Fatalf("the controller has ended: %s", c.said())
	case <-time.After(kubetest.Patience):
		t.Fatalf("the controller does not begin: %s", c.said())
	}
	c.await(t)
	return c
}

// kubeconfig is that of the test with the namespace as the one by default: the controllers of
// an installation elect their leader there.
func (s *Stack) kubeconfig(t testing.TB) string {
	t.Helper()
	c, err := clientcmd.LoadFromFile(os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	c.Contexts[c.CurrentContext].Namespace = s.Namespace
	file := filepath.Join(s.Home, "kubeconfig")
	if err := clientcmd.WriteToFile(*c, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// listen keeps what the controller says, and finds the address in it.
func (c *Controller) listen(r io.Reader, address chan<- string, out io.Writer) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line := lines.Text()
		c.mu.Lock()
		if c.lines = append(c.lines, line); len(c.lines) > 100 {
			c.lines = c.lines[1:]
		}
		c.mu.Unlock()
		fmt.Fprintln(out, line)
		var begun struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &begun) == nil && begun.Address != "" {
			select {
			case address <- begun.Address:
			default:
			}
		}
	}
}

func (c *Controller) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.lines, "\n")
}

// await waits until it works.
func (c *Controller) await(t testing.TB) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(kubetest.Patience); ; <-again.C {
		var health struct{ Leads, Synced bool }
		resp, err := http.Get(c.url + "/health")
		if err == nil {
			err = json.NewDecoder(resp.Body).Decode(&health)
			resp.Body.Close()
		}
		if err == nil && health.Leads && health.Synced {
			return
		}
		select {
		case <-c.ended:
			t.Fatalf("the controller has ended: %s", c.said())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("the controller does not lead: %v: %s", err, c.said())
		}
	}
}

// Kill ends it at once, as kill -9 does.
func (c *Controller) Kill(t testing.TB) {
	t.Helper()
	c.end(t, syscall.SIGKILL)
}

func (c *Controller) end(t testing.TB, how syscall.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("end the controller: %v", err)
	}
	select {
	case <-c.ended:
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		t.Errorf("the controller does not end: %s", c.said())
	}
}

// Memory is what it has in memory now, and the most that it had, in bytes.
func (c *Controller) Memory(t testing.TB) (now, most int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "VmRSS:" && words[0] != "VmHWM:" {
			continue
		}
		n, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if words[0] == "VmRSS:" {
			now = n << 10
		} else {
			most = n << 10
		}
	}
	return now, most
}

// logged is the test's output if somebody reads it.
func logged(t testing.TB) io.Writer {
	if testing.Verbose() {
		return t.Output()
	}
	return io.Discard
}
