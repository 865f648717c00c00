//go:build emulator

package awssecrets_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/settings/awsparameters"
	"github.com/updraft-dev/updraft/settings/awssecrets"
)

const uri = "postgres://ada:s3cret@db.example.com:5432/shop"

// check finds a connection and a variable of the service, and not what is not there.
func check(t *testing.T, url string) {
	t.Helper()
	c, err := awssecrets.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c.AWS, c.Now = emulatortest.AWS(t), time.Now
	c.Parameters = awsparameters.Getter
	b, err := awssecrets.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	r := settings.NewRegistry(settings.Config{Backend: b})
	if got, err := r.Connection(t.Context(), "shop"); err != nil || got.URI() != uri {
		t.Errorf("got connection %s, %v", got.URI(), err)
	}
	if got, err := r.Variable(t.Context(), "region"); err != nil || got.Value != "eu-west-1" {
		t.Errorf("got variable %q, %v", got.Value, err)
	}
	if _, err := r.Variable(t.Context(), "nothing"); err == nil {
		t.Error("what is not there was found")
	}
}

func TestEmulatorSecretsManager(t *testing.T) {
	t.Parallel()
	c := secretsmanager.NewFromConfig(emulatortest.AWS(t))
	prefix := emulatortest.Name(t)
	for name, value := range map[string]string{prefix + "/c/shop": uri, prefix + "/v/region": "eu-west-1"} {
		if _, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value}); err != nil {
			t.Fatal(err)
		}
		emulatortest.Cleanup(t, "delete secret "+name, func(ctx context.Context) error {
			_, err := c.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)})
			return err
		})
	}
	check(t, "secretsmanager:?connections_prefix="+prefix+"/c&variables_prefix="+prefix+"/v")
}

func TestEmulatorParameterStore(t *testing.T) {
	t.Parallel()
	c := ssm.NewFromConfig(emulatortest.AWS(t))
	prefix := "/" + emulatortest.Name(t)
	for name, value := range map[string]string{prefix + "/c/shop": uri, prefix + "/v/region": "eu-west-1"} {
		if _, err := c.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeSecureString}); err != nil {
			t.Fatal(err)
		}
		emulatortest.Cleanup(t, "delete parameter "+name, func(ctx context.Context) error {
			_, err := c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name})
			return err
		})
	}
	check(t, "parameterstore:?connections_prefix="+prefix+"/c&variables_prefix="+prefix+"/v")
}
