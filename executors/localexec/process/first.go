//go:build unix

package process

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// First is the work of process 1 of a container, which a runner that starts processes
// cannot do itself: it starts this program again with the same arguments, passes signals on
// to it, reaps whatever was orphaned, and returns its exit code (128 and the number of a
// signal that ended it). All that is left in the container ends with process 1.
func First() (code int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	p, err := os.StartProcess(self, os.Args, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", self, err)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-signals:
				// By number: Go's own idea of whether the process lives is not kept here.
				if n, ok := s.(syscall.Signal); ok {
					_ = syscall.Kill(p.Pid, n) // it has ended: so does this process
				}
			case <-done:
				return
			}
		}
	}()
	return reap(p.Pid)
}

// reap waits for all children until the one with this number has ended.
func reap(pid int) (code int, err error) {
	for {
		var st syscall.WaitStatus
		got, err := syscall.Wait4(-1, &st, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait for processes: %w", err)
		case got == pid && st.Exited():
			return st.ExitStatus(), nil
		case got == pid && st.Signaled():
			return 128 + int(st.Signal()), nil
		}
	}
}
