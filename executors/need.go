package executors

import (
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// RefusedError says that a place will never take an attempt as it is: offering it again
// does not help, the task has to be changed.
type RefusedError struct {
	// Cause is what the attempt fails of.
	Cause run.Cause
	// Reason is one sentence with the remedy.
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }

// Auto is the executor of tasks that leave the choice to the installation.
const Auto = "auto"

// Kubernetes is the place where each attempt has a pod of its own. A controller in the
// cluster makes the pods: whoever sends attempts there needs a queue of this name only.
const Kubernetes = "kubernetes"

// Need is what a task asks of the place that it runs in. Zero fields ask for nothing.
type Need struct {
	Task string
	// Executor is the name that the task gives; empty if it leaves the choice.
	Executor string
	// Placed is the executor that an operator's placement names; empty if there is none. It
	// goes before what the task says, as long as that place has room.
	Placed string
	// Queue is the queue that the task names; empty if that is the default one.
	Queue string
	Pool  string
	// Time is the task's execution_timeout.
	Time time.Duration
	// CPUMilli is in thousandths of a core, Memory and Storage are in bytes.
	CPUMilli int64
	Memory   int64
	Storage  int64
	// Image is the container image of the task's own (executor_config: image).
	Image string
	// Function is the function that executes it (executor_config: function).
	Function string
	// Spot is whether it may be interrupted (executor_config: spot); nil if it does not say.
	Spot *bool
	// OOMs is how often it ran out of memory: each time it is given twice as much.
	OOMs int
	// Learned is what was found to be enough for the task in other runs.
	Learned run.Memory
	// Interrupted is how often the infrastructure failed it.
	Interrupted int
}

// Need returns what an attempt asks for, given how its tries before have ended. The error
// is a *RefusedError.
func (w *Work) Need() (Need, error) {
	n, err := NeedOf(w.Graph.DAG, w.Task())
	n.Placed, n.Learned = w.Placed, w.Memory
	n.OOMs, n.Interrupted = min(w.Instance.OOMFailures, run.OOMRetries), w.Instance.InfraFailures
	return n, err
}

// NeedOf returns what the first try of a task of a DAG asks for. The error is a *RefusedError.
func NeedOf(d *dag.DAG, t *dag.Task) (Need, error) {
	if t == nil {
		return Need{}, refuse("the task is not in the version of the DAG that the run has: clear the run to have it take the present one")
	}
	n := Need{
		Task: t.ID, Executor: Canonical(t.Executor), Queue: t.Queue, Pool: t.Pool, Time: t.ExecutionTimeout,
		CPUMilli: t.Resources.CPUMilli, Memory: t.Resources.Memory, Storage: t.Resources.EphemeralStorage,
	}
	if n.Queue == dag.DefaultQueue {
		n.Queue = ""
	}
	for key, to := range map[string]*string{"image": &n.Image, "function": &n.Function} {
		v := Config(d, t, key)
		if v == nil {
			continue
		}
		s, ok := v.(string)
		if !ok || s == "" {
			return n, refuse("executor_config of task %s: %s is %v: write a name", t.ID, key, v)
		}
		*to = s
	}
	if v := Config(d, t, "spot"); v != nil {
		b, ok := v.(bool)
		if !ok {
			return n, refuse("executor_config of task %s: spot is %v: write true or false", t.ID, v)
		}
		n.Spot = &b
	}
	return n, nil
}

func refuse(format string, args ...any) error {
	return &RefusedError{Cause: run.CauseConfig, Reason: fmt.Sprintf(format, args...)}
}

// MemoryOr is the memory to be given: what the task asks for, or else what the place gives
// by itself, or what was found to be enough if that is more; doubled for each time that it
// was not enough.
func (n Need) MemoryOr(byDefault int64) int64 {
	floor := n.Learned.Floor(byDefault)
	if n.Memory > 0 {
		byDefault = n.Memory
	}
	return max(byDefault, floor) << n.OOMs
}

// Grown says that the task is given more memory than it asks for.
func (n Need) Grown() bool { return n.OOMs > 0 || n.Learned.Doubled > 0 }

// Canonical is an executor's name as it is in settings. Airflow's names and classes are
// known too; Auto and no name at all are the same.
func Canonical(name string) string {
	name = strings.TrimSpace(name)
	if i := strings.LastIndexAny(name, ".:"); i >= 0 && strings.HasSuffix(name, "Executor") {
		name = name[i+1:]
	}
	switch name {
	case "", Auto:
		return ""
	case "AwsLambdaExecutor", "LambdaExecutor":
		return "lambda"
	case "AwsEcsExecutor", "EcsExecutor", "AwsFargateExecutor":
		return "fargate"
	case "KubernetesExecutor":
		return Kubernetes
	case "LocalExecutor", "SequentialExecutor":
		return "local"
	case "CeleryExecutor":
		return "queue"
	}
	return name
}

// Limits are what a place has room for. Zero fields are without bound.
type Limits struct {
	// Time is the longest execution.
	Time time.Duration
	// CPUMilli is in thousandths of a core, Memory and Storage are in bytes.
	CPUMilli int64
	Memory   int64
	Storage  int64
	// Images says that tasks can bring container images of their own.
	Images bool
}

// Excess is one wish that a place cannot grant.
type Excess struct {
	// What names the wish as authors write it.
	What string
	// Wish is what the task asks for, Limit what the place allows; empty if it has none
	// of it.
	Wish, Limit string
}

// Lacks lists what a need asks for beyond the limits.
func (l Limits) Lacks(n Need) []Excess {
	var out []Excess
	if l.Time > 0 && n.Time > l.Time {
		out = append(out, Excess{"execution_timeout", Duration(n.Time), Duration(l.Time)})
	}
	if m := n.MemoryOr(0); l.Memory > 0 && m > l.Memory {
		what := "memory"
		switch {
		case n.OOMs > 0:
			what = "memory (doubled for each time that it ran out)"
		case m > n.Memory:
			what = "memory (as other runs were found to need)"
		}
		out = append(out, Excess{what, Bytes(m), Bytes(l.Memory)})
	}
	if l.Storage > 0 && n.Storage > l.Storage {
		out = append(out, Excess{"ephemeral_storage", Bytes(n.Storage), Bytes(l.Storage)})
	}
	if l.CPUMilli > 0 && n.CPUMilli > l.CPUMilli {
		out = append(out, Excess{"cpu", cores(n.CPUMilli), cores(l.CPUMilli)})
	}
	if !l.Images && n.Image != "" {
		out = append(out, Excess{What: "image", Wish: n.Image})
	}
	return out
}

// String says in a clause what is asked for and what is allowed.
func (e Excess) String() string {
	if e.Limit == "" {
		return fmt.Sprintf("an %s of its own (%s), which does not exist", e.What, e.Wish)
	}
	article := "a "
	if strings.ContainsAny(e.What[:1], "aeiou") {
		article = "an "
	}
	if e.What == "cpu" || strings.HasPrefix(e.What, "memory") || e.What == "ephemeral_storage" {
		article = ""
	}
	return fmt.Sprintf("%s%s of %s, more than %s", article, e.What, e.Wish, e.Limit)
}

// Bytes writes an amount of memory for people, in binary units.
func Bytes(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", (n+1<<19)>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// Duration writes a length of time for people: 40m, 14m30s, 2h.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func cores(milli int64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", float64(milli)/1000), "0"), ".")
}
