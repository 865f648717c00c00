// Command weatherapi is a small weather service for trying Updraft without a network.
// It serves fixed answers on a free local port, runs the command given after --
// with the service's address in AIRFLOW_CONN_WEATHER_API, and stops when the command
// ends, with its exit code. Without a command it serves until it is interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/updraft-dev/updraft/cmd/weatherapi/weather"
)

// addressVariable is the connection weather_api of the sample pipeline.
const addressVariable = "AIRFLOW_CONN_WEATHER_API"

// signalled is what shells add to a signal's number to make an exit code of it.
const signalled = 128

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	code, err := serve(context.Background(), args, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "weatherapi:", err)
		code = 1
	}
	os.Exit(code)
}

// serve serves while the command runs, or else until a signal or the end of ctx, and
// returns the exit code.
func serve(ctx context.Context, command []string, out io.Writer) (int, error) {
	h, err := weather.Handler()
	if err != nil {
		return 0, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go srv.Serve(ln) //nolint:errcheck // it ends with Close
	defer srv.Close()
	address := "http://" + ln.Addr().String()
	if len(command) > 0 {
		return run(ctx, command, address, out)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(out, "serving the weather on %s\nexport %s=%s\n", address, addressVariable, address)
	<-ctx.Done()
	return 0, nil
}

// run runs the command. Ctrl-C reaches it without our help, as it is in our process
// group, and must not end us before it; SIGTERM is passed on.
func run(ctx context.Context, command []string, address string, out io.Writer) (int, error) {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, out, os.Stderr
	cmd.Env = append(os.Environ(), addressVariable+"="+address)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && (ctx.Err() == nil || cmd.ProcessState == nil) {
		return 0, err
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return signalled + int(s.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
