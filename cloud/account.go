package cloud

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/updraft-dev/updraft/embedded"
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

// Config returns the configuration that the environment gives.
func (a *Account) Config(ctx context.Context) (aws.Config, error) { return a.config(ctx, "", "") }

// of returns the configuration of an installation, whose settings may name a region and a
// profile.
func (a *Account) of(ctx context.Context, o *embedded.Options) (aws.Config, error) {
	return a.config(ctx, o.Config.Text("aws_region"), o.Config.Text("aws_profile"))
}

func (a *Account) config(ctx context.Context, region, profile string) (aws.Config, error) {
	a.once.Do(func() {
		ctx = context.WithoutCancel(ctx)
		if a.Load != nil {
			a.cfg, a.err = a.Load(ctx, a.Release)
		} else {
			a.cfg, a.err = awsconf.LoadFor(ctx, a.Release, region, profile)
		}
		if a.err == nil && a.Meter != nil {
			a.cfg = awsconf.WithMeter(a.cfg, a.Meter)
		}
	})
	return a.cfg, a.err
}
