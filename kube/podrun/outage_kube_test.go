//go:build kubernetes && outage

package podrun_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/internal/kubetest"
)

// TestOutage restarts the API server while a pod writes: nothing of it is lost or twice there.
func TestOutage(t *testing.T) {
	b := newBench(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.started(t.Context(), t)
		kubetest.Component(t, "restart", "kube-apiserver")
	}()
	got, said := b.run(t.Context(), t, b.sh(`for i in $(seq 15); do echo "line $i."; sleep 1; done; echo '"end"' > /airflow/xcom/return.json`, map[string]any{"do_xcom_push": true}))
	<-done
	if said != "success" || got.Value != "end" {
		t.Errorf("ended as %q with %v\n%s", said, got.Value, b.Log())
	}
	for i := range 15 {
		if n := strings.Count(b.Log(), fmt.Sprintf("line %d.\n", i+1)); n != 1 {
			t.Errorf("line %d is %d times there\n%s", i+1, n, b.Log())
		}
	}
}
