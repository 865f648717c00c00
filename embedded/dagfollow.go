package embedded

import (
	"context"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// followInterval is how often Follow looks. What it follows is shown to people.
const followInterval = 200 * time.Millisecond

// Follow watches runs that another process works on until all have ended, and returns
// them. It tells see, as the engine's OnChange would, what has changed since it last
// looked; states that pass in between are not seen.
func (i *Installation) Follow(ctx context.Context, ids []run.ID, see func([]run.Batch)) ([]run.Run, error) {
	known := make([]map[string]run.Instance, len(ids))
	runs := make([]run.Run, len(ids))
	t := time.NewTicker(followInterval)
	defer t.Stop()
	for {
		open := false
		for n, id := range ids {
			data, err := i.Store.Run(ctx, id)
			if err != nil {
				return runs, err
			}
			b := run.Batch{Run: id}
			if known[n] == nil {
				known[n] = map[string]run.Instance{}
				b.Create = &data.Run
			}
			if runs[n].State != data.Run.State {
				b.Update = &run.RunChange{Want: data.Run, State: runs[n].State}
			}
			runs[n] = data.Run
			b.Changes = changesSince(known[n], data.Instances)
			if see != nil && (b.Create != nil || b.Update != nil || len(b.Changes) > 0) {
				see([]run.Batch{b})
			}
			open = open || !data.Run.State.Finished()
		}
		if !open {
			return runs, nil
		}
		select {
		case <-ctx.Done():
			return runs, context.Cause(ctx)
		case <-t.C:
		}
	}
}

// changesSince are the steps from what was known to what is there now, which becomes
// what is known.
func changesSince(known map[string]run.Instance, now []run.Instance) (out []run.Change) {
	there := map[string]bool{}
	for _, in := range now {
		there[in.Name()] = true
		old, ok := known[in.Name()]
		if ok && old.State == in.State && old.Try == in.Try {
			continue
		}
		known[in.Name()] = in
		out = append(out, run.Change{Want: in, If: run.Condition{Absent: !ok, State: old.State, Try: old.Try}})
	}
	for name, in := range known {
		if !there[name] {
			delete(known, name)
			out = append(out, run.Change{Want: in, Gone: true})
		}
	}
	slices.SortStableFunc(out, func(a, b run.Change) int { return since(&a.Want).Compare(since(&b.Want)) })
	return out
}

// since is when an instance came to its state, as far as is known.
func since(in *run.Instance) time.Time {
	if in.State.Finished() && !in.End.IsZero() {
		return in.End
	}
	return in.Start
}
