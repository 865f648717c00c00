// Command updraft-kube is what knows Kubernetes: `updraft-kube controller` makes the pods of
// the kubernetes executor; `pod`, `check-pods` and `run-pod` do for other programs of Updraft
// what needs Kubernetes' client, which is large.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/outside"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
	"github.com/updraft-dev/updraft/kube"
	"github.com/updraft-dev/updraft/kube/podrun"
	"github.com/updraft-dev/updraft/operators/kubernetes"
	"github.com/updraft-dev/updraft/postgres"
)

// version is set by the linker.
var version = "dev"

const usage = `updraft-kube is what knows Kubernetes.

  updraft-kube controller   makes a pod for each task of the kubernetes executor; its settings
                            are those of updraft, in the environment (UPDRAFT_STORE, ...)
  updraft-kube version      says which version this is

updraft itself uses these, with a request on standard input:

  updraft-kube pod          shows the pod of a task (updraft tasks pod)
  updraft-kube check-pods   says which tasks could not have one (updraft dags validate --pods)
  updraft-kube run-pod      runs the pod of a KubernetesPodOperator
`

func main() {
	command := ""
	if len(os.Args) == 2 {
		command = os.Args[1]
	}
	switch command {
	case "controller":
		os.Exit(told(control()))
	case kubeevent.Show:
		os.Exit(told(kube.Show(os.LookupEnv, os.Stdin, os.Stdout)))
	case kubeevent.Check:
		os.Exit(told(kube.Check(os.LookupEnv, os.Stdin, os.Stdout)))
	case kubernetes.Command:
		os.Exit(podrun.Main(os.Stdin, os.Stdout))
	case "version", "--version":
		fmt.Println(version)
	case "help", "--help", "-h":
		fmt.Print(usage)
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
}

// told says why a command has failed, and returns its exit code.
func told(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	return 1
}

func control() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	account := &cloud.Account{Release: version, Load: profiles.LoadFor}
	drivers := embedded.Join(cloud.Drivers(account), embedded.KeyFile(), outside.MinIO(), outside.Secrets(account), postgres.Drivers())
	return kube.Main(ctx, account, drivers)
}
