// Command dagprocessor is the Lambda function that reads DAG files: S3 calls it when files
// in the bucket of DAGs have changed.
package main

import (
	"context"
	"os"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs/s3logs"
	"github.com/updraft-dev/updraft/operators/builtin"
)

// release is set by the linker.
var release = "dev"

func main() {
	account := &cloud.Account{Release: release}
	drivers := cloud.Drivers(account)
	drivers.Operators = &embedded.Operators{Catalog: builtin.Catalog, Lookup: builtin.Lookup}
	os.Exit(cloud.Main(account, drivers, func(_ context.Context, f *embedded.Function) (cloud.Handler, error) {
		source, err := s3logs.ParseURL(f.Config.Text("dag_source"))
		if err != nil {
			return nil, err
		}
		return cloud.Processor(f, source.Bucket), nil
	}))
}
