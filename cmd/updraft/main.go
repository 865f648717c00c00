// Command updraft is Airflow without servers in one program: see `updraft --help`.
package main

import (
	"os"

	"github.com/updraft-dev/updraft/cli"
	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/outside"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/postgres"
)

// version is set by the linker.
var version = "dev"

func main() {
	account := &cloud.Account{Release: version, Load: profiles.LoadFor}
	drivers := embedded.Join(local.Drivers(), postgres.Drivers(), cloud.Drivers(account), outside.MinIO(), outside.Secrets(account))
	os.Exit(cli.Main(version, drivers, outside.Stacks{Release: version}.Settings))
}
