package python

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tooOld is the exit code by which main.py says that Python is too old.
const tooOld = 78

// parent is one running parent interpreter.
type parent struct {
	cmd    *exec.Cmd
	conn   *net.UnixConn
	stderr *tail
	main   string
	shim   Shim
	hello  helloFrame
	// gone is closed once the interpreter has died or was closed.
	gone chan struct{}

	writing sync.Mutex

	mu       sync.Mutex
	last     int64
	children map[int64]*child
	dead     bool
}

// child is one process of the parent.
type child struct {
	id   int64
	pid  int
	exit chan exitFrame
}

type helloFrame struct {
	Op         string   `json:"op"`
	PID        int      `json:"pid"`
	Executable string   `json:"executable"`
	Version    string   `json:"version"`
	Problems   []string `json:"problems"`
}

type exitFrame struct {
	Op     string `json:"op"`
	ID     int64  `json:"id"`
	PID    int    `json:"pid"`
	Code   int    `json:"code"`
	Signal int    `json:"signal"`
	MaxRSS int64  `json:"max_rss"`
	Error  string `json:"error"`
}

type spawnFrame struct {
	Op   string            `json:"op"`
	ID   int64             `json:"id"`
	Exec []string          `json:"exec,omitempty"`
	Env  map[string]string `json:"env,omitempty"`
	Bare bool              `json:"bare,omitempty"`
}

type signalFrame struct {
	Op     string `json:"op"`
	ID     int64  `json:"id"`
	Signal int    `json:"signal"`
}

// startParent starts an interpreter and waits for its hello.
func startParent(ctx context.Context, c Config, folder string) (*parent, error) {
	path, err := exec.LookPath(c.Python)
	if err != nil {
		return nil, fmt.Errorf("python %q not found (%w): install Python 3.9 or newer, or configure its path", c.Python, err)
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	defer theirs.Close()
	p := &parent{
		conn: ours, stderr: &tail{out: c.Stderr}, shim: c.Shim,
		main: filepath.Join(folder, "updraft_runner", "main.py"),
		gone: make(chan struct{}), children: make(map[int64]*child),
	}
	p.cmd = exec.Command(path, p.main, "zygote", "3", string(c.Shim))
	p.cmd.Env, p.cmd.Stderr, p.cmd.ExtraFiles = c.Env, p.stderr, []*os.File{theirs}
	p.cmd.WaitDelay = time.Second
	// A group of its own: ^C in a terminal is for us, and we end it in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	theirs.Close()
	if err := p.greet(ctx, c); err != nil {
		return nil, err
	}
	go p.read()
	return p, nil
}

// greet sends the configuration and reads the hello; on failure nothing is left.
func (p *parent) greet(ctx context.Context, c Config) error {
	ctx, cancel := context.WithTimeout(ctx, c.StartTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.conn.Close() })
	defer stop()
	err := p.write(map[string]any{"pre_import": c.PreImport, "strict": c.strict}, nil)
	if err == nil {
		err = readFrame(p.conn, &p.hello)
	}
	if err == nil {
		return nil
	}
	_ = p.conn.Close()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	said := strings.TrimSpace(p.stderr.String())
	switch {
	case p.cmd.ProcessState.ExitCode() == tooOld:
		return fmt.Errorf("%s: %s: install a newer one, or configure its path", p.cmd.Path, strings.TrimPrefix(said, "updraft: "))
	case ctx.Err() != nil:
		return fmt.Errorf("start %s: no sign of life within %v: %w %s", p.cmd.Path, c.StartTimeout, ctx.Err(), said)
	}
	return fmt.Errorf("start %s: %w (%s): %s", p.cmd.Path, err, p.cmd.ProcessState, said)
}

// read hands out what the interpreter tells until it ends, then ends what is left.
func (p *parent) read() {
	r := bufio.NewReader(p.conn)
	for {
		var f exitFrame
		if readFrame(r, &f) != nil {
			break
		}
		p.dispatch(f)
	}
	_ = p.conn.Close()
	p.mu.Lock()
	p.dead = true
	for _, c := range p.children {
		// The kernel kills the children of a dead parent (where it can); what these
		// started in their group is ours to end.
		if c.pid > 0 {
			_ = syscall.Kill(-c.pid, syscall.SIGKILL)
		}
	}
	p.mu.Unlock()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	close(p.gone)
}

func (p *parent) dispatch(f exitFrame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.children[f.ID]
	if c == nil {
		return
	}
	if f.Op == "started" {
		c.pid = f.PID
		return
	}
	delete(p.children, f.ID)
	c.exit <- f
}

// spawn starts a process with its ends of the attempt's socket and output.
// It is a fork, or with s.Exec another interpreter.
func (p *parent) spawn(s spawnFrame, channel, output *os.File) (*child, error) {
	p.mu.Lock()
	p.last++
	c := &child{id: p.last, exit: make(chan exitFrame, 1)}
	p.children[c.id] = c
	dead := p.dead
	p.mu.Unlock()
	if dead {
		return nil, errors.New("the parent process has ended")
	}
	s.Op, s.ID = "spawn", c.id
	rights := syscall.UnixRights(int(channel.Fd()), int(output.Fd()))
	if err := p.write(s, rights); err != nil {
		p.mu.Lock()
		delete(p.children, c.id)
		p.mu.Unlock()
		return nil, err
	}
	return c, nil
}

// signal signals the process group of a child, if it is still there. A broken
// socket needs no error here: read ends the children then.
func (p *parent) signal(c *child, s syscall.Signal) {
	_ = p.write(signalFrame{Op: "signal", ID: c.id, Signal: int(s)}, nil)
}

func (p *parent) write(v any, rights []byte) error {
	frame, err := pack(v)
	if err != nil {
		return err
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if rights != nil {
		n, _, err := p.conn.WriteMsgUnix(frame, rights, nil)
		if err != nil {
			return err
		}
		frame = frame[n:]
	}
	_, err = p.conn.Write(frame)
	return err
}

// close ends the interpreter and all its children.
func (p *parent) close() {
	_ = p.conn.Close()
	<-p.gone
}

// attemptArgv is the command of a fresh interpreter for one attempt.
func (p *parent) attemptArgv(python string) []string {
	return []string{python, p.main, "attempt", "3", string(p.shim)}
}

// socketpair returns our end, and the other as a file to give away.
func socketpair() (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "attempt"), os.NewFile(uintptr(fds[1]), "python")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}

// tail keeps the end of what is written to it, and passes it on.
type tail struct {
	out io.Writer
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 16 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(b)
	if over := t.buf.Len() - tailSize; over > 0 {
		t.buf.Next(over)
	}
	if t.out != nil {
		_, _ = t.out.Write(b)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

func signalName(number int) string {
	if name, ok := signalNames[syscall.Signal(number)]; ok {
		return name
	}
	return "SIG" + strconv.Itoa(number)
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "SIGABRT", syscall.SIGALRM: "SIGALRM", syscall.SIGBUS: "SIGBUS",
	syscall.SIGFPE: "SIGFPE", syscall.SIGHUP: "SIGHUP", syscall.SIGILL: "SIGILL",
	syscall.SIGINT: "SIGINT", syscall.SIGKILL: "SIGKILL", syscall.SIGPIPE: "SIGPIPE",
	syscall.SIGQUIT: "SIGQUIT", syscall.SIGSEGV: "SIGSEGV", syscall.SIGSYS: "SIGSYS",
	syscall.SIGTERM: "SIGTERM", syscall.SIGTRAP: "SIGTRAP", syscall.SIGUSR1: "SIGUSR1",
	syscall.SIGUSR2: "SIGUSR2", syscall.SIGXCPU: "SIGXCPU", syscall.SIGXFSZ: "SIGXFSZ",
}
