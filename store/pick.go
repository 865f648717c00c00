package store

import (
	"context"
	"slices"

	"github.com/updraft-dev/updraft/run"
)

// Picker is what a store implements for which it is cheaper to read some instances of a
// mapped task than all of them.
type Picker interface {
	// Pick is Run for some instances: of the keys, task and index count. run.Unmapped stands
	// for all instances of its task. Without keys it returns all there are.
	Pick(ctx context.Context, id run.ID, keys ...run.Key) (RunData, error)
}

// Pick is Picker.Pick for every store.
func Pick(ctx context.Context, s Runs, id run.ID, keys ...run.Key) (RunData, error) {
	if p, ok := s.(Picker); ok {
		return p.Pick(ctx, id, keys...)
	}
	var tasks []string
	for _, k := range keys {
		if !slices.Contains(tasks, k.Task) {
			tasks = append(tasks, k.Task)
		}
	}
	data, err := s.Run(ctx, id, tasks...)
	if err != nil || len(keys) == 0 {
		return data, err
	}
	wanted := make(map[run.Key]bool, len(keys))
	for _, k := range keys {
		wanted[run.Key{Task: k.Task, Map: k.Map}] = true
	}
	data.Instances = slices.DeleteFunc(data.Instances, func(i run.Instance) bool {
		return !wanted[run.Key{Task: i.Task, Map: i.Map}] && !wanted[run.Key{Task: i.Task, Map: run.Unmapped}]
	})
	return data, nil
}
