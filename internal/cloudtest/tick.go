package cloudtest

import (
	"context"
	"time"
)

// tick is the rule of EventBridge that calls the scheduler every minute, some seconds late.
func (a *Account) tick(ctx context.Context) {
	d := a.dice("tick")
	f := a.cfg.Faults
	for {
		now := time.Now()
		if !pass(ctx, now.Truncate(time.Minute).Add(time.Minute).Sub(now)) {
			return
		}
		times, late := 1, d.between(0, 3*time.Second)
		switch {
		case d.oneIn(f.TickMissed):
			a.count("tick missed")
			continue
		case d.oneIn(f.TickLate):
			a.count("tick late")
			late = d.between(10*time.Second, 2*time.Minute)
		case d.oneIn(f.TickDoubled):
			a.count("tick doubled")
			times = 2
		}
		for range times {
			wait := late
			a.work.Go(func() {
				if pass(ctx, wait) {
					a.functions[schedulerName].async(ctx, []byte(`{"source":"aws.events","detail-type":"Scheduled Event"}`))
				}
			})
			late += d.between(time.Millisecond, 30*time.Second)
		}
	}
}
