// Command runner is functions/task for tests: with the drivers of one machine, whose folder
// its pods have as a volume, and a queue in that folder.
package main

import (
	"context"
	"os"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
)

func main() {
	drivers := local.Drivers()
	drivers.Queues["local"] = func(_ context.Context, _ string, o *embedded.Options) (embedded.Queues, error) {
		return embedded.Queues{Open: func(ctx context.Context, name string) (*queue.Queue, error) {
			return localqueue.Open(ctx, localqueue.Config{Path: os.Getenv("TEST_QUEUE"), Name: name, Now: o.Now, Log: o.Log})
		}}, nil
	}
	os.Exit(cloud.ContainerMain(&cloud.Account{Release: "test"}, drivers))
}
