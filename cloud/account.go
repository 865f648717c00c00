package cloud

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/updraft-dev/updraft/internal/awsconf"
)

// Account is what the drivers share: the configuration, which is loaded when the first of
// them is opened.
type Account struct {
	// Release is the version of this program.
	Release string
	// Meter, if set, counts all calls.
	Meter *awsconf.Meter
	// Load loads the configuration, awsconf.Load if nil.
	Load func(ctx context.Context, release string) (aws.Config, error)

	once sync.Once
	cfg  aws.Config
	err  error
}

// Config returns the configuration.
func (a *Account) Config(ctx context.Context) (aws.Config, error) {
	a.once.Do(func() {
		load := a.Load
		if load == nil {
			load = func(ctx context.Context, release string) (aws.Config, error) { return awsconf.Load(ctx, release) }
		}
		a.cfg, a.err = load(context.WithoutCancel(ctx), a.Release)
		if a.err == nil && a.Meter != nil {
			a.cfg = awsconf.WithMeter(a.cfg, a.Meter)
		}
	})
	return a.cfg, a.err
}
