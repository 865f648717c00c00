package ssh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// What Airflow's SSHHook assumes.
const (
	defaultPort        = 22
	defaultConnTimeout = 10 * time.Second
	defaultCmdTimeout  = 10 * time.Second
	defaultBanner      = 30 * time.Second
	defaultKeepAlive   = 30 * time.Second
)

// readHook is the function, in Python, that says what an SSHHook of the DAG's file holds.
const readHook = "updraft_dags.hooks.ssh.described"

// target is where and how an attempt connects.
type target struct {
	a              *task.Attempt
	id             string // of the connection; empty with a hook of its own
	host           string
	port           int
	user, password string
	extra          options

	connTimeout, cmdTimeout, banner, keepAlive time.Duration
	environment                                map[string]any
	pty                                        bool
}

// readTarget reads the arguments, the hook and the connection; each comes before the next. The
// connection is what an argument of the name conn says, or else def.
func readTarget(ctx context.Context, a *task.Attempt, conn, def string) (*target, error) {
	hook, err := hookFields(ctx, a)
	if err != nil {
		return nil, err
	}
	t := &target{a: a, id: hook.text("ssh_conn_id")}
	if hook == nil {
		if t.id, err = task.Get(a, conn, def); err != nil {
			return nil, err
		}
	}
	if t.id == "" && hook == nil {
		return nil, task.Misconfigured(fmt.Errorf("argument %s is missing: name a connection", conn))
	}
	var c settings.Connection
	if t.id != "" {
		if c, err = a.Settings.Connection(ctx, t.id); err != nil {
			return nil, fmt.Errorf("%s: %w", conn, err)
		}
	}
	t.extra = options(c.ExtraMap()).over(hook)
	t.host, t.user, t.password = first(hook.text("remote_host"), c.Host), first(hook.text("username"), c.Login), first(hook.text("password"), c.Password)
	if t.port = c.Port; hook["port"] != nil {
		if t.port, err = strconv.Atoi(hook.text("port")); err != nil {
			return nil, task.Misconfigured(fmt.Errorf("ssh_hook: port %q is no number", hook.text("port")))
		}
	}
	if err := t.arguments(); err != nil {
		return nil, err
	}
	return t, t.complete()
}

// hookFields is what argument ssh_hook holds; nil when there is none.
func hookFields(ctx context.Context, a *task.Attempt) (options, error) {
	switch hook := a.Args["ssh_hook"].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return hook, nil
	case string:
		return options{"ssh_conn_id": hook}, nil
	case dag.Object:
		return hook.Kwargs, nil
	case dag.Callable: // the file alone can make it
		if a.Python == nil {
			return nil, task.Misconfigured(errors.New("argument ssh_hook needs Python, which is not available here: use ssh_conn_id"))
		}
		raw, err := a.Python.Call(ctx, a, task.PythonCall{
			Callable: dag.Callable{Path: readHook}, Args: []any{hook}, NoContext: true, HideValue: true,
		})
		if err != nil {
			return nil, err
		}
		var fields options
		if err := json.Unmarshal(raw, &fields); err != nil {
			return nil, task.Misconfigured(errors.New("argument ssh_hook is no SSHHook: use ssh_conn_id"))
		}
		return fields, nil
	default:
		return nil, task.Misconfigured(fmt.Errorf("argument ssh_hook is a %T, not an SSHHook: use ssh_conn_id", hook))
	}
}

// arguments reads those of the task itself.
func (t *target) arguments() error {
	var errs [8]error
	var host string
	host, errs[0] = task.Get(t.a, "remote_host", "")
	t.host = first(host, t.host)
	t.environment, errs[1] = task.Get(t.a, "environment", map[string]any(nil))
	t.pty, errs[2] = task.Get(t.a, "get_pty", false)
	for name, v := range t.environment {
		if _, ok := v.(string); !ok {
			errs[3] = task.Misconfigured(fmt.Errorf("argument environment: %s is %v, not a text: put it in quotes", name, v))
		}
	}
	connTimeout := defaultConnTimeout
	if connTimeout, errs[4] = t.extra.seconds("timeout", connTimeout); errs[4] == nil {
		connTimeout, errs[4] = t.extra.seconds("conn_timeout", connTimeout)
	}
	cmdTimeout, err := t.extra.seconds("cmd_timeout", defaultCmdTimeout)
	errs[5] = err
	banner, err := t.extra.seconds("banner_timeout", defaultBanner)
	errs[6] = err
	t.keepAlive, errs[7] = t.extra.seconds("keepalive_interval", defaultKeepAlive)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	t.connTimeout, errs[0] = task.Get(t.a, "conn_timeout", connTimeout)
	if v, given := t.a.Args["cmd_timeout"]; given && v == nil {
		cmdTimeout = 0 // Airflow's None, which is not the same as nothing
	}
	t.cmdTimeout, errs[1] = task.Get(t.a, "cmd_timeout", cmdTimeout)
	t.banner, errs[2] = task.Get(t.a, "banner_timeout", banner)
	return errors.Join(errs[:]...)
}

// complete fills in what nobody said, and refuses what cannot be done.
func (t *target) complete() error {
	if t.port == 0 {
		t.port = defaultPort
	}
	if t.user == "" {
		t.user = first(t.env("USER"), t.env("LOGNAME"))
	}
	if t.user == "" {
		if me, err := user.Current(); err == nil {
			t.user = me.Username
		}
	}
	switch {
	case t.host == "":
		return t.wrong("it has no host: set it there, or give remote_host")
	case t.extra.text("host_proxy_cmd") != "":
		return t.wrong("host_proxy_cmd is not supported: connect through a tunnel that is there already, or use BashOperator with `ssh -J`")
	case t.extra.text("private_key") != "" && t.extra.text("key_file") != "":
		return t.wrong("it has private_key and key_file: remove one of them")
	}
	return nil
}

func (t *target) address() string { return net.JoinHostPort(t.host, strconv.Itoa(t.port)) }

// wrong is a fault of the connection.
func (t *target) wrong(format string, args ...any) error {
	what := "argument ssh_hook"
	if t.id != "" {
		what = "connection " + t.id
	}
	return task.Misconfigured(fmt.Errorf("%s: %s", what, fmt.Sprintf(format, args...)))
}

// path is a file's path: ~ is the worker's home, and relative ones begin at the DAG's folder.
func (t *target) path(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		return filepath.Join(t.env("HOME"), rest)
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(t.a.Dir, name)
}

// env is a variable of the worker's environment.
func (t *target) env(name string) string {
	for _, kv := range t.a.Environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// options are fields of a connection's extra, or of a hook, where texts, numbers and
// booleans stand for one another.
type options map[string]any

// over is o with the fields of another in front.
func (o options) over(front options) options {
	out := options{}
	for _, m := range []options{o, front} {
		for k, v := range m {
			if v != nil {
				out[k] = v
			}
		}
	}
	return out
}

// text is a field as a text; empty without one.
func (o options) text(name string) string {
	switch v := o[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// is says whether a field is there and reads as want (true, false), whatever its case.
func (o options) is(name, want string) bool { return strings.EqualFold(o.text(name), want) }

func (o options) seconds(name string, def time.Duration) (time.Duration, error) {
	text := o.text(name)
	if text == "" {
		return def, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || f > 1e9 {
		return 0, task.Misconfigured(fmt.Errorf("%s %q of the connection is no number of seconds", name, text))
	}
	return time.Duration(f * float64(time.Second)), nil
}

// texts is a field that is a list of texts, or one with commas.
func (o options) texts(name string) []string {
	var out []string
	switch v := o[name].(type) {
	case []any:
		for _, e := range v {
			out = append(out, fmt.Sprint(e))
		}
	case string:
		for e := range strings.SplitSeq(v, ",") {
			if e = strings.TrimSpace(e); e != "" {
				out = append(out, e)
			}
		}
	}
	return out
}
