package prices

import "time"

// Task is what is known of a task of a DAG.
type Task struct {
	// Attempts is how many there are in a run: instances, and their tries.
	Attempts float64
	// Took is how long one takes.
	Took time.Duration
	// Memory is in GB, CPU in cores, as the places give it.
	LambdaMemory               float64
	FargateMemory, FargateCPUs float64
	// Follows says that the worker of the task before goes on with it, where that is a
	// function.
	Follows bool
}

// What scheduling takes is what `make bench-aws` has counted on 2026-11-30
// (internal/bench/results/aws.json): in a chain, where a worker goes on by itself, in a fan,
// where each task has an invocation of its own, and what a run takes beside its tasks.
var (
	following = Counts{WriteUnits: 1.12, ReadUnits: 1.5, GBSeconds: 0.008, Puts: 0.1, Gets: 1}
	invoked   = Counts{WriteUnits: 2.4, ReadUnits: 8, Invocations: 1, GBSeconds: 0.026, Puts: 2, Gets: 1}
	ofRun     = Counts{WriteUnits: 14, ReadUnits: 30, QueueRequests: 3, Invocations: 2, GBSeconds: 0.1}
	// A task on Fargate goes by a queue to the function that starts it.
	started = Counts{WriteUnits: 2.4, ReadUnits: 8, QueueRequests: 3, Invocations: 0.1, GBSeconds: 0.03, Puts: 2, Gets: 1}
)

// FargateStart is how long a task on Fargate is paid for before it begins: its image is
// fetched (docs/design/dispatch.md).
const FargateStart = 30 * time.Second

// MostLambda is how long a function may take.
const MostLambda = 15 * time.Minute

// OnLambda is what the task costs in a run if functions execute it: scheduling and logs
// included. It is false if no function has the time.
func (l *List) OnLambda(t Task) (dollars float64, possible bool) {
	c := invoked
	if t.Follows {
		c = following
	}
	c.GBSeconds += t.Took.Seconds() * t.LambdaMemory
	return l.Dollars(c.Times(t.Attempts)), t.Took < MostLambda
}

// OnFargate is what the task costs in a run if each attempt is a task of ECS.
func (l *List) OnFargate(t Task) float64 {
	return l.Dollars(started.Times(t.Attempts)) + t.Attempts*l.Fargate(FargateStart+t.Took, t.FargateCPUs, t.FargateMemory)
}

// Run is what a run costs beside its tasks.
func (l *List) Run() float64 { return l.Dollars(ofRun) }
