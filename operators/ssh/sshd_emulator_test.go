//go:build emulator

package ssh_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/settings"
)

// OpenSSH's server: a key, an environment variable that it takes, a terminal, both
// streams and the exit code.
func TestOpenSSH(t *testing.T) {
	t.Parallel()
	port, host, mine := sshd(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	h := operatortest.New(t)
	h.Environ = []string{"HOME=" + h.Dir}
	h.Settings.Connections = map[string]settings.Connection{"box": {
		Type: "ssh", Host: "127.0.0.1", Port: port, Login: me.Username,
		Extra: fmt.Appendf(nil, `{"private_key": %q, "look_for_keys": "false"}`, mine.pem),
	}}
	known(t, h, port, host.public())
	got, err := execute(t, t.Context(), h, args{"command": "echo $GREETING; echo err >&2", "environment": args{"GREETING": "hello"}})
	if err != nil || got.Value != base64.StdEncoding.EncodeToString([]byte("hello\n")) {
		t.Errorf("value is %v, error %v; log:\n%s", got.Value, err, h.Log())
	}
	got, err = execute(t, t.Context(), h, args{"command": "tty > /dev/null && echo yes", "get_pty": true})
	if err != nil || got.Value != base64.StdEncoding.EncodeToString([]byte("yes\r\n")) {
		t.Errorf("with a terminal: value is %v, error %v", got.Value, err)
	}
	if _, err = execute(t, t.Context(), h, args{"command": "exit 7"}); operatortest.Outcome(err) != "failed (task, 7): exit code 7" {
		t.Errorf("exit code 7 gives %q", operatortest.Outcome(err))
	}
	c := h.Settings.Connections["box"]
	c.Login = "nobody"
	h.Settings.Connections["box"] = c
	if _, err = execute(t, t.Context(), h, args{"command": "true"}); !strings.Contains(operatortest.Outcome(err), "does not let nobody in") {
		t.Errorf("another user gives %q", operatortest.Outcome(err))
	}
}

// sshd starts a server on a free port, with a configuration of its own.
func sshd(t *testing.T) (port int, host, mine key) {
	t.Helper()
	program := "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("this test needs OpenSSH's server: apt-get install openssh-server (%v)", err)
	}
	if os.Getuid() == 0 { // it keeps to this folder, and does not start without
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	dir := t.TempDir()
	host, mine = newKey(t, ""), newKey(t, "")
	for name, text := range map[string]string{
		"host": host.pem, "authorized": mine.public() + "\n",
		"config": fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nAcceptEnv GREETING\n"+
			"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n", port, dir, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "-D", "-e", "-f", filepath.Join(dir, "config"))
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", log.String())
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 250 {
		if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = conn.Close()
			return port, host, mine
		}
		<-tick.C
	}
	t.Fatal("sshd does not answer")
	return 0, host, mine
}
