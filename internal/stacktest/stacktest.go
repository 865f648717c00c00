// Package stacktest opens an installation that was deployed to the local AWS, for tests of
// the whole: what they look at was done by functions. Such tests carry the build tag stack;
// `make local-test` deploys the template and runs them.
package stacktest

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
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
)

// Stack is an installation that was deployed.
type Stack struct {
	Runs
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
