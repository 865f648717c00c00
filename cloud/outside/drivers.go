// Package outside is what programs that are no functions of AWS have of it beside package
// cloud: logs on MinIO, the Parameter Store, and the settings of a stack. It is a package of its
// own because what a function links is loaded whenever it starts.
package outside

import (
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/secrets"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs/miniologs"
	"github.com/updraft-dev/updraft/settings/awsparameters"
	"github.com/updraft-dev/updraft/settings/awssecrets"
)

// MinIO is the driver of logs on a server that speaks S3 and is no part of AWS. Functions do
// without it: theirs is S3's own.
func MinIO() embedded.Drivers {
	return embedded.Drivers{Logs: map[string]func(context.Context, string, *embedded.Options) (embedded.Objects, error){"minio": minio}}
}

// Secrets looks connections and variables up in Secrets Manager or the Parameter Store. The
// client of the latter is too large for functions.
func Secrets(a *cloud.Account) embedded.Drivers {
	return secrets.Drivers(a, func(c *awssecrets.Config) { c.Parameters = awsparameters.Getter })
}

// minio keeps logs and large XComs in a bucket of MinIO, whose keys are in the environment.
func minio(_ context.Context, url string, o *embedded.Options) (embedded.Objects, error) {
	c, err := miniologs.ParseURL(url)
	if err != nil {
		return embedded.Objects{}, err
	}
	for name, to := range map[string]*string{"MINIO_ACCESS_KEY": &c.AccessKey, "MINIO_SECRET_KEY": &c.SecretKey} {
		v, ok := o.Lookup(name)
		if !ok {
			return embedded.Objects{}, fmt.Errorf("logs %s: the environment variable %s is missing: set it to the key of a user of MinIO", url, name)
		}
		*to = v
	}
	c.Logs = cloud.LogsConfig(o)
	l, err := miniologs.Open(c)
	if err != nil {
		return embedded.Objects{}, err
	}
	b, err := miniologs.OpenBucket(c)
	return embedded.Objects{Logs: l, XComs: cloud.BucketXComs(b, c.Prefix)}, err
}
