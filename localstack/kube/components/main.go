// Command kube is every program of the test cluster in one binary, with etcd and kubectl.
// The name it is called by, or else its first argument, says which one to be. Only that
// one's command is built: two in one process panic on flags that both register.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // measures what the components ask of the API server
	_ "k8s.io/component-base/metrics/prometheus/version"  // tells the version at /metrics
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// program returns what a name stands for, or nil.
func program(name string) func() {
	switch name {
	case "etcd":
		return func() { etcdmain.Main(os.Args) }
	case "kubectl":
		return func() { // it prints its own errors
			if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
				kubectlutil.CheckErr(err)
			}
		}
	case "kube-apiserver":
		return func() { run(apiserver.NewAPIServerCommand()) }
	case "kube-controller-manager":
		return func() { run(controllermanager.NewControllerManagerCommand()) }
	case "kube-scheduler":
		return func() { run(scheduler.NewSchedulerCommand()) }
	case "kubelet":
		return func() { run(kubelet.NewKubeletCommand(context.Background())) }
	}
	return nil
}

func run(c *cobra.Command) { os.Exit(cli.Run(c)) }

func main() {
	be := program(filepath.Base(os.Args[0]))
	if be == nil && len(os.Args) > 1 {
		os.Args = os.Args[1:]
		be = program(os.Args[0])
	}
	if be == nil {
		fmt.Fprintln(os.Stderr, "usage: kube etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kubectl ...")
		os.Exit(2)
	}
	be()
}
