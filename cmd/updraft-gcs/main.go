// Command updraft-gcs is updraft with logs in Google Cloud Storage (gs://BUCKET/PREFIX)
// besides. It is a program of its own because Google's client is large: it would add a third
// to the size and to the memory of everybody's.
package main

import (
	"context"
	"fmt"
	"os"

	"cloud.google.com/go/storage"

	"github.com/updraft-dev/updraft/cli"
	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/outside"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/gcslogs"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/postgres"
)

// version is set by the linker.
var version = "dev"

func main() {
	account := &cloud.Account{Release: version, Load: profiles.LoadFor}
	google := embedded.Drivers{Logs: map[string]func(context.Context, string, *embedded.Options) (embedded.Objects, error){"gs": openLogs}}
	drivers := embedded.Join(local.Drivers(), postgres.Drivers(), cloud.Drivers(account), outside.MinIO(), outside.Secrets(account), google)
	os.Exit(cli.Main(version, drivers, outside.Stacks{Release: version}.Settings))
}

// openLogs keeps logs and large XComs in a bucket, with the credentials that every program
// of Google's looks for.
func openLogs(ctx context.Context, url string, o *embedded.Options) (embedded.Objects, error) {
	c, err := gcslogs.ParseURL(url)
	if err != nil {
		return embedded.Objects{}, err
	}
	c.Logs = logs.Config{MaxSize: int64(o.Config.Int("log_max_bytes")), PackTime: objects.DefaultPackTime}
	client, err := storage.NewClient(context.WithoutCancel(ctx))
	if err != nil {
		return embedded.Objects{}, fmt.Errorf("open %s: %w: set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`", url, err)
	}
	l, err := gcslogs.Open(client, c)
	if err != nil {
		return embedded.Objects{}, err
	}
	b, err := gcslogs.OpenBucket(client, c)
	return embedded.Objects{Logs: l, XComs: cloud.BucketXComs(b, c.Prefix)}, err
}
