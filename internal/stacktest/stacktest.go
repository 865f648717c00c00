// Package stacktest opens an installation that was deployed to the local AWS, for tests of
// the whole: what they look at was done by functions. Such tests carry the build tag stack;
// `make local-test` deploys the template and runs them.
package stacktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/logs/s3logs"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Stack is an installation that was deployed.
type Stack struct {
	*embedded.Installation
	AWS aws.Config
	// Name is the stack's.
	Name string
	// outputs are the stack's, by name.
	outputs map[string]string
}

// Open opens the stack that is deployed (STACK, updraft by default), as the command line on
// a laptop does. That it is not there is a failure.
func Open(t testing.TB) *Stack {
	t.Helper()
	s := &Stack{AWS: emulatortest.AWS(t), Name: os.Getenv("STACK"), outputs: map[string]string{}}
	if s.Name == "" {
		s.Name = "updraft"
	}
	out, err := cloudformation.NewFromConfig(s.AWS).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(s.Name)})
	if err != nil || len(out.Stacks) != 1 {
		t.Fatalf("stack %s: %v: run `make local-test`, or localstack/deploy", s.Name, err)
	}
	for _, o := range out.Stacks[0].Outputs {
		s.outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	flags := map[string]string{
		"home": t.TempDir(), "store": s.outputs["Store"], "queue": s.outputs["Queue"], "logs": s.outputs["TaskLogs"], "key": s.outputs["Key"],
	}
	c, err := config.Load(config.Input{Lookup: os.LookupEnv, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	s.Installation, err = embedded.Open(t.Context(), embedded.Options{
		Config: c, Lookup: os.LookupEnv, Environ: os.Environ(), Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Drivers: embedded.Join(local.Drivers(), cloud.Drivers(&cloud.Account{Release: "test", Load: profiles.LoadFor})), Release: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Put puts a DAG file where functions read it from.
func (s *Stack) Put(t testing.TB, name string, body []byte) {
	t.Helper()
	source, err := s3logs.ParseURL(s.outputs["DagSource"])
	if err != nil {
		t.Fatal(err)
	}
	client := s3.NewFromConfig(s.AWS, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(source.Bucket), Key: aws.String(source.Prefix + "/" + name), Body: bytes.NewReader(body),
	})
	if err != nil {
		t.Fatalf("put DAG file %s: %v", name, err)
	}
}

// PutFolder puts all DAG files of a folder there, and modules beside them.
func (s *Stack) PutFolder(t testing.TB, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".yaml" && ext != ".py" && ext != ".sql" && ext != ".sh" {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		s.Put(t, e.Name(), body)
	}
}

// Read waits until DAGs are known, with at least this many tasks each.
func (s *Stack) Read(ctx context.Context, t testing.TB, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := until(ctx, func() (bool, error) {
			_, err := s.FindDAG(ctx, id)
			return err == nil, err
		}); err != nil {
			broken, _ := s.ImportErrors(context.WithoutCancel(ctx))
			t.Fatalf("DAG %s is not read: %v; import errors: %+v", id, err, broken)
		}
	}
}

// Begin triggers a run.
func (s *Stack) Begin(t testing.TB, trigger task.Trigger) run.ID {
	t.Helper()
	r, err := s.Trigger(t.Context(), trigger, "test")
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// End waits for the end of a run.
func (s *Stack) End(ctx context.Context, id run.ID) (store.RunData, error) {
	var data store.RunData
	err := until(ctx, func() (bool, error) {
		var err error
		data, err = s.Store.Run(ctx, id)
		return err == nil && data.Run.State.Finished(), err
	})
	if err != nil {
		return data, fmt.Errorf("run %s is %s after all: %w: %s", id, data.Run.State, err, states(data.Instances))
	}
	return data, nil
}

func states(instances []run.Instance) string {
	var out []string
	for i := range instances {
		out = append(out, fmt.Sprintf("%s %s (try %d) %s", instances[i].Name(), instances[i].State, instances[i].Try, instances[i].Reason))
	}
	return strings.Join(out, "; ")
}

// look is how often until looks.
const look = 100 * time.Millisecond

// until looks until something is so, or ctx ends. The error is the last one then.
func until(ctx context.Context, so func() (bool, error)) error {
	t := time.NewTicker(look)
	defer t.Stop()
	for {
		done, err := so()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-t.C:
		}
	}
}
