package outside

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
)

// Stacks reads the settings of stacks.
type Stacks struct {
	// Release is the version of this program.
	Release string
}

// Settings returns the settings of the installation that is a stack of CloudFormation. A
// region or profile that is empty is that of the environment; they are among the settings,
// so that they are found again whatever the environment is.
func (s Stacks) Settings(ctx context.Context, name, region, profile string) (map[string]string, error) {
	cfg, err := profiles.LoadFor(ctx, s.Release, region, profile)
	if err != nil {
		return nil, err
	}
	doing := fmt.Sprintf("read the stack %s in %s", name, cfg.Region)
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(name)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, awsconf.Explain(err))
	}
	if len(out.Stacks) != 1 {
		return nil, fmt.Errorf("%s: there are %d of this name", doing, len(out.Stacks))
	}
	settings := map[string]string{"aws_region": cfg.Region}
	if profile != "" {
		settings["aws_profile"] = profile
	}
	known := cloud.StackOutputs()
	for _, o := range out.Stacks[0].Outputs {
		if setting, ok := known[aws.ToString(o.OutputKey)]; ok {
			settings[setting] = aws.ToString(o.OutputValue)
		}
	}
	if settings["store"] == "" {
		return nil, fmt.Errorf("%s: its outputs name no store: is it one of Updraft? (its status is %s)", doing, out.Stacks[0].StackStatus)
	}
	return settings, nil
}
