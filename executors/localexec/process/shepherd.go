//go:build unix

package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/updraft-dev/updraft/task"
)

// Linger is how long a shepherd without processes waits for a host before it ends.
const Linger = 5 * time.Second

// shepherd is the state of a shepherd process.
type shepherd struct {
	start chan func()
	mu    sync.Mutex
	procs map[string]*child
	hosts map[net.Conn]bool
	idle  *time.Timer
	// oomKills is what task.OOMKills was at oomSeen.
	oomKills int
	oomSeen  time.Time
}

// oomInterval is how old oomKills may be: to count takes the kernel longer than most of
// what a process needs to be started.
const oomInterval = time.Second

// countOOM returns how many processes the kernel had killed for want of memory not more than
// maxAge ago.
func (s *shepherd) countOOM(maxAge time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.oomSeen) >= maxAge {
		s.oomKills, s.oomSeen = task.OOMKills(), time.Now()
	}
	return s.oomKills
}

// child is one process of the shepherd.
type child struct {
	req request
	pid int
	// dropped says that nobody will ask how it ended.
	dropped bool
	oom     bool
	maxRSS  int64
	// done is closed when it has ended, as exit says, or could not be started, as err says.
	done chan struct{}
	exit task.Exit
	err  error
}

// Shepherd serves a socket until it has had neither processes nor a host for Linger.
// It holds a lock beside the socket; where another shepherd has it, it returns nil at
// once.
func Shepherd(ctx context.Context, socket string) error {
	lock, err := os.OpenFile(socket+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the shepherd's lock: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil // another shepherd serves already
	} else if err != nil {
		return fmt.Errorf("take the shepherd's lock: %w", err)
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a stale socket: %w", err)
	}
	if err := sweep(filepath.Dir(socket)); err != nil {
		return err
	}
	ln, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listen for hosts: %w", err)
	}
	s := &shepherd{start: make(chan func()), procs: map[string]*child{}, hosts: map[net.Conn]bool{}}
	s.idle = time.AfterFunc(Linger, func() { ln.Close() })
	go s.starter()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return nil // closed: idle, or told to end
		}
		go s.serve(conn)
	}
}

// sweep marks processes that died with an earlier shepherd, so that they are not started
// a second time in the name of the same attempt. What has ended properly stays as it is.
func sweep(dir string) error {
	started, err := filepath.Glob(filepath.Join(dir, "*."+outFile))
	if err != nil {
		return err
	}
	for _, out := range started {
		s := spool(strings.TrimSuffix(out, "."+outFile))
		if _, ended := readExit(s); ended {
			continue
		}
		if err := os.WriteFile(s.file(lostFile), nil, 0o600); err != nil {
			return fmt.Errorf("mark a dead process: %w", err)
		}
	}
	return nil
}

// starter starts processes on one thread that never ends: the kernel kills them when
// the thread that started them ends, which is how they die with the shepherd.
func (s *shepherd) starter() {
	runtime.LockOSThread()
	for f := range s.start {
		f()
	}
}

func (s *shepherd) serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	s.hosts[conn] = true
	s.idle.Stop()
	s.mu.Unlock()
	var write sync.Mutex
	reply := func(a answer) {
		write.Lock()
		defer write.Unlock()
		if err := writeLine(conn, a); err != nil {
			conn.Close()
		}
	}
	if err := lines(conn, func(r request) error { s.handle(r, reply); return nil }); err != nil {
		reply(answer{Error: err.Error()})
	}
	s.mu.Lock()
	delete(s.hosts, conn)
	s.rest()
	s.mu.Unlock()
}

// rest lets the shepherd end soon if it has nothing to do; s.mu is held.
func (s *shepherd) rest() {
	if len(s.hosts) == 0 && len(s.procs) == 0 {
		s.idle.Reset(Linger)
	}
}

func (s *shepherd) handle(r request, reply func(answer)) {
	switch r.Do {
	case "term", "kill":
		s.mu.Lock()
		c := s.procs[r.ID]
		running := c != nil && c.pid != 0
		s.mu.Unlock()
		if running {
			sig := syscall.SIGTERM
			if r.Do == "kill" {
				sig = syscall.SIGKILL
			}
			signalGroup(c.pid, sig)
		}
	case "drop":
		if err := s.drop(r); err != nil {
			fmt.Fprintln(os.Stderr, "shepherd:", err)
		}
	case "start":
		c := s.startOnce(r)
		go func() {
			<-c.done
			if c.err != nil {
				reply(answer{ID: r.ID, Error: c.err.Error()})
				return
			}
			reply(answer{ID: r.ID, Exit: &c.exit})
		}()
	default:
		reply(answer{ID: r.ID, Error: fmt.Sprintf("unknown request %q", r.Do)})
	}
}

// startOnce starts a process unless it runs or has run already: the request of a host
// that was killed may come beside that of its successor.
func (s *shepherd) startOnce(r request) *child {
	s.mu.Lock()
	if c := s.procs[r.ID]; c != nil {
		s.mu.Unlock()
		return c
	}
	c := &child{req: r, done: make(chan struct{})}
	if c.ended() {
		s.mu.Unlock()
		close(c.done)
		return c
	}
	s.procs[r.ID] = c
	s.mu.Unlock()
	if err := s.launch(c); err != nil {
		c.err = err
		s.forget(c)
	}
	return c
}

// ended says that the process ran before, and how that ended.
func (c *child) ended() (ok bool) {
	if c.exit, ok = readExit(c.req.Spool); ok {
		return true
	}
	if _, err := os.Stat(c.req.Spool.file(lostFile)); err == nil {
		c.err = ErrShepherd
	}
	return c.err != nil
}

// forget ends a child's part in the shepherd.
func (s *shepherd) forget(c *child) {
	s.mu.Lock()
	delete(s.procs, c.req.ID)
	s.rest()
	dropped := c.dropped
	s.mu.Unlock()
	if dropped {
		if err := c.req.Spool.remove(all()...); err != nil {
			fmt.Fprintln(os.Stderr, "shepherd:", err)
		}
	}
	close(c.done)
}

// drop ends a process if it runs, and removes what it has left.
func (s *shepherd) drop(r request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.procs[r.ID]
	if c == nil {
		return r.Spool.remove(all()...)
	}
	c.dropped = true // forget removes
	if c.pid != 0 {
		signalGroup(c.pid, syscall.SIGKILL)
	}
	return nil
}

func signalGroup(pid int, sig syscall.Signal) {
	if err := syscall.Kill(-pid, sig); err != nil {
		return // the group is gone already
	}
}

// launch starts a process with its output going to its spool.
func (s *shepherd) launch(c *child) error {
	r := c.req
	if len(r.Argv) == 0 {
		return errors.New("no command")
	}
	out, err := os.OpenFile(r.Spool.file(outFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the output file: %w", err)
	}
	defer out.Close()
	in, err := stdin(r)
	if err != nil {
		return err
	}
	defer in.Close()
	path, err := lookPath(r)
	if err != nil {
		return err
	}
	before := s.countOOM(oomInterval)
	var proc *os.Process
	started := make(chan struct{})
	s.start <- func() {
		proc, err = os.StartProcess(path, r.Argv, &os.ProcAttr{
			Dir: r.Dir, Env: r.Env, Files: []*os.File{in, out, out}, Sys: sysProcAttr(),
		})
		close(started)
	}
	<-started
	if err != nil {
		return startError(r, err)
	}
	s.mu.Lock()
	c.pid = proc.Pid
	if c.dropped {
		signalGroup(c.pid, syscall.SIGKILL)
	}
	s.mu.Unlock()
	go s.wait(c, proc, before)
	return nil
}

func startError(r request, err error) error {
	var pe *os.PathError
	if r.Dir != "" && errors.As(err, &pe) && errors.Is(err, os.ErrNotExist) {
		if _, serr := os.Stat(r.Dir); serr != nil {
			return fmt.Errorf("the working directory %s does not exist", r.Dir)
		}
	}
	return fmt.Errorf("start %s: %w", r.Argv[0], err)
}

// lookPath finds the program in the PATH of the process' own environment.
func lookPath(r request) (string, error) {
	name := r.Argv[0]
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(r.Dir, name)
		}
		return name, nil
	}
	for _, e := range r.Env {
		list, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			p := filepath.Join(dir, name)
			if st, err := os.Stat(p); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
				return p, nil
			}
		}
		return "", fmt.Errorf("command %q was not found in PATH=%s", name, list)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("command %q was not found", name)
	}
	return path, nil
}

// stdin is a file with what the process reads, or the null device.
func stdin(r request) (*os.File, error) {
	if r.Stdin == nil {
		return os.Open(os.DevNull)
	}
	f, err := os.CreateTemp(filepath.Split(r.Spool.file("in-*")))
	if err != nil {
		return nil, fmt.Errorf("prepare standard input: %w", err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(r.Stdin); err != nil {
		f.Close()
		return nil, fmt.Errorf("prepare standard input: %w", err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("prepare standard input: %w", err)
	}
	return f, nil
}

// killedChild is the exit code by which shells tell that a command of theirs got SIGKILL.
const killedChild = 128 + int(syscall.SIGKILL)

// wait waits for a process, ends what it left behind, and writes down how it ended.
func (s *shepherd) wait(c *child, proc *os.Process, oomBefore int) {
	watched := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(watched)
		c.watchMemory(stop)
	}()
	st, err := proc.Wait()
	close(stop)
	<-watched
	signalGroup(c.pid, syscall.SIGKILL) // background children of the task end with it
	c.exit = exitOf(st, err)
	c.exit.MaxRSS = max(c.exit.MaxRSS, c.maxRSS)
	// A shell whose last command was killed ends with killedChild itself.
	killed := c.exit.Signal == "SIGKILL" || c.exit.Code == killedChild
	c.exit.OOM = c.oom || killed && s.countOOM(0) > oomBefore
	b, err := json.Marshal(c.exit)
	if err == nil {
		err = os.WriteFile(c.req.Spool.file(exitFile), b, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shepherd:", err)
	}
	s.forget(c)
}

func exitOf(st *os.ProcessState, err error) task.Exit {
	if err != nil {
		return task.Exit{Code: -1, LastLine: err.Error()}
	}
	x := task.Exit{Code: st.ExitCode()}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		x.Code, x.Signal = -1, unix.SignalName(ws.Signal())
	}
	if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
		x.MaxRSS = ru.Maxrss * rssUnit
	}
	return x
}
