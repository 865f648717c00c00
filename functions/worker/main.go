// Command worker is the Lambda function that executes tasks, and goes on with what follows
// from them.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/function"
	"github.com/updraft-dev/updraft/cloud/secrets"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
	"github.com/updraft-dev/updraft/operators/builtin"
)

// release is set by the linker.
var release = "dev"

func main() {
	account := &cloud.Account{Release: release, Load: profiles.LoadFor}
	drivers := embedded.Join(cloud.Drivers(account), secrets.Drivers(account))
	drivers.Operators = &embedded.Operators{Catalog: builtin.Catalog, Lookup: builtin.Lookup}
	os.Exit(function.Main(account, drivers, func(ctx context.Context, f *embedded.Function) (cloud.Handler, error) {
		cfg, err := account.Config(ctx)
		if err != nil {
			return nil, err
		}
		functions, err := lambdaexec.ParseFunctions(f.Config.Text("lambda"))
		if err != nil {
			return nil, err
		}
		share, err := lambdaexec.Open(lambdaexec.Config{AWS: cfg, Functions: functions})
		if err != nil {
			return nil, err
		}
		own := lambdaexec.Function{Name: lambdacontext.FunctionName, Memory: int64(lambdacontext.MemoryLimitInMB) << 20}
		receiver, err := account.Receiver(ctx, f)
		if err != nil {
			return nil, err
		}
		return cloud.Worker(f, receiver, share, own.Name, cloud.FitsFunction(own)), nil
	}))
}
