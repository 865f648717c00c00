// Package fargatesize is what sizes a Fargate task can have. It calls nobody, so that what only
// asks whether a task fits links nothing of ECS.
package fargatesize

import (
	"fmt"

	"github.com/updraft-dev/updraft/executors"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// row is what memory a task can have with some CPU.
type row struct {
	// cpu is in CPU units, 1,024 of them a core.
	cpu int64
	// least, most and step are in MiB.
	least, most, step int64
}

// rows are the sizes of Fargate's tasks. Source: ECS API reference, RegisterTaskDefinition
// (memory), and the developer guide, "Task CPU and memory". Those of 8 cores and more need
// platform version 1.4.0.
func rows() []row {
	return []row{
		{256, 512, 512, 512}, {256, 1_024, 2_048, 1_024}, // 512, 1,024 and 2,048
		{512, 1_024, 4_096, 1_024},
		{1_024, 2_048, 8_192, 1_024},
		{2_048, 4_096, 16_384, 1_024},
		{4_096, 8_192, 30_720, 1_024},
		{8_192, 16_384, 61_440, 4_096},
		{16_384, 32_768, 122_880, 8_192},
	}
}

// Size is how large a task is.
type Size struct {
	// CPU is in CPU units, 1,024 of them a core.
	CPU int64
	// Memory is in MiB.
	Memory int64
}

// Fit is the smallest size that has this much CPU (in thousandths of a core) and memory (in
// bytes). It is also the cheapest: more cores cost more than any memory that comes with
// fewer. ok is false if Fargate has nothing as large.
func Fit(cpuMilli, memory int64) (s Size, ok bool) {
	cpu, need := (cpuMilli*1024+999)/1000, (memory+mib-1)/mib
	for _, r := range rows() {
		if r.cpu < cpu || r.most < need {
			continue
		}
		m := r.least
		if need > m {
			m += (need - m + r.step - 1) / r.step * r.step
		}
		return Size{CPU: r.cpu, Memory: m}, true
	}
	return Size{}, false
}

// Storage of a task, in GiB; ECS API reference, EphemeralStorage. Those who ask for no more
// than what all have do not override it.
const (
	freeStorage  = 20
	leastStorage = 21
	mostStorage  = 200
)

// Storage is how much ephemeral storage to ask for, in GiB; 0 for what all tasks have.
func Storage(bytes int64) int32 {
	if bytes <= freeStorage*gib {
		return 0
	}
	return int32(max((bytes+gib-1)/gib, leastStorage)) // Limits keeps it below 200
}

// Limits is what Fargate has room for.
func Limits() executors.Limits {
	l := executors.Limits{Storage: mostStorage * gib, Images: true}
	for _, r := range rows() {
		l.CPUMilli, l.Memory = max(l.CPUMilli, r.cpu*1000/1024), max(l.Memory, r.most*mib)
	}
	return l
}

// String returns "2 vCPU, 4 GiB".
func (s Size) String() string {
	return fmt.Sprintf("%g vCPU, %s", float64(s.CPU)/1024, executors.Bytes(s.Memory*mib))
}
