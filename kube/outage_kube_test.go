//go:build kubernetes && outage

package kube_test

import (
	"testing"

	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/kube"
	"github.com/updraft-dev/updraft/run"
)

// TestAPIServerIsAway: what runs goes on, what ends meanwhile is seen afterwards, and what is
// to begin begins then.
func TestAPIServerIsAway(t *testing.T) {
	p := newPlant(t, nil)
	p.write("dags/away.yaml", waitDAG("away", p.home, 3))
	p.write("dags/chain.yaml", chainDAG)
	p.schedule()
	c, _ := p.control(kube.Options{})
	id := p.trigger("away")
	p.until(id, "begun", running(3))
	for n := range 3 {
		began(t, p, "away", n)
	}
	kubetest.Component(t, "kill", "kube-apiserver")
	p.write("go-away", "")
	p.until(id, "ended", ended)
	later := p.trigger("chain")
	kubetest.Component(t, "start", "kube-apiserver")
	for _, r := range []run.ID{id, later} {
		for name, in := range p.until(r, "ended", ended) {
			if in.State != run.Success || in.Try != 1 {
				t.Errorf("%s is %s in try %d: %s", name, in.State, in.Try, in.Reason)
			}
		}
	}
	p.eventually("the pods that have succeeded are deleted", func() bool { return len(p.pods()) == 0 })
	select {
	case <-c.Ready():
	default:
		t.Error("the controller does not work any more")
	}
}
