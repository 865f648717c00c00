package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// killGrace is the time that a command has between SIGTERM and the end of its session.
const killGrace = 5 * time.Second

// errSilent says that the command wrote nothing for cmd_timeout.
var errSilent = errors.New("silent for too long")

// run runs the command and returns what it wrote and its exit code.
func (t *target) run(ctx context.Context, client *ssh.Client, command string) (*output, int, error) {
	s, err := client.NewSession()
	if err != nil {
		return nil, 0, unreachable(ctx, fmt.Errorf("opening a session on %s: %w", t.address(), err))
	}
	defer func() { _ = s.Close() }() // io.EOF when it has ended by itself
	if err := t.prepare(ctx, s, command); err != nil {
		return nil, 0, err
	}
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := newOutput(t.a.Output)
	if t.cmdTimeout > 0 {
		timer := time.AfterFunc(t.cmdTimeout, func() { cancel(errSilent) })
		defer timer.Stop()
		out.heard = func() { timer.Reset(t.cmdTimeout) }
	}
	s.Stdout, s.Stderr = out.stream(true), out.stream(false)
	t.a.Log.InfoContext(ctx, "running the command", "host", t.address(), "user", t.user)
	if err := s.Start(command); err != nil {
		return nil, 0, unreachable(ctx, fmt.Errorf("starting the command on %s: %w", t.address(), err))
	}
	alive := t.keepAlives(watched, client, cancel)
	err = t.wait(watched, s, client)
	cancel(nil)
	<-alive
	out.flush()
	return t.ended(watched, out, err)
}

// prepare sets the environment and, if wanted, a terminal.
func (t *target) prepare(ctx context.Context, s *ssh.Session, command string) error {
	for _, name := range slices.Sorted(maps.Keys(t.environment)) {
		value, _ := t.environment[name].(string)
		if err := s.Setenv(name, value); err != nil {
			t.a.Log.WarnContext(ctx, "the server does not take variable "+name+": name it in AcceptEnv of its sshd_config, or set it in the command")
		}
	}
	if !t.pty && !strings.HasPrefix(command, "sudo") {
		return nil
	}
	if err := s.RequestPty("vt100", 24, 80, ssh.TerminalModes{}); err != nil {
		return unreachable(ctx, fmt.Errorf("asking %s for a terminal: %w", t.address(), err))
	}
	return nil
}

// wait waits for the command's end. When ctx ends it gets SIGTERM, and the connection is
// closed after a while: a command with a terminal then ends for certain.
func (t *target) wait(ctx context.Context, s *ssh.Session, client *ssh.Client) error {
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = s.Wait()
	}()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	_ = s.Signal(ssh.SIGTERM) // old servers do not pass signals on
	timer := time.NewTimer(killGrace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
	_ = client.Close() // ends Wait
	return context.Cause(ctx)
}

// ended says how the command ended.
func (t *target) ended(ctx context.Context, out *output, err error) (*output, int, error) {
	var exit *ssh.ExitError
	switch {
	case errors.Is(err, errSilent):
		return nil, 0, &task.CauseError{Cause: run.CauseTimeout, Err: fmt.Errorf(
			"the command on %s wrote nothing for %s: raise cmd_timeout, or set it to 0 (None) for as long as it likes", t.address(), t.cmdTimeout)}
	case err == nil:
		return out, 0, nil
	case errors.As(err, &exit) && exit.Signal() != "":
		return nil, 0, &task.CauseError{Cause: run.CauseTask, ExitCode: -1, Err: fmt.Errorf("killed by SIG%s", exit.Signal())}
	case errors.As(err, &exit):
		return out, exit.ExitStatus(), nil
	case errors.Is(err, errLost), !errors.Is(err, context.Cause(ctx)):
		return nil, 0, &task.CauseError{Cause: run.CauseInfra, Err: fmt.Errorf("the connection to %s broke off: %w", t.address(), err)}
	}
	return nil, 0, fmt.Errorf("stopped: %w", err)
}

// errLost says that the server does not answer any more.
var errLost = errors.New("it does not answer")

// keepAlives asks the server for a sign of life now and then, until ctx ends; without
// one, it cancels. The channel is closed when it has ended.
func (t *target) keepAlives(ctx context.Context, client *ssh.Client, cancel context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if t.keepAlive <= 0 {
			return
		}
		ticker := time.NewTicker(t.keepAlive)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			lost := time.AfterFunc(t.keepAlive, func() { _ = client.Close() })
			_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
			lost.Stop()
			if err != nil {
				cancel(errLost)
				return
			}
		}
	}()
	return done
}

// output hands lines on to the log as they come and keeps standard output.
type output struct {
	mu      sync.Mutex
	to      io.Writer
	heard   func()
	stdout  []byte
	over    bool
	last    string
	streams []*stream
}

func newOutput(to io.Writer) *output { return &output{to: to, heard: func() {}} }

// stream is the writer of standard output (kept) or standard error.
func (o *output) stream(keep bool) io.Writer {
	s := &stream{o: o, keep: keep}
	o.streams = append(o.streams, s)
	return s
}

// flush writes what has no newline at its end.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.streams {
		if len(s.line) > 0 {
			_ = o.log(append(s.line, '\n'))
			s.line = nil
		}
	}
}

// log writes whole lines, whose last one says most about a failure.
func (o *output) log(lines []byte) error {
	text := bytes.TrimSpace(lines)
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	if len(text) > 0 {
		o.last = strings.ToValidUTF8(string(text[:min(len(text), maxReason)]), "\uFFFD")
	}
	_, err := o.to.Write(lines)
	return err
}

func (o *output) lastLine() string { return o.last }

const (
	// maxReason bounds the line in an error, and maxLine what waits for its newline.
	maxReason = 500
	maxLine   = 64 << 10
)

// stream is one of the two, whose lines must not be mixed with the other's.
type stream struct {
	o    *output
	keep bool
	line []byte
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.heard()
	if s.keep && !s.o.over {
		if s.o.over = len(s.o.stdout)+len(p) > MaxOutput; !s.o.over {
			s.o.stdout = append(s.o.stdout, p...)
		}
	}
	s.line = append(s.line, p...)
	end := bytes.LastIndexByte(s.line, '\n') + 1
	if end == 0 && len(s.line) > maxLine {
		end = len(s.line)
	}
	if end > 0 {
		if err := s.o.log(s.line[:end]); err != nil {
			return 0, err
		}
		s.line = append([]byte(nil), s.line[end:]...)
	}
	return len(p), nil
}
