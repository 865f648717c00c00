// Package awsparameters reads the Parameter Store of Systems Manager, for awssecrets. It is a
// package of its own because the client is larger than all else that a function needs to look
// up a connection.
package awsparameters

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Getter returns what looks up the text of a parameter, decrypted, by its name. It may be
// called concurrently.
func Getter(cfg aws.Config) func(ctx context.Context, name string) (text string, found bool, err error) {
	c := ssm.NewFromConfig(cfg)
	return func(ctx context.Context, name string) (string, bool, error) {
		out, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		var missing *types.ParameterNotFound
		switch {
		case errors.As(err, &missing):
			return "", false, nil
		case err != nil:
			return "", false, err
		case out.Parameter == nil || out.Parameter.Value == nil:
			return "", false, errors.New("the parameter has no value")
		}
		return *out.Parameter.Value, true, nil
	}
}
