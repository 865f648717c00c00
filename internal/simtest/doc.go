// Package simtest runs the whole scheduling side in virtual time, with faults: the real
// engine and planner on a store that fails, an executor that loses, doubles and delays
// its messages, processes that die at any moment, clocks that jump, and other writers. A
// seed is a run of it. It has no code of its own beside its test.
package simtest
