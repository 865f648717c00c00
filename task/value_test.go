package task_test

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/task"
)

func TestPythonText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 4, 5, 6, 0, time.UTC)
	for _, tt := range []struct {
		value any
		want  string
	}{
		{nil, "None"}, {true, "True"}, {false, "False"}, {"a 'b'", "a 'b'"}, {int64(3), "3"}, {1.5, "1.5"}, {[]any{int64(1), nil}, "[1,null]"},
		{at, "2026-03-01 04:05:06+00:00"}, {at.Add(500 * time.Millisecond), "2026-03-01 04:05:06.500000+00:00"},
	} {
		if got := task.PythonText(tt.value); got != tt.want {
			t.Errorf("%#v is %s, want %s", tt.value, got, tt.want)
		}
	}
}
