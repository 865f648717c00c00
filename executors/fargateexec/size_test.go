package fargateexec_test

import (
	"testing"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec"
)

func TestFit(t *testing.T) {
	t.Parallel()
	const mib, gib = 1 << 20, 1 << 30
	for _, tt := range []struct {
		cpu, memory int64
		want        fargateexec.Size // zero if there is none
	}{
		{0, 0, fargateexec.Size{CPU: 256, Memory: 512}},
		{1, 1, fargateexec.Size{CPU: 256, Memory: 512}},
		{250, 512 * mib, fargateexec.Size{CPU: 256, Memory: 512}},
		{250, 513 * mib, fargateexec.Size{CPU: 256, Memory: 1024}},
		{0, 2 * gib, fargateexec.Size{CPU: 256, Memory: 2048}},
		{251, 0, fargateexec.Size{CPU: 512, Memory: 1024}},
		{0, 2*gib + 1, fargateexec.Size{CPU: 512, Memory: 3072}},
		{500, 4 * gib, fargateexec.Size{CPU: 512, Memory: 4096}},
		{0, 5 * gib, fargateexec.Size{CPU: 1024, Memory: 5120}},
		{1000, 0, fargateexec.Size{CPU: 1024, Memory: 2048}},
		{1500, 10 * gib, fargateexec.Size{CPU: 2048, Memory: 10_240}},
		{4000, 0, fargateexec.Size{CPU: 4096, Memory: 8192}},
		{4000, 31 * gib, fargateexec.Size{CPU: 8192, Memory: 32_768}},
		{0, 60*gib + 1, fargateexec.Size{CPU: 16_384, Memory: 65_536}},
		{16_000, 120 * gib, fargateexec.Size{CPU: 16_384, Memory: 122_880}},
		{16_001, 0, fargateexec.Size{}},
		{0, 120*gib + 1, fargateexec.Size{}},
	} {
		got, ok := fargateexec.Fit(tt.cpu, tt.memory)
		if got != tt.want || ok != (tt.want.CPU > 0) {
			t.Errorf("cpu %d/1000, %d bytes: %v %t, want %v", tt.cpu, tt.memory, got, ok, tt.want)
		}
	}
	if s := (fargateexec.Size{CPU: 512, Memory: 3072}).String(); s != "0.5 vCPU, 3 GiB" {
		t.Errorf("a size is written %q", s)
	}
	want := executors.Limits{CPUMilli: 16_000, Memory: 120 * gib, Storage: 200 * gib, Images: true}
	if got := fargateexec.Limits(); got != want {
		t.Errorf("limits are %+v, want %+v", got, want)
	}
}

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
