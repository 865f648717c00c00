// Command scheduler is the Lambda function that decides: EventBridge calls it every minute,
// and messages of the plan queue when there is something to decide in between.
package main

import (
	"context"
	"os"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/function"
	"github.com/updraft-dev/updraft/cloud/secrets"
	"github.com/updraft-dev/updraft/embedded"
)

// release is set by the linker.
var release = "dev"

func main() {
	account := &cloud.Account{Release: release}
	// Callbacks have connections, too.
	drivers := embedded.Join(cloud.Drivers(account), secrets.Drivers(account))
	os.Exit(function.Main(account, drivers, func(ctx context.Context, f *embedded.Function) (cloud.Handler, error) {
		receiver, err := account.Receiver(ctx, f)
		if err != nil {
			return nil, err
		}
		return cloud.Scheduler(f, receiver), nil
	}))
}
