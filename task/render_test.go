package task

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/settings"
)

func TestRender(t *testing.T) {
	t.Parallel()
	w := newWorld()
	reg := settings.NewRegistry(settings.Config{Store: w.store})
	if err := reg.PutConnection(t.Context(), settings.Connection{ID: "secret", Type: "x", Password: "hunter2"}); err != nil {
		t.Fatal(err)
	}
	w.op("op", func(context.Context, *Attempt) (Result, error) {
		t.Error("the operator was run")
		return Result{}, nil
	}, "first", "absent", "second", "third")
	w.ops["op"].Spec.Args = append(w.ops["op"].Spec.Args, dag.ArgSpec{Name: "plain"})
	w.task("up", "op", nil)
	w.task("t", "op", dag.Values{
		"first": "{{ a }}", "plain": "{{ b }}",
		"second": []any{"{{ secret }}", 1, map[string]any{"k": "{{ secret }}"}},
		"third":  dag.XComRef{Task: "up"},
	})
	w.task("bad", "op", dag.Values{"first": "{{ undefined }}"})
	w.pushed(t, "up", -1, dag.ReturnValue, `["hunter2", "{{ c }}"]`)

	work := w.work(t, "t", -1)
	got, err := New(w.cfg).Render(t.Context(), work)
	if err != nil {
		t.Fatal(err)
	}
	want := []Rendered{
		{"first", "A"},
		{"second", []any{"***", 1, map[string]any{"k": "***"}}},
		{"third", []any{"***", "{{ c }}"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rendered (-want +got):\n%s", d)
	}
	if _, err := New(w.cfg).Render(t.Context(), w.work(t, "bad", -1)); err == nil || !strings.Contains(err.Error(), "argument first: 'undefined' is undefined") {
		t.Errorf("error is %v", err)
	}
	var fatal *FatalError
	if _, err := New(w.cfg).Render(t.Context(), w.work(t, "no such task", -1)); !errors.As(err, &fatal) {
		t.Errorf("error for a task that is not there is %v", err)
	}
	if len(w.logs.logs) != 0 {
		t.Errorf("%d logs were written", len(w.logs.logs))
	}
}
