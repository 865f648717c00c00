package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/operators/kubernetes"
	"github.com/updraft-dev/updraft/run"
)

// podFlags are those of `updraft tasks pod`.
type podFlags struct {
	m      mapIndex
	run    string
	try    int
	output string
}

func (a *app) tasksPodCommand() *cobra.Command {
	f := podFlags{output: "yaml"}
	c := &cobra.Command{
		Use: "pod DAG TASK", Short: "Show the pod that a task would have in Kubernetes",
		Long: `Shows the pod that executor kubernetes would make for a task, and runs nothing: the pod
template, what follows from the attempt and the settings, and what executor_config says of the
DAG and the task. A comment says where each part comes from. It needs the program
updraft-kube, and no cluster.`,
		Example: examples(
			"updraft tasks pod etl load", "of the first try, in a run that is made up",
			"updraft tasks pod etl load --run latest", "as the try it is at is, with the memory it gets after running out of it",
			"updraft tasks pod etl load -o json | kubectl create --dry-run=server -f -", "ask a cluster whether it would take it",
		),
		Args: exactly("DAG", "TASK"),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
			q, err := a.podRequest(ctx, i, args[0], args[1], &f)
			if err != nil {
				return err
			}
			return a.askKube(ctx, i.Config, kubeevent.Show, q, a.Stdout)
		}),
	}
	fl := c.Flags()
	fl.Var(&f.m, "map-index", "the instance of a mapped task")
	fl.StringVar(&f.run, "run", "", "as in this run: its id, its logical date, or latest")
	fl.IntVar(&f.try, "try", 0, "of this try (default: the one it is at, or the first)")
	fl.StringVarP(&f.output, "output", "o", "yaml", "yaml, with comments, or json, for kubectl")
	complete(c, "output", "yaml", "json")
	c.ValidArgsFunction = a.completeArgs(a.dagIDs, a.taskIDs)
	return c
}

// podRequest is the attempt whose pod is to be shown.
func (a *app) podRequest(ctx context.Context, i *embedded.Installation, dagID, task string, f *podFlags) (*kubeevent.ShowRequest, error) {
	if f.output != "yaml" && f.output != "json" {
		return nil, usagef("--output %q: use yaml or json", f.output)
	}
	if f.try < 0 {
		return nil, usagef("--try %d: tries count from 1", f.try)
	}
	def, err := i.FindDAG(ctx, dagID)
	if err != nil {
		return nil, err
	}
	q := &kubeevent.ShowRequest{
		Run: run.Run{ID: run.ID{DAG: dagID, Run: "preview"}}, Instance: run.Instance{Task: task, Map: run.Unmapped}, JSON: f.output == "json",
		Memory: def.State.Memory[task],
	}
	if f.m.index != nil {
		q.Instance.Map = *f.m.index
	}
	version := def.Version
	if f.run != "" {
		if q.Run, err = a.findRun(ctx, i, dagID, f.run); err != nil {
			return nil, err
		}
		version = q.Run.Version
	}
	g, err := i.Loader.Graph(ctx, dagID, version)
	if err != nil {
		return nil, err
	}
	if _, there := g.Index(task); !there {
		return nil, fmt.Errorf("DAG %s has no task %q: see `updraft tasks list %s`", dagID, task, dagID)
	}
	if f.run != "" {
		if q.Instance, err = a.one(ctx, i, q.Run.ID, task, f.m); err != nil {
			return nil, err
		}
	}
	if f.try > 0 {
		q.Instance.Try = f.try
	}
	q.Instance.Try = max(q.Instance.Try, 1)
	q.DAG, _, err = dag.Encode(g.DAG)
	return q, err
}

// askKube has the program that knows pods answer a request. It is given the settings as this
// command has them, wherever they came from.
func (a *app) askKube(ctx context.Context, c *config.Config, command string, q any, answer io.Writer) error {
	program, err := kubernetes.Find(a.Environ)
	if err != nil {
		return err
	}
	request, err := json.Marshal(q)
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(request), answer, &stderr
	cmd.Env = append(slices.Clone(a.Environ), "UPDRAFT_HOME="+c.Home)
	for _, s := range c.Settings() {
		if v := c.Text(s.Name); v != "" && s.Source != "default" {
			cmd.Env = append(cmd.Env, s.Env+"="+v)
		}
	}
	if err := cmd.Run(); err != nil {
		if told := strings.TrimSpace(stderr.String()); told != "" {
			return errors.New(strings.TrimPrefix(told, "error: "))
		}
		return fmt.Errorf("run %s: %w", program, err)
	}
	return nil
}
