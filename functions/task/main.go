// Command task executes one attempt in a container that Fargate runs: `task execute
// ATTEMPT`.
package main

import (
	"os"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
	"github.com/updraft-dev/updraft/operators/builtin"
)

// release is set by the linker.
var release = "dev"

func main() {
	account := &cloud.Account{Release: release, Load: profiles.LoadFor}
	drivers := cloud.Drivers(account)
	drivers.Operators = &embedded.Operators{Catalog: builtin.Catalog, Lookup: builtin.Lookup}
	os.Exit(cloud.ContainerMain(account, drivers))
}
