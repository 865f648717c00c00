// Command worker stands for the worker in the container of a task: it does what the task of
// its attempt is called.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/queue"
)

func main() {
	if len(os.Args) != 3 || os.Args[1] != ecsevent.Command {
		fmt.Fprintf(os.Stderr, "arguments are %q\n", os.Args)
		os.Exit(2)
	}
	e, err := queue.Decode([]byte(os.Args[2]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	switch e.Attempt.Task {
	case "succeed":
	case "fail":
		os.Exit(3)
	case "wait":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		os.Exit(143)
	default:
		fmt.Fprintf(os.Stderr, "task is %q\n", e.Attempt.Task)
		os.Exit(2)
	}
}
