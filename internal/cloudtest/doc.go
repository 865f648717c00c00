// Package cloudtest runs the functions of an installation on AWS in one process: the real
// handlers, drivers of queues and of Lambda, between stand-ins for the services that call
// them. In a bubble of testing/synctest it does so in virtual time.
//
// The stand-ins keep the services' promises and no more. Messages come late, in any order
// and twice; invocations are throttled and doubled; ticks are missed; a process may be
// killed at any moment, also between a write and its answer, and is frozen between two
// calls: what it does then is a problem that the account reports. Which of this happens,
// and how often, a test says by Faults; when, a seed. What it shows, and what only an
// emulator or AWS can show, is in docs/local-aws.md.
//
// It has no store of its own: a test gives one for each process.
package cloudtest
