package executors

// Dispatcher is an Executor whose attempts are claimed where they are executed, by
// workers that take them from a queue. Work given to its Start is queued and has no
// token; Start only sends word of it, which may be lost or come twice, and nobody is told
// by Report how it ends: the store is, by the worker. Its Cancel does nothing either: a
// worker sees in the store that its claim does not hold any more.
type Dispatcher interface {
	Executor
	// Dispatches does nothing; it tells a Dispatcher from other executors.
	Dispatches()
}
