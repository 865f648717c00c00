package operatortest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/updraft-dev/updraft/task"
)

// Processes runs commands of the machine and keeps what was asked for.
type Processes struct {
	mu       sync.Mutex
	commands []task.Command
}

// Commands are the commands run so far.
func (p *Processes) Commands() []task.Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]task.Command(nil), p.commands...)
}

// Exec implements task.Processes.
func (p *Processes) Exec(ctx context.Context, c task.Command) (task.Exit, error) {
	p.mu.Lock()
	p.commands = append(p.commands, c)
	p.mu.Unlock()
	if c.Scratch {
		dir, err := os.MkdirTemp("", "updraft-test-")
		if err != nil {
			return task.Exit{}, err
		}
		defer os.RemoveAll(dir)
		c.Dir = dir
	}
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = c.Env, c.Dir, c.Grace
	if c.Env == nil {
		cmd.Env = []string{} // exec would inherit the test's
	}
	if c.Stdin != nil {
		cmd.Stdin = bytes.NewReader(c.Stdin)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	var all bytes.Buffer
	out := io.MultiWriter(c.Output, &all)
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if cmd.Process == nil {
		return task.Exit{}, err
	}
	lines := strings.Split(strings.TrimRight(all.String(), "\n"), "\n")
	e := task.Exit{Code: cmd.ProcessState.ExitCode(), LastLine: lines[len(lines)-1]}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		e.Signal = signalName(s.Signal())
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) && ctx.Err() == nil && !errors.Is(err, exec.ErrWaitDelay) {
		return e, err
	}
	return e, nil
}

func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGKILL:
		return "SIGKILL"
	default:
		return s.String()
	}
}
