package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
)

const (
	// headerTime and idleTime bound what scrapers and probes may take.
	headerTime, idleTime = 5 * time.Second, time.Minute
	// closeTime bounds the end.
	closeTime = 5 * time.Second
)

// Main runs a controller of the installation that the environment describes, until ctx ends,
// and serves its health and metrics at the address of the setting listen.
func Main(ctx context.Context, a *cloud.Account, drivers embedded.Drivers) (err error) {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	klog.SetSlogLogger(log)
	cluster, namespace, err := Cluster()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return fmt.Errorf("make a client of the cluster: %w", err)
	}
	f, release, err := cloud.OpenFunction(ctx, a, drivers, log)
	if err != nil {
		return err
	}
	defer release()
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		err = errors.Join(err, f.Close(ending))
	}()
	c, err := Open(f, Options{Client: client, Namespace: namespace})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", f.Config.Text("listen"))
	if err != nil {
		return fmt.Errorf("setting listen: %w", err)
	}
	log.InfoContext(ctx, "controller begins", "version", a.Release, "address", ln.Addr().String(), "namespace", c.exec.Namespace())
	return c.serve(ctx, ln)
}

// serve runs the controller and answers requests until ctx ends.
func (c *Controller) serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{Handler: c.Handler(), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve health and metrics: %w", err)
		}
		return nil
	})
	all.Go(func() error {
		defer srv.Close()
		return c.Run(ctx)
	})
	return all.Wait()
}

// Show answers a kubeevent.ShowRequest: the pod that an attempt would have by the settings in
// the environment. It calls nobody.
func Show(lookup func(string) (string, bool), in io.Reader, out io.Writer) error {
	b, _, err := builder(lookup)
	if err != nil {
		return err
	}
	return b.Answer(in, out)
}

// Check answers a kubeevent.CheckRequest by the settings in the environment. It calls nobody.
func Check(lookup func(string) (string, bool), in io.Reader, out io.Writer) error {
	b, c, err := builder(lookup)
	if err != nil {
		return err
	}
	return b.AnswerCheck(in, out, c.Text("executor") == executors.Kubernetes)
}

// builder builds pods by the settings in an environment, and by nothing of a cluster.
func builder(lookup func(string) (string, bool)) (*kubepod.Builder, *config.Config, error) {
	c, err := config.Load(config.Input{Lookup: lookup})
	if err != nil {
		return nil, nil, err
	}
	pods, err := Pods(c, "default")
	if err != nil {
		return nil, nil, err
	}
	// Those of the chart are not known to a laptop.
	pods.RunnerImage = cmp.Or(pods.RunnerImage, "RUNNER-IMAGE")
	if len(pods.Template) == 0 {
		pods.Image = cmp.Or(pods.Image, "TASK-IMAGE")
	}
	b, err := kubepod.New(pods)
	return b, c, err
}
