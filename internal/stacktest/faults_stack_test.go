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
// executed once, a new file is read, and nothing is left in the queues; also when a scheduler is
// killed then. It is alone: the faults are for whoever works.
func TestFaults(t *testing.T) {
	s := stacktest.Open(t)
	before := letters(t, s)
	t.Run("calls go wrong", func(t *testing.T) { storm(t, s) })
	t.Run("and a scheduler is killed", func(t *testing.T) {
		storm(t, s, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			if err := s.Kill(ctx, "scheduler"); err != nil {
				t.Error(err)
			}
		})
	})
	wantEmpty(t, s, before)
}

// storm runs the DAGs of effects, which are known before, and what more is given, while calls
// go wrong; a file that is put then is read.
func storm(t *testing.T, s *stacktest.Stack, more ...func(t *testing.T)) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*patience)
	defer stop()
	now := time.Now().UnixNano()
	id := func(name string) string { return fmt.Sprintf("faults_%s_%d", name, now) }
	log := filepath.Join(t.TempDir(), "effects")
	dags := effects(log)
	for name, tasks := range dags {
		s.Put(t, id(name)+".yaml", dagFile(id(name), "null", tasks...))
	}
	for name := range dags {
		s.Read(ctx, t, id(name))
	}

	fired := stacktest.Storm(t, time.Minute)
	t.Run("while they do", func(t *testing.T) { // ends when all of it has
		for name, tasks := range dags {
			more = append(more, func(t *testing.T) {
				data, err := s.End(ctx, s.Begin(t, task.Trigger{DAG: id(name), Run: "faults"}))
				if err != nil {
					t.Fatal(err)
				}
				wantOnce(t, data, log+"."+id(name), len(tasks))
			})
		}
		more = append(more, func(t *testing.T) {
			s.Put(t, id("new")+".yaml", dagFile(id("new"), "null", bashTask("only", "true", nil, "")))
			s.Read(ctx, t, id("new"))
		})
		for i, f := range more {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				f(t)
			})
		}
	})
	n := fired()
	t.Logf("calls that went wrong: %v", n)
	for _, service := range []string{"dynamodb", "s3"} { // of SQS little is asked
		if n[service+" refused"]+n[service+" reset"]+n[service+" cut off"] == 0 {
			t.Errorf("no call of %s went wrong", service)
		}
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
