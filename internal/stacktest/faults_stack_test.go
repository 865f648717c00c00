//go:build stack

package stacktest_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/updraft-dev/updraft/internal/stacktest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// effects are DAGs whose tasks write a line each when they are executed: a fan of 200, which
// is joined, and a chain of 50.
func effects(log string) map[string][]string {
	write := func(id string, upstream ...string) string {
		return bashTask(id, "echo "+id+" >> "+log+".{{ dag.dag_id }}", upstream, "")
	}
	fan, chain := []string{write("first")}, []string{write("c00")}
	var middle []string
	for i := range 200 {
		id := fmt.Sprintf("m%03d", i)
		fan, middle = append(fan, write(id, "first")), append(middle, id)
	}
	for i := range 49 {
		chain = append(chain, write(fmt.Sprintf("c%02d", i+1), fmt.Sprintf("c%02d", i)))
	}
	return map[string][]string{"fan": append(fan, write("join", middle...)), "chain": chain}
}

// TestFaults: when the store, the queues and the buckets fail for a minute, every run ends, each task is
// executed once, and nothing is left in the queues; also when a scheduler is killed then. It
// is alone: the faults are for whoever works.
func TestFaults(t *testing.T) {
	s := stacktest.Open(t)
	before := letters(t, s)
	storm := func(name string, f func(t *testing.T)) {
		fired := stacktest.Storm(t, time.Minute)
		t.Run(name, f)
		n := fired()
		t.Logf("%s: %v", name, n)
		for _, service := range []string{"dynamodb", "s3"} { // of SQS little is asked
			if n[service+" refused"]+n[service+" reset"]+n[service+" cut off"] == 0 {
				t.Errorf("%s: no call of %s went wrong", name, service)
			}
		}
	}
	storm("calls go wrong", func(t *testing.T) { once(t, s) })
	storm("and a scheduler is killed", func(t *testing.T) {
		t.Run("kill", func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			if err := s.Kill(ctx, "scheduler"); err != nil {
				t.Error(err)
			}
		})
		once(t, s)
	})
	wantEmpty(t, s, before)
}

// once runs the DAGs of effects at the same time.
func once(t *testing.T, s *stacktest.Stack) {
	t.Helper()
	log, now := filepath.Join(t.TempDir(), "effects"), time.Now()
	for name, tasks := range effects(log) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			id := fmt.Sprintf("faults_%s_%d", name, now.UnixNano())
			s.Put(t, id+".yaml", dagFile(id, "null", tasks...))
			s.Read(ctx, t, id)
			read := time.Now()
			data, err := s.End(ctx, s.Begin(t, task.Trigger{DAG: id, Run: "faults"}))
			if err != nil {
				t.Fatal(err)
			}
			wantOnce(t, data, log+"."+id, len(tasks))
			t.Logf("read in %s, ended in %s", read.Sub(now).Round(time.Second), time.Since(read).Round(time.Second))
		})
	}
}

// wantOnce wants all tasks of a run to have succeeded and to have written one line each.
func wantOnce(t *testing.T, d store.RunData, log string, tasks int) {
	t.Helper()
	if d.Run.State != run.RunSuccess || len(d.Instances) != tasks {
		t.Errorf("run %s is %s with %d instances, want success with %d", d.Run.ID, d.Run.State, len(d.Instances), tasks)
	}
	for i := range d.Instances {
		if in := &d.Instances[i]; in.State != run.Success || in.Try != 1 {
			t.Errorf("%s is %s at try %d: %s %s\n%s", in.Name(), in.State, in.Try, in.Cause, in.Reason, in.Tail)
		}
	}
	body, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(body))
	slices.Sort(lines)
	if n := len(slices.Compact(slices.Clone(lines))); n != tasks || len(lines) != tasks {
		t.Errorf("%d effects of %d tasks, want one of each of %d", len(lines), n, tasks)
	}
}

// letters are how many messages each queue has, but for those hidden from who has received
// them: what could not be worked on is hidden for minutes.
func letters(t *testing.T, s *stacktest.Stack) map[string]string {
	t.Helper()
	client := sqs.NewFromConfig(s.AWS)
	list, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String(s.Name + "-")})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, url := range list.QueueUrls {
		got, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(url)] = got.Attributes["ApproximateNumberOfMessages"]
		if n := got.Attributes["ApproximateNumberOfMessagesNotVisible"]; n != "0" {
			t.Logf("%s: %s messages are hidden", filepath.Base(url), n)
		}
	}
	return out
}

// wantEmpty wants the queues to have no messages, and no more dead letters than before.
func wantEmpty(t *testing.T, s *stacktest.Stack, before map[string]string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		now := letters(t, s)
		if maps.Equal(now, before) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the queues have %v, before the faults it was %v", now, before)
		case <-look.C:
		}
	}
}
