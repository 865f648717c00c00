//go:build emulator

package awsbench

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/updraft-dev/updraft/internal/prices"
)

// report is what was counted.
type report struct {
	prices *prices.List
	Rows   []row `json:"rows"`
	// Idle is what a month costs in which nothing happens.
	Idle idleMonth `json:"idle_month"`
}

// row is what one task of a workload took.
type row struct {
	Name  string        `json:"name"`
	Tasks int           `json:"tasks"`
	Each  prices.Counts `json:"each"`
	// Million is the price of a million tasks, in dollars.
	Million float64 `json:"dollars_per_million"`
	// Edge are the median, 90th and 99th percentile of the time between two tasks, in ms.
	Edge [3]float64 `json:"edge_ms"`
	Cold int        `json:"new_environments"`
	// Calls is for people who look for what to save.
	Calls map[string]int `json:"calls"`
}

type idleMonth struct {
	Counts prices.Counts `json:"counts"`
	// Polls are the requests by which Lambda asks queues that are empty.
	Polls float64 `json:"empty_polls"`
	// Dollars are what an account pays that uses SQS for nothing else; Busy is for one whose
	// free requests are used up.
	Dollars float64 `json:"dollars"`
	Busy    float64 `json:"dollars_without_free_requests"`
}

func (r *report) add(name string, tasks int, s spent, gaps []time.Duration) {
	each := s.Counts.Times(1 / float64(tasks))
	w := row{Name: name, Tasks: tasks, Each: each, Million: r.prices.Dollars(each) * 1e6, Cold: s.cold, Calls: s.requests}
	if n := len(gaps); n > 0 {
		for i, q := range []float64{0.5, 0.9, 0.99} {
			w.Edge[i] = float64(gaps[int(math.Round(q*float64(n-1)))]) / float64(time.Millisecond)
		}
	}
	r.Rows = append(r.Rows, w)
}

const (
	hoursOfMonth = 730
	// Lambda asks each queue that calls a function with five pollers, each of which waits for
	// 20 seconds (developer guide, "Using Lambda with Amazon SQS"). The template has four
	// such queues.
	polledQueues    = 4
	pollsPerMinute  = 5 * 3
	minutesPerMonth = hoursOfMonth * 60
)

// idle takes what an hour took in which nothing happened.
func (r *report) idle(s spent) {
	r.Idle.Counts = s.Counts.Times(hoursOfMonth)
	r.Idle.Polls = polledQueues * pollsPerMinute * minutesPerMonth
	queue := r.prices.QueueRequest
	r.Idle.Busy = r.prices.Dollars(r.Idle.Counts) + r.Idle.Polls*queue.Dollars
	requests := r.Idle.Counts.QueueRequests + r.Idle.Polls
	r.Idle.Dollars = r.Idle.Busy - requests*queue.Dollars + queue.Month(requests)
}

func (r *report) print(t *testing.T) {
	t.Helper()
	w := table.NewWriter()
	w.AppendHeader(table.Row{"one task of", "write units", "read units", "SQS requests", "invocations", "GB-ms", "PUT, LIST", "GET, HEAD", "$ per million", "edge p50/p90/p99 ms", "new processes"})
	for _, x := range r.Rows {
		e := x.Each
		w.AppendRow(table.Row{
			x.Name, two(e.WriteUnits), two(e.ReadUnits), two(e.QueueRequests), two(e.Invocations), two(e.GBSeconds * 1000), two(e.Puts), two(e.Gets),
			two(x.Million), fmt.Sprintf("%.0f/%.0f/%.0f", x.Edge[0], x.Edge[1], x.Edge[2]), x.Cold,
		})
	}
	t.Logf("units, requests and invocations are counted; times, and GB-ms with them, are modelled by the table in internal/cloudtest/latency.go\n%s\n"+
		"an idle month: $%.2f, and $%.2f if the free million of SQS is used up (%.0f write and %.0f read units, %.0f invocations, %.0f GB-s, %.0f requests to empty queues)\nprices of %s, %s",
		w.Render(), r.Idle.Dollars, r.Idle.Busy, r.Idle.Counts.WriteUnits, r.Idle.Counts.ReadUnits, r.Idle.Counts.Invocations, r.Idle.Counts.GBSeconds, r.Idle.Polls,
		r.prices.Region, r.prices.Date.Format(time.DateOnly))
	path := os.Getenv("UPDRAFT_BENCH_RESULT")
	if path == "" {
		return
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

func two(x float64) string { return fmt.Sprintf("%.2f", x) }

// gate fails the test if something costs more than it may.
func (r *report) gate(t *testing.T) {
	t.Helper()
	found := map[string]row{}
	for _, x := range r.Rows {
		found[x.Name] = x
	}
	chain, fan := found["chain of 100"], found["fan of 1,000 with join, warm"]
	if chain.Tasks == 0 || fan.Tasks == 0 || r.Idle.Polls == 0 {
		t.Log("not all workloads were run: nothing is held to its gates")
		return
	}
	for _, g := range []struct {
		what      string
		got, most float64
	}{
		{"chain: write units", chain.Each.WriteUnits, 2},
		// None between two tasks: those at the end of the run remain.
		{"chain: SQS requests", chain.Each.QueueRequests, 0.05},
		{"chain: invocations", chain.Each.Invocations, 0.05},
		{"chain: dollars per million", chain.Million, 1.5},
		{"fan: write units", fan.Each.WriteUnits, 3},
		{"fan: dollars per million", fan.Million, 2.5},
		{"idle month: dollars", r.Idle.Dollars, 1},
	} {
		if g.got > g.most {
			t.Errorf("%s: %.3f, of %.3f at most", g.what, g.got, g.most)
		}
	}
}
