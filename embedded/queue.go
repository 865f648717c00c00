package embedded

import (
	"context"
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/store"
)

// QueueNames returns the queues that tasks of the stored DAGs name, and the default one, in
// order. Queues of DAGs that are gone are not among them.
func (i *Installation) QueueNames(ctx context.Context) ([]string, error) {
	names := []string{dag.DefaultQueue}
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListDAGs(ctx, store.DAGFilter{IncludeStale: true}, page)
		if err != nil {
			return nil, fmt.Errorf("list DAGs: %w", err)
		}
		for _, def := range list.Items {
			d, err := dag.Decode(def.Body)
			if err != nil {
				return nil, fmt.Errorf("read DAG %s: %w", def.ID, err)
			}
			for _, t := range d.Tasks {
				if t.Queue != "" {
					names = append(names, t.Queue)
				}
			}
		}
		if page.Token = list.Next; page.Token == "" {
			slices.Sort(names)
			return slices.Compact(names), nil
		}
	}
}

// Queue opens a queue by the name that tasks give it; the caller closes it.
func (i *Installation) Queue(ctx context.Context, name string) (*queue.Queue, error) {
	q, err := i.queues().open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open queue %q: %w", name, err)
	}
	return q, nil
}
