// Command dagprocessor is the Lambda function that reads DAG files: S3 calls it when files
// in the bucket of DAGs have changed.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/function"
	"github.com/updraft-dev/updraft/cloud/secrets"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs/s3logs"
	"github.com/updraft-dev/updraft/operators/catalog"
	"github.com/updraft-dev/updraft/task"
)

// release is set by the linker.
var release = "dev"

func main() {
	operators, err := catalog.Read()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	account := &cloud.Account{Release: release}
	drivers := embedded.Join(cloud.Drivers(account), secrets.Drivers(account))
	// Operators are known by name only: this function executes none.
	drivers.Operators = &embedded.Operators{
		Catalog: func() *dag.Catalog { return operators }, Lookup: func(string) *task.Operator { return nil },
	}
	os.Exit(function.Main(account, drivers, func(_ context.Context, f *embedded.Function) (cloud.Handler, error) {
		source, err := s3logs.ParseURL(f.Config.Text("dag_source"))
		if err != nil {
			return nil, err
		}
		return cloud.Processor(f, source.Bucket), nil
	}))
}
