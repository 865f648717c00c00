package fargateexec_test

import (
	"testing"

	"github.com/updraft-dev/updraft/executors/fargateexec"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	got, err := fargateexec.ParseURL("ecs://updraft/updraft-task:7?subnets=subnet-1,subnet-2&security_groups=sg-1&public_ip=true&spot=true&platform=1.4.0&container=main&rate=2.5")
	if err != nil {
		t.Fatal(err)
	}
	if got.Cluster != "updraft" || got.TaskDefinition != "updraft-task:7" || len(got.Subnets) != 2 || got.SecurityGroups[0] != "sg-1" ||
		!got.PublicIP || !got.Spot || got.PlatformVersion != "1.4.0" || got.Container != "main" || got.Rate != 2.5 {
		t.Errorf("got %+v", got)
	}
	got, err = fargateexec.ParseURL("ecs://c/arn:aws:ecs:eu-west-1:123456789012:task-definition/x:3?subnets=s")
	if err != nil || got.TaskDefinition != "arn:aws:ecs:eu-west-1:123456789012:task-definition/x:3" {
		t.Errorf("an ARN: %+v, %v", got, err)
	}
	for _, s := range []string{
		"", "ecs://c", "ecs://c/", "ecs:///t?subnets=s", "fargate://c/t?subnets=s", "ecs://c/t", "ecs://c/t?subnets=", "ecs://c/t?subnets=a,,b",
		"ecs://c/t?subnets=s&spot=perhaps", "ecs://c/t?subnets=s&rate=x", "ecs://c/t?subnets=s&rate=-1", "ecs://c/t?subnets=s&subnet=x", "ecs://c/t?%zz",
		"ecs://c/t?subnets=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
	} {
		if _, err := fargateexec.ParseURL(s); err == nil {
			t.Errorf("%q: no error", s)
		}
	}
}
