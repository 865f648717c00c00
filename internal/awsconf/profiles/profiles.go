// Package profiles loads the configuration of AWS from wherever a machine has it: environment,
// ~/.aws, SSO, the role of a machine, a container or a pod. It is apart from awsconf because
// the services that give credentials are 1.6 MB of a program; functions find theirs in the
// environment.
package profiles

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/updraft-dev/updraft/internal/awsconf"
)

// Load reads the configuration as every AWS program does: environment (AWS_REGION,
// AWS_PROFILE, AWS_ENDPOINT_URL, AWS_MAX_ATTEMPTS, …), ~/.aws, and the role of the machine or
// function. The version is told to AWS as updraft/VERSION. It is for mains; drivers take
// what it returns. The error says what to set if there is no region.
func Load(ctx context.Context, version string, options ...func(*config.LoadOptions) error) (aws.Config, error) {
	all := append([]func(*config.LoadOptions) error{
		config.WithHTTPClient(awsconf.Client()), config.WithAPIOptions(awsconf.UserAgent(version)),
	}, options...)
	cfg, err := config.LoadDefaultConfig(ctx, all...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return awsconf.Complete(cfg)
}

// LoadFor is Load with a region and a profile; a region or profile that is empty is left to the
// environment. It fits cloud.Account.Load.
func LoadFor(ctx context.Context, version, region, profile string) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	return Load(ctx, version, options...)
}
