package embedded_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestUnreadConfig: what no executor reads is worth a warning, and no error.
func TestUnreadConfig(t *testing.T) {
	t.Parallel()
	home := newHome(t, map[string]string{"pods.yaml": `pods:
  schedule: null
  executor_config: {warm: true, overrides: {cpu: 1}}
  tasks:
    only:
      operator: airflow.providers.standard.operators.empty.EmptyOperator
      executor_config: {pod_overide: {spec: {}}, image: "repo/x:1"}
`})
	checked, err := open(t, home, nil).CheckFiles(t.Context(), []string{filepath.Join(home, "dags")}, false)
	if err != nil || len(checked) != 1 || checked[0].Err != nil || len(checked[0].Warnings) != 2 {
		t.Fatalf("checked %+v, %v", checked, err)
	}
	for n, want := range []string{
		"DAG pods: executor_config of the DAG: no executor reads `overrides`: known are function, image, pod_override, ",
		"DAG pods: executor_config of task only: no executor reads `pod_overide`: did you mean `pod_override`?",
	} {
		if got := checked[0].Warnings[n].Error(); !strings.Contains(got, want) {
			t.Errorf("warning %d is %q, want %q in it", n, got, want)
		}
	}
}
