package embedded

import (
	"context"
	"fmt"
	"path/filepath"
)

// Pusher is a source that DAG files can be put into.
type Pusher interface {
	// Push makes the source what a folder is, and returns what has changed there, in the
	// order of the paths. Hidden files and what Python compiles are left out.
	Push(ctx context.Context, dir string, o PushOptions) ([]Pushed, error)
}

// PushOptions say what of a folder is put into its source.
type PushOptions struct {
	// Only are files and folders, by their paths in the folder; without any it is all.
	Only []string
	// Delete removes from the source what the folder does not have.
	Delete bool
	// DryRun changes nothing.
	DryRun bool
}

// Pushed is a file that was put into a source, or removed from it.
type Pushed struct {
	// Path is its path in the folder.
	Path string
	// Change is new, changed or removed.
	Change string
	// Size is in bytes.
	Size int64
}

// Push puts the files of the DAG folder that have changed where functions read them.
func (i *Installation) Push(ctx context.Context, o PushOptions) ([]Pushed, error) {
	url := i.Config.Text("dag_source")
	if url == "" {
		return nil, fmt.Errorf("setting dag_source is empty: this installation reads the folder %s itself; `updraft context` chooses another installation", i.Config.Text("dags"))
	}
	source, err := opened(ctx, i.Drivers.Sources, "dag_source", &i.Options)
	if err != nil {
		return nil, err
	}
	p, ok := source.(Pusher)
	if !ok {
		return nil, fmt.Errorf("setting dag_source is %q: DAG files cannot be put there", url)
	}
	dir, err := filepath.Abs(i.Config.Text("dags"))
	if err != nil {
		return nil, fmt.Errorf("find the DAG folder: %w", err)
	}
	return p.Push(ctx, dir, o)
}
