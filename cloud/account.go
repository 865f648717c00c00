package cloud

import (
	"context"
	"fmt"
	"os"
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
	// Load loads the configuration; a region or profile that is empty is left to the
	// environment. It is profiles.LoadFor but in functions that find all in the environment:
	// nil is for these.
	Load func(ctx context.Context, release, region, profile string) (aws.Config, error)

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
		switch {
		case a.Load != nil:
			a.cfg, a.err = a.Load(context.WithoutCancel(ctx), a.Release, region, profile)
		case profile != "":
			a.err = fmt.Errorf("setting aws_profile is %q, and functions have no profiles: remove it", profile)
		default:
			a.cfg, a.err = awsconf.FromEnvironment(os.LookupEnv, a.Release, region)
		}
		if a.err == nil && a.Meter != nil {
			a.cfg = awsconf.WithMeter(a.cfg, a.Meter)
		}
	})
	return a.cfg, a.err
}
