package helm_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"
)

var (
	ownMetric = regexp.MustCompile(`updraft_[a-z_]+`)
	// registered finds names of metrics where they are made, of the scheduler in whole and of
	// the controller without their beginning.
	registered = regexp.MustCompile(`Name: "(updraft_[a-z_]+)"|\bd\("([a-z_]+)", "`)
)

// TestDashboard: Grafana can read the dashboard, and each metric in it is one that the
// programs have.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var names []string
	for _, file := range []string{"../../embedded/metrics/metrics.go", "../../kube/serve.go"} {
		for _, m := range registered.FindAllStringSubmatch(read(t, file), -1) {
			if m[2] != "" {
				names = append(names, "updraft_"+m[2])
				continue
			}
			names = append(names, m[1], m[1]+"_bucket")
		}
	}
	if len(names) < 15 {
		t.Fatalf("only %d metrics were found: %v", len(names), names)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text := read(t, chart+"/files/dashboard.json")
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			for _, name := range ownMetric.FindAllString(target.Expr, -1) {
				if !slices.Contains(names, name) {
					t.Errorf("panel %q: no program has the metric %s", p.Title, name)
				}
			}
		}
	}
	for _, name := range ownMetric.FindAllString(read(t, chart+"/templates/_settings.tpl"), -1) {
		if !slices.Contains(names, name) {
			t.Errorf("the trigger of KEDA: no program has the metric %s", name)
		}
	}
}
