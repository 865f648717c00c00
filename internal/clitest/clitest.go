// Package clitest makes the program of a test updraft itself, when the test (or updraft, for
// its shepherd) starts it by that name.
package clitest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
	_ "time/tzdata" // as in the real program

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/updraft-dev/updraft/cli"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/postgres"
)

// Main is what a TestMain calls; it does not return.
func Main(m *testing.M) {
	testscript.Main(m, map[string]func(){"updraft": func() { os.Exit(updraft()) }})
}

func updraft() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return cli.Run(ctx, cli.World{
		Program: "updraft", Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Size: func() (int, int) { return 0, 0 },
		Lookup: os.LookupEnv, Environ: os.Environ(), UserHome: os.Getenv("HOME"), Now: time.Now, Self: self, Release: "test", Drivers: embedded.Join(local.Drivers(), postgres.Drivers(), embedded.Drivers{Rules: rules}),
		Stack: stack,
	})
}

// rules stand in for those of AWS: commands that only look at places need no more of it.
var rules = map[string]func(*embedded.Options) (routeexec.Rule, error){
	executors.Auto: func(*embedded.Options) (routeexec.Rule, error) {
		return routeexec.Rule{
			{Name: "lambda", Limits: executors.Limits{Time: 15 * time.Minute, Memory: 10 << 30}},
			{Name: "fargate", Limits: executors.Limits{Images: true}},
		}, nil
	},
}

// stackVariable names a file with what stacks say: settings by name of the stack, as JSON.
const stackVariable = "UPDRAFT_TEST_STACKS"

// stack stands in for CloudFormation.
func stack(_ context.Context, name, region, profile string) (map[string]string, error) {
	b, err := os.ReadFile(os.Getenv(stackVariable))
	if err != nil {
		return nil, err
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(b, &stacks); err != nil {
		return nil, err
	}
	s, ok := stacks[name]
	if !ok {
		return nil, fmt.Errorf("read the stack %s: it does not exist", name)
	}
	for setting, v := range map[string]string{"aws_region": region, "aws_profile": profile} {
		if v != "" {
			s[setting] = v
		}
	}
	return s, nil
}
