// Command events is the Lambda function that hears of workers that died: of invocations
// that Lambda has given up, and of ECS tasks that have stopped.
package main

import (
	"context"
	"os"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/function"
	"github.com/updraft-dev/updraft/embedded"
)

// release is set by the linker.
var release = "dev"

func main() {
	account := &cloud.Account{Release: release}
	os.Exit(function.Main(account, cloud.Drivers(account), func(_ context.Context, f *embedded.Function) (cloud.Handler, error) {
		return cloud.Events(f), nil
	}))
}
