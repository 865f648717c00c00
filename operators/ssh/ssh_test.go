package ssh_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/ssh"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

const class = "airflow.providers.ssh.operators.ssh.SSHOperator"

type args = map[string]any

// harness has a connection to the server, "box", whose key is a known one.
func harness(t *testing.T, s *server, extra args) *operatortest.Harness {
	t.Helper()
	h := operatortest.New(t)
	h.Environ = []string{"HOME=" + h.Dir, "USER=nobody"}
	raw, err := json.Marshal(extra)
	if err != nil {
		t.Fatal(err)
	}
	h.Settings.Connections = map[string]settings.Connection{"box": {
		Type: "ssh", Host: "127.0.0.1", Port: s.port, Login: "airflow", Password: "secret", Extra: raw,
	}}
	known(t, h, s.port, s.host.public())
	return h
}

// known writes the file of known hosts.
func known(t *testing.T, h *operatortest.Harness, port int, key string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(h.Dir, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	line := "[127.0.0.1]:" + strconv.Itoa(port) + " " + key + "\n"
	if err := os.WriteFile(filepath.Join(h.Dir, ".ssh", "known_hosts"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, ctx context.Context, h *operatortest.Harness, a args) (task.Result, error) {
	t.Helper()
	if a["ssh_hook"] == nil && a["ssh_conn_id"] == nil {
		a["ssh_conn_id"] = "box"
	}
	return h.Run(ctx, operatortest.Find(t, ssh.Operators(), class), a)
}

func TestCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		args    args
		want    string
		outcome string
		exit    any
	}{
		{name: "standard output is the value", args: args{"command": "echo one; echo two; echo three >&2"}, want: "one\ntwo\n", exit: int64(0)},
		{name: "bytes", args: args{"command": `printf 'a\377'`}, want: "a\xff", exit: int64(0)},
		{name: "exit code", args: args{"command": "echo why >&2; exit 3"}, outcome: "failed (task, 3): exit code 3: why", exit: int64(3)},
		{name: "skip", args: args{"command": "exit 4", "skip_on_exit_code": []any{int64(4)}}, outcome: "skipped: exit code 4", exit: int64(4)},
		{name: "a signal", args: args{"command": "kill -9 $$"}, outcome: "failed (task, -1): killed by SIGKILL"},
		{name: "environment", args: args{"command": "echo $X$REFUSED", "environment": args{"X": "1", "REFUSED": "2"}}, want: "1\n", exit: int64(0)},
		{name: "environment of numbers", args: args{"command": "true", "environment": args{"X": int64(1)}}, outcome: "fatal (config): argument environment: X is 1, not a text: put it in quotes"},
		{name: "no command", args: args{}, outcome: "fatal (config): argument command is empty: say what to run"},
		{name: "silence", args: args{"command": "echo x; read y", "cmd_timeout": 0.2}, outcome: "failed (timeout, 0): the command on ADDRESS wrote nothing for 200ms: raise cmd_timeout, or set it to 0 (None) for as long as it likes"},
		{name: "a hook by its connection", args: args{"command": "echo $0", "ssh_hook": args{"ssh_conn_id": "box"}}, want: "sh\n", exit: int64(0)},
		{name: "another host", args: args{"command": "true", "remote_host": "no.such.host.invalid"}, outcome: "failed (infra, 0): connecting to no.such.host.invalid"},
		{name: "an unknown connection", args: args{"command": "true", "ssh_conn_id": "x"}, outcome: "failed: ssh_conn_id: connection `x` not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			h := harness(t, s, nil)
			got, err := execute(t, t.Context(), h, tt.args)
			if tt.outcome == "" {
				tt.outcome = "success"
			}
			tt.outcome = strings.ReplaceAll(tt.outcome, "ADDRESS", "127.0.0.1:"+strconv.Itoa(s.port))
			if out := operatortest.Outcome(err); !strings.HasPrefix(out, tt.outcome) {
				t.Errorf("outcome is %q, want %q", out, tt.outcome)
			}
			if tt.want != "" && got.Value != base64.StdEncoding.EncodeToString([]byte(tt.want)) {
				t.Errorf("value is %v, want %q in base64", got.Value, tt.want)
			}
			if h.XComs.Pushed["ssh_exit"] != tt.exit {
				t.Errorf("ssh_exit is %v, want %v", h.XComs.Pushed["ssh_exit"], tt.exit)
			}
		})
	}
}

// The log has both streams, line by line, and the value is left out with do_xcom_push=False.
func TestLog(t *testing.T) {
	t.Parallel()
	s := start(t)
	h := harness(t, s, nil)
	h.Task.DoXComPush = false
	got, err := execute(t, t.Context(), h, args{"command": "echo one; echo two >&2; printf end; sleep 0"})
	if err != nil || got.Value != nil || len(h.XComs.Pushed) > 0 {
		t.Errorf("value is %v, XComs %v, error %v", got.Value, h.XComs.Pushed, err)
	}
	for _, line := range []string{"one\n", "two\n", "end\n"} {
		if !strings.Contains(h.Log(), line) {
			t.Errorf("%q is not in the log:\n%s", line, h.Log())
		}
	}
}

// A command that begins with sudo has a terminal.
func TestTerminal(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{"true": "exec", "sudo_is_not_here || true": "pty-req exec"} {
		s := start(t)
		if _, err := execute(t, t.Context(), harness(t, s, nil), args{"command": command}); err != nil {
			t.Error(err)
		}
		if got := s.requests(); got != want {
			t.Errorf("%s: the server was asked for %q, want %q", command, got, want)
		}
	}
}

// What a hook of the DAG's file says comes before the connection; Python is asked for it.
func TestHook(t *testing.T) {
	t.Parallel()
	s := start(t)
	h := harness(t, s, nil)
	fields, err := json.Marshal(args{
		"remote_host": "127.0.0.1", "port": s.port, "username": "airflow", "password": "secret", "cmd_timeout": 5, "key_file": nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &operatortest.Python{Value: fields}
	h.Python = p
	hook := dag.Callable{File: "d.py", DAG: "d", Task: "t", Name: "ssh_hook"}
	got, err := execute(t, t.Context(), h, args{"command": "echo hook", "ssh_hook": hook})
	if err != nil || got.Value != base64.StdEncoding.EncodeToString([]byte("hook\n")) {
		t.Errorf("value is %v, error %v", got.Value, err)
	}
	want := []task.PythonCall{{
		Callable: dag.Callable{Path: "updraft_dags.hooks.ssh.described"}, Args: []any{hook}, NoContext: true, HideValue: true,
	}}
	if diff := cmp.Diff(want, p.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	locked := newKey(t, "open sesame")
	for _, tt := range []struct {
		name     string
		extra    func(*server) args
		password string
		outcome  string
	}{
		{name: "private_key", extra: func(s *server) args { return args{"private_key": s.user.pem} }},
		{name: "key_file", extra: func(*server) args { return args{"key_file": "~/key"} }},
		{name: "found key", extra: func(*server) args { return nil }},
		{
			name: "look_for_keys", extra: func(*server) args { return args{"look_for_keys": "false"} },
			outcome: "fatal (config): connection box: there is no password and no key",
		},
		{
			name: "wrong password", password: "wrong", extra: func(*server) args { return args{"look_for_keys": false} },
			outcome: "fatal (config): connection box: ADDRESS does not let airflow in: check login, password and key",
		},
		{
			name: "no key file", extra: func(*server) args { return args{"key_file": "/no/key"} },
			outcome: "fatal (config): connection box: reading the key: open /no/key",
		},
		{
			name: "no key", extra: func(*server) args { return args{"private_key": "x"} },
			outcome: "fatal (config): connection box: private_key cannot be read",
		},
		{
			name: "encrypted", extra: func(*server) args { return args{"private_key": locked.pem} },
			outcome: "fatal (config): connection box: private_key is encrypted: set private_key_passphrase",
		},
		{
			name: "another's key", extra: func(*server) args {
				return args{"private_key": locked.pem, "private_key_passphrase": "open sesame", "look_for_keys": false}
			},
			outcome: "fatal (config): connection box: ADDRESS does not let airflow in",
		},
		{
			name: "both", extra: func(*server) args { return args{"private_key": "x", "key_file": "y"} },
			outcome: "fatal (config): connection box: it has private_key and key_file: remove one of them",
		},
		{
			name: "no algorithm in common", password: "secret", extra: func(*server) args { return args{"ciphers": []any{"none-such"}} },
			outcome: "fatal (config): connection box",
		},
		{
			name: "disabled algorithms", password: "secret",
			extra: func(*server) args { return args{"disabled_algorithms": args{"kex": []any{"curve25519-sha256"}}} },
		},
		{
			name: "proxies", password: "secret", extra: func(*server) args { return args{"host_proxy_cmd": "nc"} },
			outcome: "fatal (config): connection box: host_proxy_cmd is not supported",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			h := harness(t, s, tt.extra(s))
			c := h.Settings.Connections["box"]
			c.Password = tt.password
			h.Settings.Connections["box"] = c
			for _, name := range []string{"key", ".ssh/id_ed25519"} {
				if err := os.WriteFile(filepath.Join(h.Dir, name), []byte(s.user.pem), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := execute(t, t.Context(), h, args{"command": "true"})
			if tt.outcome == "" {
				tt.outcome = "success"
			}
			tt.outcome = strings.ReplaceAll(tt.outcome, "ADDRESS", "127.0.0.1:"+strconv.Itoa(s.port))
			if out := operatortest.Outcome(err); !strings.HasPrefix(out, tt.outcome) {
				t.Errorf("outcome is %q, want %q", out, tt.outcome)
			}
		})
	}
}

func TestHostKey(t *testing.T) {
	t.Parallel()
	other := newKey(t, "").public()
	for _, tt := range []struct {
		name    string
		known   func(*server) string // empty: the file is empty
		extra   func(*server) args
		outcome string
	}{
		{name: "known"},
		{
			name: "unknown", known: func(*server) string { return "" },
			outcome: "fatal (config): connection box: the key of ADDRESS, SHA256:",
		},
		{
			name: "another's", known: func(*server) string { return other },
			outcome: "fatal (config): connection box: the key of ADDRESS is SHA256:",
		},
		{name: "unknown and not checked", known: func(*server) string { return "" }, extra: func(*server) args { return args{"no_host_key_check": "true"} }},
		{
			name: "another's and not checked", known: func(*server) string { return other },
			extra:   func(*server) args { return args{"no_host_key_check": true} },
			outcome: "fatal (config): connection box: the key of ADDRESS is SHA256:",
		},
		{
			name: "another's and may change", known: func(*server) string { return other },
			extra: func(*server) args { return args{"no_host_key_check": true, "allow_host_key_change": "True"} },
		},
		{
			name: "may change and is checked", extra: func(*server) args { return args{"allow_host_key_change": true} },
			outcome: "fatal (config): connection box: allow_host_key_change without no_host_key_check",
		},
		{name: "given", known: func(*server) string { return "" }, extra: func(s *server) args { return args{"host_key": s.host.public()} }},
		{
			name: "another is given", extra: func(*server) args { return args{"host_key": other} },
			outcome: "fatal (config): connection box: the key of ADDRESS is SHA256:",
		},
		{
			name: "given and not checked", extra: func(s *server) args { return args{"host_key": s.host.public(), "no_host_key_check": "true"} },
			outcome: "fatal (config): connection box: it has host_key and no_host_key_check: remove one of them",
		},
		{
			name: "no key is given", extra: func(*server) args { return args{"host_key": "?"} },
			outcome: "fatal (config): connection box: host_key is no key",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			var extra args
			if tt.extra != nil {
				extra = tt.extra(s)
			}
			h := harness(t, s, extra)
			if tt.known != nil {
				key := tt.known(s)
				known(t, h, s.port, key)
				if key == "" {
					if err := os.Truncate(filepath.Join(h.Dir, ".ssh", "known_hosts"), 0); err != nil {
						t.Fatal(err)
					}
				}
			}
			_, err := execute(t, t.Context(), h, args{"command": "true"})
			if tt.outcome == "" {
				tt.outcome = "success"
			}
			tt.outcome = strings.ReplaceAll(tt.outcome, "ADDRESS", "127.0.0.1:"+strconv.Itoa(s.port))
			if out := operatortest.Outcome(err); !strings.HasPrefix(out, tt.outcome) {
				t.Errorf("outcome is %q, want %q", out, tt.outcome)
			}
		})
	}
}

// A server that is not there, or does not speak, is the infrastructure's fault.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := start(t)
	h := harness(t, s, nil)
	_ = s.listener.Close()
	if _, err := execute(t, t.Context(), h, args{"command": "true"}); causeOf(err) != run.CauseInfra {
		t.Errorf("a closed port gives %v", err)
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	c := h.Settings.Connections["box"]
	c.Port = mute.Addr().(*net.TCPAddr).Port
	h.Settings.Connections["box"] = c
	if _, err := execute(t, t.Context(), h, args{"command": "true", "banner_timeout": 0.1}); causeOf(err) != run.CauseInfra {
		t.Errorf("a mute server gives %v", err)
	}
}

// A connection that breaks off during the command is no exit of the command.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	s := start(t)
	go func() {
		<-s.started
		s.drop()
	}()
	_, err := execute(t, t.Context(), harness(t, s, nil), args{"command": "read x"})
	if causeOf(err) != run.CauseInfra || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("error is %v", err)
	}
}

// An attempt that is stopped stops the command.
func TestStopped(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-s.started
		cancel(task.ErrTimeout)
	}()
	_, err := execute(t, ctx, harness(t, s, nil), args{"command": "read x", "cmd_timeout": nil})
	if !errors.Is(err, task.ErrTimeout) {
		t.Errorf("error is %v", err)
	}
	if got := s.requests(); got != "exec signal" {
		t.Errorf("the server was asked for %q", got)
	}
}

func causeOf(err error) run.Cause {
	var c *task.CauseError
	if errors.As(err, &c) {
		return c.Cause
	}
	return ""
}
