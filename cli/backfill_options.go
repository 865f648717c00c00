package cli

import (
	"time"

	"github.com/updraft-dev/updraft/scheduler"
)

// backfillOptions are the flags of backfill create.
type backfillOptions struct {
	dag, conf, reprocess string
	from, to             *time.Time
	maxActive            int
	backwards, dry, wait bool
}

// backfill is the wish that the flags express. What is wrong with it is the planner's
// to say; only what cannot be said in a wish is checked here.
func (o *backfillOptions) backfill(a *app) (scheduler.Backfill, error) {
	conf, err := a.parseConf(o.conf)
	if err != nil {
		return scheduler.Backfill{}, err
	}
	if o.maxActive < 1 {
		return scheduler.Backfill{}, usagef("--max-active-runs %d: use a number from 1", o.maxActive)
	}
	return scheduler.Backfill{
		DAG: o.dag, From: *o.from, To: *o.to, Conf: conf, Reverse: o.backwards,
		MaxActiveRuns: o.maxActive, Reprocess: scheduler.Reprocess(o.reprocess),
	}, nil
}
