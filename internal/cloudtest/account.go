package cloudtest

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
	"github.com/updraft-dev/updraft/store"
)

// Config says what an account is. Seed, Store, Operators and Home are needed.
type Config struct {
	Seed uint64
	// Store gives a process its connection to the store. What must not go on when the
	// process is killed, it asks Process.Dead or Process.OnKill for.
	Store func(ctx context.Context, p *Process) (store.Store, error)
	// Operators are what tasks can be.
	Operators *embedded.Operators
	// Home is an empty folder for what processes keep on disk.
	Home string
	// Network takes requests for services that the account has no stand-in for: DynamoDB.
	// Nil refuses them.
	Network interface {
		Do(r *http.Request) (*http.Response, error)
	}
	Faults Faults
	// Fargate has the account start containers, too: the executor is then auto.
	Fargate bool
	// Latency says how long a call takes; nil is Latencies.
	Latency Latency
	// Workers is how many worker functions run at once, Parallelism how many tasks the
	// scheduler lets run; 0 is 1,000, an account's quota.
	Workers, Parallelism int
	// Now is what the clocks show, time.Now if nil.
	Now func() time.Time
	// Log takes what the functions log; nil is nowhere.
	Log *slog.Logger
}

// Faults are chances, each in one of n cases; 0 is never.
type Faults struct {
	// Doubled and Late are messages that are delivered twice, or minutes late.
	Doubled, Late int
	// InvokeDoubled are asynchronous invocations that are made twice; Throttled are calls
	// of services that are refused for being too many, Cut those whose answer is lost.
	InvokeDoubled, Throttled, Cut int
	// TickMissed, TickLate and TickDoubled are ticks.
	TickMissed, TickLate, TickDoubled int
	// KilledCalling are calls of services during which the process is killed, half of them
	// after the service has done what it was asked for; Killed are invocations that are killed
	// somewhere in their first minute.
	KilledCalling, Killed int
	// RecordLost are killed invocations that nobody is told of.
	RecordLost int
	// Until is for how long there are faults after Run has begun; 0 is always.
	Until time.Duration
}

// Account is a part of AWS with an installation in it.
type Account struct {
	cfg   Config
	meter awsconf.Meter
	// Objects is the bucket of logs.
	Objects objectstest.Memory

	functions  map[string]*function
	queues     map[string]*sqsQueue
	containers *containers
	// work is everything under way.
	work sync.WaitGroup

	mu       sync.Mutex
	begun    time.Time
	counts   map[string]int
	problems []string
	made     int
}

// quota is how many functions run at once in an account, unless it has asked for more.
const quota = 1000

// New returns an account in which nothing happens before Run.
func New(c Config) *Account {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Latency == nil {
		c.Latency = Latencies
	}
	c.Workers, c.Parallelism = cmp.Or(c.Workers, quota), cmp.Or(c.Parallelism, quota)
	a := &Account{cfg: c, counts: map[string]int{}, functions: map[string]*function{}, queues: map[string]*sqsQueue{}}
	a.deploy()
	return a
}

// Run lets the clock tick, messages be delivered and functions be called until ctx ends.
// It returns when nothing is under way any more.
func (a *Account) Run(ctx context.Context) {
	a.mu.Lock()
	a.begun = time.Now()
	a.mu.Unlock()
	a.work.Go(func() { a.tick(ctx) })
	for _, m := range a.mappings() {
		a.work.Go(func() { m.run(ctx) })
	}
	<-ctx.Done()
	a.work.Wait()
	for _, f := range a.functions {
		f.close()
	}
}

// Problems are what the functions did that would go wrong on AWS.
func (a *Account) Problems() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.problems
}

func (a *Account) problem(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

// Counts says how often what has happened, faults above all.
func (a *Account) Counts() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]int{}
	for k, n := range a.counts {
		out[k] = n
	}
	return out
}

func (a *Account) count(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[what]++
}

// faulty says that faults still happen.
func (a *Account) faulty() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cfg.Faults.Until == 0 || !a.begun.IsZero() && time.Since(a.begun) < a.cfg.Faults.Until
}

// number returns another number each time.
func (a *Account) number() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.made++
	return a.made
}

func (a *Account) home(p *Process) string { return filepath.Join(a.cfg.Home, p.Name) }

// dice are random numbers that belong to a thing, for use by several goroutines.
type dice struct {
	a   *Account
	mu  sync.Mutex
	rng *rand.Rand
}

func (a *Account) dice(what ...any) *dice {
	h := fnv.New64a()
	fmt.Fprintln(h, what...)
	return &dice{a: a, rng: rand.New(rand.NewPCG(a.cfg.Seed, h.Sum64()))}
}

// oneIn is true in one of n cases, never if n is 0 or faults are over.
func (d *dice) oneIn(n int) bool {
	if n == 0 || !d.a.faulty() {
		return false
	}
	return d.number(n) == 0
}

func (d *dice) number(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(n)
}

func (d *dice) shuffle(n int, swap func(i, j int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rng.Shuffle(n, swap)
}

// between draws a duration to the nanosecond, so that hardly any two events coincide.
func (d *dice) between(from, to time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return from + time.Duration(d.rng.Int64N(int64(to-from)))
}

// latency draws how long a call takes.
func (d *dice) latency(call string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.a.cfg.Latency(d.rng, call)
}

// pass waits; it reports whether ctx still lives.
func pass(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
