// Command api is the Lambda function that triggers runs and says how they are, as
// Airflow's API does. Its URL lets in only those who sign with credentials of the account.
package main

import (
	"context"
	"os"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/cloud/function"
)

// release is set by the linker.
var release = "dev"

func main() {
	account := &cloud.Account{Release: release}
	os.Exit(function.ServeAPI(context.Background(), account, cloud.Drivers(account)))
}
