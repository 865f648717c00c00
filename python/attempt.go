package python

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// drainTime is how long output and answers are waited for after the end of a
// process, in case something that left its group still holds their other end.
const drainTime = 500 * time.Millisecond

// Run runs one call in a process of its own and waits for its end. When ctx ends,
// the process group gets SIGTERM (the callable sees AirflowTaskTerminated) and,
// after the grace, SIGKILL; what the callable made of it is in the Result.
//
// The error is nil whenever the Result says how the call ended, whatever it says.
// It is ErrLost when that is unknown, and any other error when nothing was started.
// Errors of c.Output are ignored.
func (r *Runner) Run(ctx context.Context, c Call) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	frame, err := pack(c.frame())
	if err != nil {
		return Result{}, fmt.Errorf("send the call to Python: %w", err)
	}
	p, err := r.alive(ctx)
	if err != nil {
		return Result{}, err
	}
	a := &attempt{call: &c, parent: p, grace: r.config.Grace}
	if err := a.start(frame); err != nil {
		return Result{}, fmt.Errorf("%w: start an attempt: %w", ErrLost, err)
	}
	return a.wait(ctx)
}

// attempt is one Run under way.
type attempt struct {
	call   *Call
	parent *parent
	grace  time.Duration

	conn    *net.UnixConn
	process *child
	output  *output

	// Why it was killed by us, if it was.
	cancelled, overdue bool
}

func (a *attempt) start(frame []byte) error {
	conn, theirs, err := socketpair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	a.output, err = openOutput(a.call.Output)
	if err != nil {
		_ = conn.Close()
		return err
	}
	var argv []string
	if python := a.python(); python != "" {
		argv = a.parent.attemptArgv(python)
	}
	a.process, err = a.parent.spawn(spawnFrame{Exec: argv, Env: envMap(a.call.Env), Bare: a.call.BareEnv}, theirs, a.output.file)
	a.output.given()
	if err != nil {
		_ = conn.Close()
		a.output.finish()
		return err
	}
	a.conn = conn
	go func() {
		// A call that does not arrive shows as an attempt without a result.
		_, _ = conn.Write(frame)
	}()
	return nil
}

// python is the interpreter to start, or empty for a fork.
func (a *attempt) python() string {
	if a.call.Python == "" {
		if a.call.Isolated {
			return a.parent.hello.Executable
		}
		return ""
	}
	if path, err := exec.LookPath(a.call.Python); err == nil {
		return path
	}
	return a.call.Python // not found: the process will say so
}

// wait sees the attempt through: questions, result, end of the process, output.
func (a *attempt) wait(ctx context.Context) (Result, error) {
	answers, stop := context.WithCancel(context.WithoutCancel(ctx))
	said := make(chan *Result, 1)
	go func() {
		said <- a.converse(answers)
		close(said) // asked again, there is nothing more
	}()
	result, exit, err := a.watch(ctx, said)
	if result == nil {
		// What it said before its end is still in the socket.
		timer := time.AfterFunc(drainTime, func() { stop(); _ = a.conn.Close() })
		result = <-said
		timer.Stop()
	}
	stop()
	_ = a.conn.Close()
	a.output.finish()
	if err != nil {
		if result == nil {
			return Result{}, err
		}
		exit = exitFrame{} // it had said its result: how the process ended is not asked
	}
	if result == nil {
		result = a.unsaid(exit)
	}
	if exit.Code != 0 { // a callable that said sys.exit leaves its process in order
		result.ExitCode = exit.Code
	}
	result.Signal, result.MaxRSS = "", exit.MaxRSS
	if exit.Signal != 0 {
		result.ExitCode, result.Signal = -1, signalName(exit.Signal)
	}
	return *result, nil
}

// watch waits for the end of the process, and brings it about when ctx or the
// timeout ends, or when it stays after its result.
func (a *attempt) watch(ctx context.Context, said <-chan *Result) (*Result, exitFrame, error) {
	var result *Result
	kill := time.NewTimer(time.Hour)
	kill.Stop()
	defer kill.Stop()
	if a.call.Timeout > 0 {
		kill.Reset(a.call.Timeout + a.grace)
	}
	done := ctx.Done()
	for {
		select {
		case exit := <-a.process.exit:
			if exit.Op == "failed" {
				return nil, exit, fmt.Errorf("%w: fork: %s", ErrLost, exit.Error)
			}
			return result, exit, nil
		case <-a.parent.gone:
			select {
			case exit := <-a.process.exit:
				return result, exit, nil
			default:
				return result, exitFrame{Code: -1, Signal: int(syscall.SIGKILL)}, ErrLost
			}
		case result = <-said:
			said = nil
			if result != nil {
				kill.Reset(a.grace)
			}
		case <-done:
			done, a.cancelled = nil, true
			a.parent.signal(a.process, syscall.SIGTERM)
			kill.Reset(a.grace)
		case <-kill.C:
			a.overdue = !a.cancelled
			a.parent.signal(a.process, syscall.SIGKILL)
		}
	}
}

// converse answers the questions of the attempt until it says its result; nil
// when it ends without one.
func (a *attempt) converse(ctx context.Context) *Result {
	r := bufio.NewReader(a.conn)
	for {
		var f attemptFrame
		if err := readFrame(r, &f); err != nil {
			return nil
		}
		if f.Op == "result" {
			result := f.result()
			return &result
		}
		reply, err := pack(respond(ctx, a.call.Handler, &f))
		if err != nil {
			reply, err = pack(answer{Error: fmt.Sprintf("%s: %v", f.Op, err)})
		}
		if err != nil {
			return nil
		}
		if _, err := a.conn.Write(reply); err != nil {
			return nil
		}
	}
}

// unsaid is the result of an attempt whose process ended without saying one.
func (a *attempt) unsaid(exit exitFrame) *Result {
	name := signalName(exit.Signal)
	sig := syscall.Signal(exit.Signal)
	switch {
	case sig == syscall.SIGKILL && a.overdue:
		return &Result{Outcome: OutcomeTimeout, ErrType: "AirflowTaskTimeout", ErrMessage: fmt.Sprintf(
			"the task did not end within %v after its timeout of %v and was killed", a.grace, a.call.Timeout)}
	case sig == syscall.SIGKILL && a.cancelled:
		return &Result{Outcome: OutcomeKilled, ErrMessage: fmt.Sprintf(
			"the task was told to end, did not within %v, and was killed", a.grace)}
	case sig == syscall.SIGTERM && a.cancelled:
		return &Result{Outcome: OutcomeKilled, ErrMessage: "the task was told to end (SIGTERM)"}
	case sig == syscall.SIGKILL || sig == syscall.SIGTERM:
		return &Result{Outcome: OutcomeKilled, ErrMessage: fmt.Sprintf(
			"the process was ended by %s from outside of Updraft (out of memory?)", name)}
	case exit.Signal != 0:
		return &Result{Outcome: OutcomeFail, ErrMessage: fmt.Sprintf("the process crashed with %s", name)}
	case exit.Code == tooOld && a.call.Python != "":
		return &Result{Outcome: OutcomeFail, ErrMessage: fmt.Sprintf(
			"%s is too old: name a Python 3.9 or newer", a.call.Python)}
	}
	return &Result{Outcome: OutcomeFail, ErrMessage: fmt.Sprintf(
		"the process ended with code %d before the callable returned", exit.Code)}
}

// output is where an attempt writes: a file, or a pipe to a writer.
type output struct {
	file *os.File
	own  bool
	read *os.File
	done chan struct{}
}

func openOutput(w io.Writer) (*output, error) {
	if f, ok := w.(*os.File); ok && f != nil {
		return &output{file: f}, nil
	}
	if w == nil {
		f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		return &output{file: f, own: true}, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	// The process must not see EAGAIN where it expects to wait.
	if err := syscall.SetNonblock(int(write.Fd()), false); err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	o := &output{file: write, own: true, read: read, done: make(chan struct{})}
	go func() {
		defer close(o.done)
		if _, err := io.Copy(w, read); err != nil {
			// A full pipe would stop the task.
			_, _ = io.Copy(io.Discard, read)
		}
	}()
	return o, nil
}

// given closes our copy of the end that the process has now.
func (o *output) given() {
	if o.own {
		o.file.Close()
	}
}

// finish waits for the rest of the output, not longer than drainTime.
func (o *output) finish() {
	if o.read == nil {
		return
	}
	timer := time.AfterFunc(drainTime, func() { o.read.Close() })
	<-o.done
	timer.Stop()
	o.read.Close()
}
