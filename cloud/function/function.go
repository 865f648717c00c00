// Package function is the main of a Lambda function. It is apart from package cloud because
// Lambda's client links net/rpc, which calls methods by their names: no method of any type in
// a program could be left out, and updraft was a quarter larger.
package function

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdaurl"

	"github.com/updraft-dev/updraft/api"
	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/store"
)

// Main is the main of a function: it opens the installation that the environment describes
// (UPDRAFT_STORE and the others of docs/configuration.md), has handler made, and calls it
// with each event until Lambda ends the process. It returns the process's exit code.
func Main(a *cloud.Account, drivers embedded.Drivers, handler func(context.Context, *embedded.Function) (cloud.Handler, error)) int {
	if len(os.Args) == 3 && os.Args[1] == embedded.ShepherdCommand {
		return cloud.Exit(process.Shepherd(context.Background(), os.Args[2]))
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx := context.Background()
	f, release, err := cloud.OpenFunction(ctx, a, drivers, log)
	if err != nil {
		return cloud.Exit(err)
	}
	defer release()
	h, err := handler(ctx, f)
	if err != nil {
		return cloud.Exit(errors.Join(err, f.Close(ctx)))
	}
	lambda.StartWithOptions(func(ctx context.Context, event json.RawMessage) (any, error) {
		return cloud.Handle(ctx, f, h, event)
	}, lambda.WithContext(ctx))
	return 0
}

// ServeAPI is the main of the function that answers to its URL, until Lambda ends the
// process. It returns the process's exit code.
func ServeAPI(ctx context.Context, a *cloud.Account, drivers embedded.Drivers) int {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	f, release, err := cloud.OpenFunction(ctx, a, drivers, log)
	if err != nil {
		return cloud.Exit(err)
	}
	defer release()
	lambdaurl.Start(api.Handler(api.Config{Backend: f, Store: f.Store, Log: log, Health: func(ctx context.Context) error {
		_, err := f.Store.ListDAGs(ctx, store.DAGFilter{Bare: true}, store.Page{Limit: 1})
		return err
	}}))
	return 0
}
