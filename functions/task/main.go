// Command task executes one attempt in a container that Fargate runs, or in a pod: `task
// execute ATTEMPT`.
package main

import (
	"os"

	_ "golang.org/x/crypto/x509roots/fallback" // authorities where the image has none: it is the author's

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/outside"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/postgres"
)

// release is set by the linker.
var release = "dev"

func main() {
	account := &cloud.Account{Release: release, Load: profiles.LoadFor}
	drivers := embedded.Join(cloud.Drivers(account), embedded.KeyFile(), outside.MinIO(), outside.Secrets(account), postgres.Drivers())
	drivers.Operators = &embedded.Operators{Catalog: builtin.Catalog, Lookup: builtin.Lookup}
	os.Exit(cloud.ContainerMain(account, drivers))
}
