package tick_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

// TestGraphsKnowTheFile: templates are looked for beside it. A file that was moved is still
// the same version.
func TestGraphsKnowTheFile(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	st, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(t.TempDir(), "updraft.db"), Durability: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	d := chain(1)
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	l := tick.NewLoader(st)
	for _, file := range []string{"team/etl.py", "etl.py"} {
		def := store.Definition{ID: d.ID, Version: version, Body: body, File: file, At: time.Now()}
		if err := st.PutDAG(ctx, def); err != nil {
			t.Fatal(err)
		}
		if err := l.AddDAG(ctx, scheduler.NewSnapshot(), def); err != nil {
			t.Fatal(err)
		}
		for _, l := range []*tick.Loader{l, tick.NewLoader(st)} {
			g, err := l.Graph(ctx, d.ID, version)
			if err != nil {
				t.Fatal(err)
			}
			if g.DAG.File != file {
				t.Errorf("the graph is of %q, want %q", g.DAG.File, file)
			}
		}
	}
}
