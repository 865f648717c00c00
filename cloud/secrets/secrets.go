// Package secrets looks connections and variables up in services of AWS that keep secrets.
// It is a package of its own because programs that need no connections do without.
package secrets

import (
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/settings/awssecrets"
)

// Drivers are those of the setting secrets_backend that ask services of AWS: Secrets Manager
// and, if more says how it is read, the Parameter Store.
func Drivers(a *cloud.Account, more ...func(*awssecrets.Config)) embedded.Drivers {
	open := func(ctx context.Context, url string, o *embedded.Options) (settings.Backend, error) {
		cfg, err := a.Config(ctx)
		if err != nil {
			return nil, err
		}
		c, err := awssecrets.ParseURL(url)
		if err != nil {
			return nil, fmt.Errorf("setting secrets_backend: %w", err)
		}
		c.AWS, c.Now = cfg, o.Now
		for _, m := range more {
			m(&c)
		}
		b, err := awssecrets.Open(c)
		if err != nil {
			return nil, fmt.Errorf("setting secrets_backend: %w", err)
		}
		return b, nil
	}
	return embedded.Drivers{Secrets: map[string]func(context.Context, string, *embedded.Options) (settings.Backend, error){
		string(awssecrets.SecretsManager): open, string(awssecrets.ParameterStore): open,
	}}
}
