package task

import (
	"context"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// BenchmarkNoop is an attempt that does nothing and writes no log.
func BenchmarkNoop(b *testing.B) {
	w := newWorld()
	w.ops["noop"] = &Operator{Spec: dag.OperatorSpec{Class: "noop", Kind: dag.OperatorInert}, Run: give(nil)}
	w.task("t", "noop", nil)
	work, r, ctx := w.work(b, "t", -1), New(w.cfg), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if rep := r.Execute(ctx, work); rep.Outcome != "success" {
			b.Fatal(rep)
		}
	}
}

// discard is a log that costs nothing.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Redact(...string)            {}
func (discard) Close() error                { return nil }

type discardLogs struct{}

func (discardLogs) Open(context.Context, run.Attempt) (Log, error) { return discard{}, nil }

// BenchmarkCommand is an attempt with arguments, a log and a pushed value, without its process.
func BenchmarkCommand(b *testing.B) {
	w := newWorld()
	w.op("cmd", give("last line"), "bash_command", "env")
	w.task("t", "cmd", dag.Values{"bash_command": "echo hello ${HOME}", "env": map[string]any{"A": "b"}})
	w.cfg.Logs = discardLogs{}
	work, r, ctx := w.work(b, "t", -1), New(w.cfg), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if rep := r.Execute(ctx, work); rep.Outcome != "success" {
			b.Fatal(rep)
		}
	}
}
