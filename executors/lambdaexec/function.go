package lambdaexec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// What Lambda has room for; its quotas are in the developer guide, "Lambda quotas", and
// the share of a core in "Configure Lambda function memory": 1,769 MB are one core, and
// 10,240 MB six.
const (
	maxTime    = 15 * time.Minute
	minMemory  = 128 << 20
	maxMemory  = 10_240 << 20
	maxStorage = 10_240 << 20
	// coreMemory is the memory with which a function has one core.
	coreMemory = 1_769 << 20
	maxCPU     = 6_000
	// defaultStorage is what a function has at /tmp if nobody asks for more.
	defaultStorage = 512 << 20
)

// Margin is what a worker needs of its invocation's time for itself: to start cold, load
// the run, stop what is too late, and write the report.
const Margin = 30 * time.Second

// Function is a worker function. Its time-out must be Lambda's longest, 15 minutes.
type Function struct {
	// Name is its name or ARN, Qualifier a version or alias; empty for the latest.
	Name      string
	Qualifier string
	// Memory and Storage (at /tmp) are in bytes; Storage 0 means Lambda's 512 MB.
	Memory  int64
	Storage int64
}

// String returns "name" or "name:qualifier".
func (f *Function) String() string {
	if f.Qualifier == "" {
		return f.Name
	}
	return f.Name + ":" + f.Qualifier
}

func (f *Function) storage() int64 {
	if f.Storage == 0 {
		return defaultStorage
	}
	return f.Storage
}

// cpu is its share of cores, in thousandths.
func (f *Function) cpu() int64 {
	if f.Memory == maxMemory {
		return maxCPU // the arithmetic would make 5.8 of it
	}
	return f.Memory * 1000 / coreMemory
}

// ParseFunctions reads worker functions from a setting such as
// "worker:512,worker-large:3008:live": name and memory in MiB, and a version or alias.
func ParseFunctions(s string) ([]Function, error) {
	var out []Function
	for _, item := range strings.Split(s, ",") {
		item = strings.TrimSpace(item)
		parts := strings.Split(item, ":")
		if strings.HasPrefix(item, "arn:") && len(parts) >= 8 { // arn:aws:lambda:REGION:ACCOUNT:function:NAME:MEMORY
			parts = append([]string{strings.Join(parts[:7], ":")}, parts[7:]...)
		}
		if len(parts) < 2 || len(parts) > 3 || parts[0] == "" {
			return nil, fmt.Errorf("worker function %q: write its name and its memory in MiB, as updraft-worker:512", item)
		}
		mib, err := strconv.ParseInt(parts[1], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("worker function %q: its memory is %q: write it in MiB, as updraft-worker:512", item, parts[1])
		}
		f := Function{Name: parts[0], Memory: mib << 20}
		if len(parts) == 3 {
			f.Qualifier = parts[2]
		}
		out = append(out, f)
	}
	return out, nil
}

func (c *Config) check() error {
	if len(c.Functions) == 0 {
		return fmt.Errorf("lambda needs a worker function: write its name and its memory in MiB, as updraft-worker:512")
	}
	for i := range c.Functions {
		f := &c.Functions[i]
		switch {
		case f.Name == "":
			return fmt.Errorf("worker function %d has no name", i)
		case f.Memory < minMemory || f.Memory > maxMemory:
			return fmt.Errorf("worker function %s: its memory is %s: Lambda has %s to %s", f, executors.Bytes(f.Memory), executors.Bytes(minMemory), executors.Bytes(maxMemory))
		case f.storage() < defaultStorage || f.Storage > maxStorage:
			return fmt.Errorf("worker function %s: its storage is %s: Lambda has %s to %s", f, executors.Bytes(f.Storage), executors.Bytes(defaultStorage), executors.Bytes(maxStorage))
		}
	}
	for pool, name := range c.Pools {
		if c.named(name) == nil {
			return fmt.Errorf("pool %s has worker function %s, which is not among the functions: add it", pool, name)
		}
	}
	for what, n := range map[string]int{"parallelism": c.Parallelism, "direct": c.Direct, "fan": c.Fan, "parallel": c.Parallel} {
		if n < 0 {
			return fmt.Errorf("lambda: %s is %d: use a positive number, or 0 for the default", what, n)
		}
	}
	return nil
}

func (c *Config) named(name string) *Function {
	i := slices.IndexFunc(c.Functions, func(f Function) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Functions[i]
}

// Limits is what the largest of some functions has room for, and Lambda at all.
func Limits(functions []Function) executors.Limits {
	l := executors.Limits{Time: maxTime - Margin}
	for i := range functions {
		if f := &functions[i]; f.Memory > l.Memory || f.Memory == l.Memory && f.storage() > l.Storage {
			l.Memory, l.Storage, l.CPUMilli = f.Memory, f.storage(), f.cpu()
		}
	}
	return l
}

// choose returns the function for what a task asks for: the one that it or its pool names,
// or else the smallest that has all of it. The error is an *executors.RefusedError.
func (c *Config) choose(n executors.Need) (*Function, error) {
	if lacks := (executors.Limits{Time: maxTime - Margin}).Lacks(n); len(lacks) > 0 {
		return nil, refuse("task %s asks for %s in Lambda: write executor: auto", n.Task, lacks[0])
	}
	name, whose := n.Function, "executor_config: function"
	if name == "" {
		name, whose = c.Pools[n.Pool], "pool "+n.Pool
	}
	if name != "" {
		f := c.named(name)
		if f == nil {
			return nil, refuse("task %s: %s is %s, which is not among the worker functions: %s", n.Task, whose, name, c.names())
		}
		return f, nil
	}
	if best := c.smallest(n); best != nil {
		return best, nil
	}
	return nil, refuse("task %s: no worker function has all of what it asks for (memory %s, ephemeral_storage %s, cpu %.3g): %s",
		n.Task, executors.Bytes(n.MemoryOr(0)), executors.Bytes(n.Storage), float64(n.CPUMilli)/1000, c.names())
}

// smallest is the smallest function that has what a task asks for, and the first one if it
// asks for nothing.
func (c *Config) smallest(n executors.Need) *Function {
	memory := n.MemoryOr(0)
	if memory == 0 && n.Grown() { // more than the first one has, as far as there is more
		memory = min(n.MemoryOr(c.Functions[0].Memory), Limits(c.Functions).Memory)
	}
	if memory == 0 && n.Storage == 0 && n.CPUMilli == 0 {
		return &c.Functions[0]
	}
	var best *Function
	for i := range c.Functions {
		f := &c.Functions[i]
		if f.Memory >= memory && f.storage() >= n.Storage && f.cpu() >= n.CPUMilli && (best == nil || f.Memory < best.Memory) {
			best = f
		}
	}
	return best
}

// names lists the functions for people.
func (c *Config) names() string {
	var out []string
	for i := range c.Functions {
		out = append(out, fmt.Sprintf("%s has %s", c.Functions[i].Name, executors.Bytes(c.Functions[i].Memory)))
	}
	return strings.Join(out, ", ")
}

func refuse(format string, args ...any) error {
	return &executors.RefusedError{Cause: run.CauseConfig, Reason: fmt.Sprintf(format, args...)}
}
