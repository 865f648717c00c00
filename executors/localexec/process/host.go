//go:build unix

package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/updraft-dev/updraft/task"
)

// Config says where a Host keeps what it needs.
type Config struct {
	// Dir is a folder of its own, made with mode 0700: socket, lock, spools.
	Dir string
	// Shepherd is the command that calls Shepherd with Socket(Dir).
	Shepherd []string
}

// Socket is where the shepherd of a folder listens.
func Socket(dir string) string { return filepath.Join(dir, "shepherd.sock") }

// Host starts processes through a shepherd, which it starts when it is first needed.
// It is safe for concurrent use.
type Host struct {
	cfg Config

	mu      sync.Mutex
	conn    net.Conn
	waiting map[string]chan answer
}

var _ task.Processes = (*Host)(nil)

// ErrShepherd says that the shepherd died, and the processes with it.
var ErrShepherd = errors.New("the process that supervises local tasks has died")

// Open returns a host. A shepherd that an earlier process has left behind is used
// again.
func Open(cfg Config) (*Host, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of local processes: %w", err)
	}
	// The address of a Unix socket is bounded by the system, at about 100 bytes.
	if len(Socket(cfg.Dir)) > 100 {
		return nil, fmt.Errorf("the path %s is too long for a Unix socket: set UPDRAFT_HOME to a shorter one", cfg.Dir)
	}
	return &Host{cfg: cfg, waiting: map[string]chan answer{}}, nil
}

// Close drops the connection to the shepherd; processes that still run go on.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn == nil {
		return nil
	}
	return h.conn.Close()
}

// connect returns the connection to the shepherd, starting one if need be; h.mu is held.
func (h *Host) connect(ctx context.Context) (net.Conn, error) {
	if h.conn != nil {
		return h.conn, nil
	}
	socket := Socket(h.cfg.Dir)
	conn, err := net.Dial("unix", socket)
	if err != nil {
		if err := h.startShepherd(ctx); err != nil {
			return nil, err
		}
		for wait := time.Millisecond; ; wait *= 2 {
			if conn, err = net.Dial("unix", socket); err == nil {
				break
			}
			if wait > 4*time.Second {
				return nil, fmt.Errorf("reach the supervisor of local processes: %w", err)
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
	}
	h.conn = conn
	go h.read(conn)
	return conn, nil
}

// startShepherd starts it in a session of its own, so that Ctrl-C is not for it.
func (h *Host) startShepherd(ctx context.Context) error {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), h.cfg.Shepherd[0], h.cfg.Shepherd[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = h.cfg.Dir
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the supervisor of local processes: %w", err)
	}
	go cmd.Wait() //nolint:errcheck // it reports by the socket, not by its exit
	return nil
}

// read hands answers to those who wait for them.
func (h *Host) read(conn net.Conn) {
	err := lines(conn, func(a answer) error {
		h.mu.Lock()
		ch := h.waiting[a.ID]
		delete(h.waiting, a.ID)
		h.mu.Unlock()
		if ch != nil {
			ch <- a
		}
		return nil
	})
	conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn = nil
	for id, ch := range h.waiting {
		ch <- answer{lost: errors.Join(ErrShepherd, err)}
		delete(h.waiting, id)
	}
}

func (h *Host) send(ctx context.Context, r request) (<-chan answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	conn, err := h.connect(ctx)
	if err != nil {
		return nil, err
	}
	var ch chan answer
	if r.Do == "start" {
		ch = make(chan answer, 1)
		h.waiting[r.ID] = ch
	}
	if err := writeLine(conn, r); err != nil {
		delete(h.waiting, r.ID)
		return nil, fmt.Errorf("%w: %w", ErrShepherd, err)
	}
	return ch, nil
}

// Exec implements task.Processes.
func (h *Host) Exec(ctx context.Context, c task.Command) (task.Exit, error) {
	id := identify(c)
	spool := filepath.Join(h.cfg.Dir, id)
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return task.Exit{}, fmt.Errorf("make the output folder: %w", err)
	}
	t := &tail{spool: spool, to: c.Output}
	defer t.close()
	if x, ok := readExit(spool); ok {
		return h.finish(t, x) // it ended while nobody was looking
	}
	ended, err := h.send(ctx, request{
		Do: "start", ID: id, Argv: c.Argv, Env: c.Env, Dir: c.Dir, Stdin: c.Stdin, Spool: spool, Memory: c.Memory,
	})
	if err != nil {
		return task.Exit{}, err
	}
	a := h.await(ctx, id, ended, t, c.Grace)
	if a.lost != nil {
		return task.Exit{}, a.lost
	}
	if a.Exit == nil {
		if err := os.RemoveAll(spool); err != nil {
			return task.Exit{}, err
		}
		return task.Exit{}, errors.New(a.Error)
	}
	return h.finish(t, *a.Exit)
}

// tailInterval is how often the output of a running process is looked at.
const tailInterval = 100 * time.Millisecond

// await waits for the end of a process, handing on its output meanwhile. When ctx
// ends, the process group is asked to end, and killed after the grace.
func (h *Host) await(ctx context.Context, id string, ended <-chan answer, t *tail, grace time.Duration) answer {
	tick := time.NewTicker(tailInterval)
	defer tick.Stop()
	stop := ctx.Done()
	var kill <-chan time.Time
	for {
		select {
		case a := <-ended:
			return a
		case <-tick.C:
			if err := t.copy(); err != nil {
				return answer{lost: err}
			}
		case <-stop:
			stop = nil
			h.signal(ctx, "term", id)
			kill = time.After(grace)
		case <-kill:
			h.signal(ctx, "kill", id)
		}
	}
}

func (h *Host) signal(ctx context.Context, what, id string) {
	if _, err := h.send(context.WithoutCancel(ctx), request{Do: what, ID: id}); err != nil {
		return // the shepherd is gone, and the process with it; await hears of it
	}
}

// finish hands on the rest of the output and forgets the process.
func (h *Host) finish(t *tail, x task.Exit) (task.Exit, error) {
	t.ended = true
	if err := t.copy(); err != nil {
		return x, err
	}
	x.LastLine = t.last()
	if err := os.RemoveAll(t.spool); err != nil {
		return x, fmt.Errorf("remove the output folder: %w", err)
	}
	return x, nil
}

func readExit(spool string) (x task.Exit, ok bool) {
	b, err := os.ReadFile(filepath.Join(spool, exitFile))
	return x, err == nil && json.Unmarshal(b, &x) == nil
}

// tail hands on what a process writes to its output file, and remembers how far it
// came, so that a successor goes on from there.
type tail struct {
	spool  string
	to     io.Writer
	f      *os.File
	offset int64
	line   []byte
	// ended says that the process has ended: what is copied now is the rest.
	ended bool
}

// keptLine bounds the last line that is remembered.
const keptLine = 64 << 10

func (t *tail) copy() error {
	if t.f == nil {
		f, err := os.Open(filepath.Join(t.spool, outFile))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the output: %w", err)
		}
		t.f = f
		if b, err := os.ReadFile(filepath.Join(t.spool, offsetFile)); err == nil {
			if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
				t.offset = n
			}
		}
		if _, err := f.Seek(t.offset, io.SeekStart); err != nil {
			return fmt.Errorf("read the output: %w", err)
		}
	}
	n, err := io.Copy(io.MultiWriter(t.to, (*lastLine)(t)), t.f)
	if err != nil {
		return fmt.Errorf("hand on the output: %w", err)
	}
	if n == 0 {
		return nil
	}
	t.offset += n
	if t.ended {
		return nil // nobody will ask
	}
	return os.WriteFile(filepath.Join(t.spool, offsetFile), strconv.AppendInt(nil, t.offset, 10), 0o600)
}

func (t *tail) close() {
	if t.f != nil {
		t.f.Close()
	}
}

// last is the last line that is not empty at the end of the output.
func (t *tail) last() string {
	b := bytes.TrimRight(t.line, "\r\n")
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// lastLine keeps the end of what is written to it.
type lastLine tail

func (l *lastLine) Write(p []byte) (int, error) {
	l.line = append(l.line, p...)
	if over := len(l.line) - keptLine; over > 0 {
		l.line = append(l.line[:0], l.line[over:]...)
	}
	return len(p), nil
}
