package simtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

type executorWork = executors.Work

// machine is where the attempts of one process run. It outlives the process that started
// them, as a shepherd does: an attempt goes on, or dies, or has ended and its result is
// kept until a new process asks for it.
type machine struct {
	w    *world
	name string
	// twice is a machine that does what it must not: it executes everything twice.
	twice bool

	mu       sync.Mutex
	attempts map[string]*attempt // by token
	// report is where reports go now; nil while no process is there.
	report executors.Report
}

// attempt is an execution of a claim.
type attempt struct {
	work    executors.Work
	rng     *rand.Rand
	running bool
	// result is what is known of its end; kept until it is settled.
	result *run.Report
	timer  *time.Timer
}

var errGone = errors.New("nothing is left of the attempt")

// port is the executor as one life of the process has it.
type port struct {
	m     *machine
	crash func()
	rng   *rand.Rand
}

var _ executors.Executor = (*port)(nil)

// Name implements executors.Executor.
func (p *port) Name() string { return p.m.name }

// Capacity implements executors.Executor.
func (p *port) Capacity() int { return capacity }

const capacity = 6

// Start implements executors.Executor.
func (p *port) Start(_ context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	f := &p.m.w.faults
	for i, w := range work {
		p.m.w.check.dispatched(w)
		switch {
		case !w.Resume && p.m.w.faulty() && oneIn(p.rng, f.busy):
			p.m.w.count("executor busy")
			p.m.w.check.reported(w.Instance.Token, w.Attempt(), refusedBusy)
			errs[i] = executors.ErrBusy
		case w.Resume:
			errs[i] = p.m.resume(w)
		default:
			p.m.start(w)
		}
		if p.m.w.faulty() && oneIn(p.rng, f.crashDispatch) {
			p.m.w.count("crash while dispatching")
			p.crash()
		}
	}
	return errs
}

// Cancel implements executors.Executor: the attempt ends within a grace of ten seconds,
// or by itself before.
func (p *port) Cancel(_ context.Context, _ run.Attempt, token, _ string) error {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	at := p.m.attempts[token]
	if at == nil || !at.running {
		return nil
	}
	p.m.w.count("attempt cancelled")
	at.timer.Stop()
	at.timer = time.AfterFunc(between(at.rng, time.Millisecond, 10*time.Second), func() {
		p.m.end(at, run.Report{Attempt: at.work.Attempt(), Token: token, Outcome: run.OutcomeFailed, Cause: run.CauseUser, Reason: "cancelled"})
	})
	return nil
}

// Close implements executors.Executor: what does not end in time is stopped, and all
// results are handed in.
func (p *port) Close(ctx context.Context) error {
	<-ctx.Done()
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	for token, at := range p.m.attempts {
		if at.running {
			if at.work.Instance.InfraFailures >= run.InfraRetries {
				continue // the next process may find it
			}
			at.timer.Stop()
			at.running = false
			at.result = &run.Report{Attempt: at.work.Attempt(), Token: token, Outcome: run.OutcomeFailed, Cause: run.CauseInfra,
				Reason: "the worker is shutting down", At: p.m.w.clock()}
			p.m.w.check.reported(token, at.work.Attempt(), run.OutcomeFailed)
		}
		if p.m.w.check.open(token) {
			p.m.hand(*at.result)
		}
	}
	return nil
}

// start begins to execute.
func (m *machine) start(w executors.Work) {
	m.mu.Lock()
	defer m.mu.Unlock()
	token := w.Instance.Token
	if m.attempts[token] != nil {
		return
	}
	at := &attempt{work: w, rng: random(m.w.seed, "attempt", token), running: true}
	m.attempts[token] = at
	m.w.check.executes(token, w.Attempt())
	f := m.w.fateOf(w)
	at.timer = time.AfterFunc(f.took, func() { m.finish(at, f) })
	if m.twice {
		time.AfterFunc(f.took*2, func() { m.finish(at, f) })
	}
}

// finish ends an execution as it was fated to, unless its worker dies on the way.
func (m *machine) finish(at *attempt, f fate) {
	w, key := at.work, ownTry(at.work)
	m.mu.Lock()
	dies := m.w.faulty() && oneIn(at.rng, m.w.faults.workerLost) && w.Instance.InfraFailures < run.InfraRetries
	early := dies && oneIn(at.rng, 2)
	m.mu.Unlock()
	gone := run.Report{Attempt: w.Attempt(), Token: w.Instance.Token, Outcome: run.OutcomeFailed, Cause: run.CauseInfra, Reason: "its worker was lost"}
	if early {
		m.w.count("worker lost before the effect")
		m.end(at, gone)
		return
	}
	waited := m.w.check.takeTurn(key, f.waits)
	if waited >= f.waits {
		m.w.check.effect(w.Attempt())
	}
	if dies {
		m.w.count("worker lost after the effect")
		m.end(at, gone)
		return
	}
	m.end(at, f.report(w, waited, m.w.clock()))
}

// end keeps the result and sends it.
func (m *machine) end(at *attempt, rep run.Report) {
	rep.At = m.w.clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !at.running && !m.twice {
		return
	}
	at.running, at.result = false, &rep
	m.w.check.reported(rep.Token, rep.Attempt, rep.Outcome)
	m.w.log("%s: %s ends %s %s", m.name, rep.Attempt, rep.Outcome, rep.Token)
	m.send(at)
}

// send lets the result find its way: at once, late, twice, or after having been lost. The
// caller holds mu.
func (m *machine) send(at *attempt) {
	f, rep := &m.w.faults, *at.result
	delay := between(at.rng, time.Microsecond, 50*time.Millisecond)
	if m.w.faulty() {
		if oneIn(at.rng, f.late) {
			m.w.count("report late")
			delay = between(at.rng, time.Second, 20*time.Minute)
		}
		if oneIn(at.rng, f.lost) {
			m.w.count("report lost")
			delay += between(at.rng, 30*time.Second, 2*time.Minute)
		}
		if oneIn(at.rng, f.doubled) {
			m.w.count("report doubled")
			time.AfterFunc(delay+between(at.rng, time.Microsecond, 10*time.Minute), func() { m.arrive(rep) })
		}
	}
	time.AfterFunc(delay, func() { m.arrive(rep) })
}

func (m *machine) arrive(rep run.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hand(rep)
}

// hand gives a report to the process, if one is there. The caller holds mu.
func (m *machine) hand(rep run.Report) {
	if m.report != nil {
		m.report(rep)
	}
}

// resume looks for what is left of an attempt of an earlier process. One that has lost
// three workers is started when it never was: its budget is not to be used up, as its
// failure would then be the faults' doing.
func (m *machine) resume(w executors.Work) error {
	token := w.Instance.Token
	m.mu.Lock()
	at := m.attempts[token]
	m.mu.Unlock()
	switch {
	case at == nil && w.Instance.InfraFailures >= run.InfraRetries:
		m.start(w)
	case at == nil && oneIn(random(m.w.seed, "gone", token), 2):
		m.w.count("resumed nothing, refused")
		return errGone
	case at == nil:
		m.w.count("resumed nothing")
		m.mu.Lock()
		defer m.mu.Unlock()
		at = &attempt{work: w, rng: random(m.w.seed, "attempt", token), result: &run.Report{
			Attempt: w.Attempt(), Token: token, Outcome: run.OutcomeFailed, Cause: run.CauseInfra, At: m.w.clock(), Reason: errGone.Error(),
		}}
		m.attempts[token] = at
		m.w.check.reported(token, w.Attempt(), run.OutcomeFailed)
		m.send(at)
	default:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.w.count("resumed")
		if !at.running {
			m.send(at)
		}
	}
	return nil
}

// orphan is what a crash of the process does to its attempts: some die with it.
func (m *machine) orphan() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report = nil
	for token, at := range m.attempts {
		if at.running && m.w.faulty() && oneIn(at.rng, m.w.faults.orphanLost) && at.work.Instance.InfraFailures < run.InfraRetries {
			m.w.count("orphan lost")
			at.timer.Stop()
			delete(m.attempts, token)
		}
	}
}

// connect gives the machine a new process to report to.
func (m *machine) connect(report executors.Report, crash func(), life int) *port {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report = report
	return &port{m: m, crash: crash, rng: random(m.w.seed, "port", m.name, life)}
}
