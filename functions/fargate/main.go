// Command fargate is the Lambda function that starts Fargate tasks for the attempts in
// their queue.
package main

import (
	"context"
	"os"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/function"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/fargateexec"
)

// release is set by the linker.
var release = "dev"

func main() {
	account := &cloud.Account{Release: release}
	os.Exit(function.Main(account, cloud.Drivers(account), func(ctx context.Context, f *embedded.Function) (cloud.Handler, error) {
		cfg, err := account.Config(ctx)
		if err != nil {
			return nil, err
		}
		c, err := fargateexec.ParseURL(f.Config.Text("fargate"))
		if err != nil {
			return nil, err
		}
		c.AWS = cfg
		x, err := fargateexec.Open(c)
		if err != nil {
			return nil, err
		}
		receiver, err := account.Receiver(ctx, f)
		if err != nil {
			return nil, err
		}
		return cloud.Fargate(f, receiver, x), nil
	}))
}
