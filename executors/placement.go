package executors

import "github.com/updraft-dev/updraft/run"

// Placed returns the placement that sends new attempts of a task of a run somewhere, nil if
// none does. Of those that hold and concern the run, one for named tasks goes before one for
// all of the DAG's, and then the latest goes first.
func Placed(list []run.Placement, id run.ID, task string) *run.Placement {
	var found *run.Placement
	for i := range list {
		p := &list[i]
		behind := found != nil && len(p.Tasks) == 0 && len(found.Tasks) > 0
		if p.Holds() && !behind && p.Share.Has(id) && p.Selects(task) {
			found = p
		}
	}
	return found
}
