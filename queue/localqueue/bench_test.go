package localqueue_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
	"github.com/updraft-dev/updraft/queue/queuetest"
)

// BenchmarkThroughput sends, receives and deletes.
func BenchmarkThroughput(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			q := open(b, localqueue.Config{Path: filepath.Join(b.TempDir(), "queue.db"), Now: time.Now})
			ms := make([]queue.Message, n)
			for i := range ms {
				ms[i] = queuetest.Message(fmt.Sprint("task", i))
			}
			done := 0
			for b.Loop() {
				if err := errors.Join(q.Send(b.Context(), ms...)...); err != nil {
					b.Fatal(err)
				}
				got, err := q.Receive(b.Context(), n, time.Minute, 0)
				if err != nil {
					b.Fatal(err)
				}
				if err := errors.Join(q.Delete(b.Context(), got...)...); err != nil {
					b.Fatal(err)
				}
				done += len(got)
			}
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// BenchmarkHandOver measures from before Send until a waiting receiver has the message,
// through another connection as another process would.
func BenchmarkHandOver(b *testing.B) {
	cfg := localqueue.Config{Path: filepath.Join(b.TempDir(), "queue.db"), Now: time.Now}
	sender, receiver := open(b, cfg), open(b, cfg)
	var all []time.Duration
	arrived := make(chan time.Time)
	go func() {
		for {
			got, err := receiver.Receive(b.Context(), 1, time.Minute, queue.MaxWait)
			at := time.Now()
			if err != nil {
				return
			}
			if len(got) > 0 {
				receiver.Delete(b.Context(), got...)
				arrived <- at
			}
		}
	}()
	for b.Loop() {
		begin := time.Now()
		if err := sender.Send(b.Context(), queuetest.Message("t"))[0]; err != nil {
			b.Fatal(err)
		}
		all = append(all, (<-arrived).Sub(begin))
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
}
