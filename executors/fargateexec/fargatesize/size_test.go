package fargatesize_test

import (
	"testing"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec/fargatesize"
)

func TestFit(t *testing.T) {
	t.Parallel()
	const mib, gib = 1 << 20, 1 << 30
	for _, tt := range []struct {
		cpu, memory int64
		want        fargatesize.Size // zero if there is none
	}{
		{0, 0, fargatesize.Size{CPU: 256, Memory: 512}},
		{1, 1, fargatesize.Size{CPU: 256, Memory: 512}},
		{250, 512 * mib, fargatesize.Size{CPU: 256, Memory: 512}},
		{250, 513 * mib, fargatesize.Size{CPU: 256, Memory: 1024}},
		{0, 2 * gib, fargatesize.Size{CPU: 256, Memory: 2048}},
		{251, 0, fargatesize.Size{CPU: 512, Memory: 1024}},
		{0, 2*gib + 1, fargatesize.Size{CPU: 512, Memory: 3072}},
		{500, 4 * gib, fargatesize.Size{CPU: 512, Memory: 4096}},
		{0, 5 * gib, fargatesize.Size{CPU: 1024, Memory: 5120}},
		{1000, 0, fargatesize.Size{CPU: 1024, Memory: 2048}},
		{1500, 10 * gib, fargatesize.Size{CPU: 2048, Memory: 10_240}},
		{4000, 0, fargatesize.Size{CPU: 4096, Memory: 8192}},
		{4000, 31 * gib, fargatesize.Size{CPU: 8192, Memory: 32_768}},
		{0, 60*gib + 1, fargatesize.Size{CPU: 16_384, Memory: 65_536}},
		{16_000, 120 * gib, fargatesize.Size{CPU: 16_384, Memory: 122_880}},
		{16_001, 0, fargatesize.Size{}},
		{0, 120*gib + 1, fargatesize.Size{}},
	} {
		got, ok := fargatesize.Fit(tt.cpu, tt.memory)
		if got != tt.want || ok != (tt.want.CPU > 0) {
			t.Errorf("cpu %d/1000, %d bytes: %v %t, want %v", tt.cpu, tt.memory, got, ok, tt.want)
		}
	}
	if s := (fargatesize.Size{CPU: 512, Memory: 3072}).String(); s != "0.5 vCPU, 3 GiB" {
		t.Errorf("a size is written %q", s)
	}
	want := executors.Limits{CPUMilli: 16_000, Memory: 120 * gib, Storage: 200 * gib, Images: true}
	if got := fargatesize.Limits(); got != want {
		t.Errorf("limits are %+v, want %+v", got, want)
	}
}
