package cloud

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambdaurl"

	"github.com/updraft-dev/updraft/api"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/store"
)

// ServeAPI is the main of the function that answers to its URL, until Lambda ends the
// process. It returns the process's exit code.
func ServeAPI(ctx context.Context, a *Account, drivers embedded.Drivers) int {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	f, release, err := OpenFunction(ctx, a, drivers, log)
	if err != nil {
		return told(err)
	}
	defer release()
	lambdaurl.Start(api.Handler(api.Config{Backend: f, Store: f.Store, Log: log, Health: func(ctx context.Context) error {
		_, err := f.Store.ListDAGs(ctx, store.DAGFilter{Bare: true}, store.Page{Limit: 1})
		return err
	}}))
	return 0
}
