//go:build unix

package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/updraft-dev/updraft/run"
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
	// left is what this host knows to be on the disk until Forget: the files of an
	// attempt's processes, and whether their end has been seen.
	left  map[run.Attempt]map[string]bool
	shelf shelf
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
	return &Host{cfg: cfg, waiting: map[string]chan answer{}, left: map[run.Attempt]map[string]bool{}, shelf: shelf{free: map[string][]string{}}}, nil
}

// Close drops the connection to the shepherd; processes that still run go on.
func (h *Host) Close() error {
	err := h.shelf.close()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn == nil {
		return err
	}
	return errors.Join(err, h.conn.Close())
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
				return nil, broken(fmt.Errorf("reach the supervisor of local processes: %w", err))
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

// reach has a shepherd be there.
func (h *Host) reach(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.connect(ctx)
	return err
}

// broken is a fault of this machine: the task has not begun, and is tried again.
func broken(err error) error { return &task.CauseError{Cause: run.CauseInfra, Err: err} }

// startShepherd starts it in a session of its own, so that Ctrl-C is not for it.
func (h *Host) startShepherd(ctx context.Context) error {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), h.cfg.Shepherd[0], h.cfg.Shepherd[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = h.cfg.Dir
	if err := cmd.Start(); err != nil {
		return broken(fmt.Errorf("start the supervisor of local processes: %w", err))
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
	id := identify(c.Attempt, c.Name)
	if h.again(c.Attempt, id) { // the attempt runs the same command once more
		if err := h.retire(id); err != nil {
			return task.Exit{}, fmt.Errorf("remove what it left before: %w", err)
		}
	}
	t := &tail{spool: h.spool(id), to: c.Output}
	defer t.close()
	exit, err := h.exec(ctx, c, id, t)
	if c.Scratch && !errors.Is(err, ErrShepherd) { // it may go on
		exit.Left = h.removeScratch(id)
	}
	return exit, err
}

func (h *Host) exec(ctx context.Context, c task.Command, id string, t *tail) (exit task.Exit, err error) {
	if x, ok := readExit(t.spool); ok {
		return h.finish(c.Attempt, id, t, x) // it ended while nobody was looking
	}
	// First: a shepherd that is started now takes what is there for what an earlier one had
	// started.
	if err := h.reach(ctx); err != nil {
		return exit, err
	}
	h.reuse(t.spool)
	if c.Scratch {
		if c.Dir, err = h.makeScratch(id); err != nil {
			return exit, err
		}
	}
	ended, err := h.send(ctx, request{
		Do: "start", ID: id, Argv: c.Argv, Env: c.Env, Dir: c.Dir, Stdin: c.Stdin, Spool: t.spool, Memory: c.Memory,
	})
	if err != nil {
		return exit, err
	}
	a := h.await(ctx, id, ended, t, c.Grace)
	if a.lost != nil {
		return exit, a.lost
	}
	if a.Exit == nil {
		if err := t.spool.remove(all()...); err != nil {
			return exit, err
		}
		return exit, errors.New(a.Error)
	}
	return h.finish(c.Attempt, id, t, *a.Exit)
}

// spool is where the files of a process are.
func (h *Host) spool(id string) spool { return spool(filepath.Join(h.cfg.Dir, id)) }

// tailInterval is how often the output of a running process is looked at.
const tailInterval = 100 * time.Millisecond

// await waits for the end of a process, handing on its output meanwhile. When ctx
// ends, the process group is asked to end, and killed after the grace.
func (h *Host) await(ctx context.Context, id string, ended <-chan answer, t *tail, grace time.Duration) answer {
	tick := time.NewTicker(tailInterval)
	defer tick.Stop()
	stop := ctx.Done()
	var kill <-chan time.Time
	var failed error
	for {
		select {
		case a := <-ended:
			a.lost = cmp.Or(a.lost, failed)
			return a
		case <-tick.C:
			if failed = t.copy(); failed != nil { // nobody would hear what it says
				tick.Stop()
				h.signal(ctx, "kill", id)
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

// finish hands on the rest of the output. How the process ended stays on the disk until
// Forget: whoever is killed before its report is durable finds it there again.
func (h *Host) finish(a run.Attempt, id string, t *tail, x task.Exit) (task.Exit, error) {
	if err := t.finish(); err != nil {
		return x, err
	}
	x.LastLine = t.last()
	h.mu.Lock()
	defer h.mu.Unlock()
	if ids := h.left[a]; ids != nil {
		ids[id] = true
	}
	return x, nil
}
