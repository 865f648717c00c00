//go:build emulator

package cli_test

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/updraft-dev/updraft/internal/emulatortest"
)

// TestScriptsOnPostgres runs scripts of testdata on a store and queues in PostgreSQL, each in
// a schema of its own. Those that are about files are not among them.
func TestScriptsOnPostgres(t *testing.T) {
	t.Parallel()
	var files []string
	for _, name := range scriptsOnPostgres {
		files = append(files, filepath.Join("testdata", name+".txtar"))
	}
	testscript.Run(t, testscript.Params{
		Files: files, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			url := emulatortest.Postgres(env.T().(testing.TB))
			env.Setenv("UPDRAFT_STORE", url)
			env.Setenv("UPDRAFT_QUEUE", url)
			return setup(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"until": until},
	})
}

// scriptsOnPostgres are those in which runs are made and looked at.
var scriptsOnPostgres = []string{"backfill", "dags_runs", "dags_wait", "habits", "limits", "migrate", "tasks_change", "tasks_live", "tasks_look"}
