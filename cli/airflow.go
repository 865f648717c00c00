package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// habits are commands of Airflow, of any release, that Updraft does not have: what to type
// instead, or why there is nothing to type. Those that mean the same are aliases of the
// commands themselves.
var habits = []struct{ command, answer string }{
	{"dags backfill", "use `updraft backfill create --dag-id DAG --from-date DATE --to-date DATE`"},
	{"dags clear", "use `updraft tasks clear DAG`"},
	{"dags list-jobs", "there are no jobs: `updraft doctor` says whether a process works on the installation"},
	{"dags reserialize", "files are read when they change: `updraft dags validate` checks them"},
	{"dags show-dependencies", "`updraft dags show DAG` draws one DAG at a time"},
	{"tasks run", "use `updraft tasks test DAG TASK` to try one task, or `updraft tasks clear DAG --task-regex TASK` to let it run again in its run"},
	{"connections test", "use `updraft tasks test DAG TASK` with a task that uses the connection"},
	{"connections create-default-connections", "there are no default connections: `updraft connections set CONN_ID` makes one"},
	{"db reset", "stop updraft and remove the file that `updraft config get-value store` names; `updraft dags delete DAG` and `updraft db clean` remove less"},
	{"db downgrade", "use `updraft db migrate --to-version N`"},
	{"db check-migrations", "use `updraft db check`; opening the database migrates it"},
	{"db shell", "use `updraft db export`, or sqlite3 on the file that `updraft config get-value store` names"},
	{"db export-archived", "nothing is archived: `updraft db export` writes everything"},
	{"db drop-archived", "nothing is archived: `updraft db clean` removes what is old"},
	{"config lint", "use `updraft doctor`"},
	{"config update", "settings are in updraft.yaml: see `updraft config list`"},
	{"webserver", noPages}, {"api-server", noPages}, {"flower", noPages},
	{"triggerer", inStandalone}, {"dag-processor", inStandalone},
	{"celery", "use `updraft scheduler`, and `updraft worker` as often as you like"},
	{"kubernetes", "use `updraft scheduler`, and `updraft worker` as often as you like"},
	{"users", noUsers}, {"roles", noUsers}, {"sync-perm", noUsers}, {"create_user", noUsers}, {"kerberos", noUsers},
	{"jobs", "there are no jobs: `updraft doctor` says whether a process works on the installation"},
	{"info", "use `updraft doctor` and `updraft config list`"},
	{"cheat-sheet", "use `updraft --help`"},
	{"plugins", "plugins are Python modules in the folder that `updraft config get-value plugins` names"},
	{"providers", "operators are built in: docs/operators.md has them all"},
	{"assets", "`updraft dags details DAG` shows the assets that a DAG waits for, `updraft dags list` which DAGs do"},
	{"rotate-fernet-key", "put a new line above the old one in the file key of UPDRAFT_HOME: see docs/operations.md"},
	// The spellings of Airflow 1.
	{"list_dags", "use `updraft dags list`"}, {"list_dag_runs", "use `updraft dags list-runs DAG`"},
	{"list_tasks", "use `updraft tasks list DAG`"}, {"trigger_dag", "use `updraft dags trigger DAG`"},
	{"pause", "use `updraft dags pause DAG`"}, {"unpause", "use `updraft dags unpause DAG`"},
	{"delete_dag", "use `updraft dags delete DAG`"}, {"dag_state", "use `updraft dags state DAG RUN`"},
	{"next_execution", "use `updraft dags next-execution DAG`"}, {"show_dag", "use `updraft dags show DAG`"},
	{"clear", "use `updraft tasks clear DAG`"}, {"test", "use `updraft tasks test DAG TASK`"},
	{"render", "use `updraft tasks render DAG TASK`"}, {"task_state", "use `updraft tasks state DAG RUN TASK`"},
	{"task_failed_deps", "use `updraft tasks explain DAG RUN TASK`"}, {"pool", "use `updraft pools`"},
	{"initdb", "use `updraft db migrate`, if at all: opening the database does it"},
	{"upgradedb", "use `updraft db migrate`, if at all: opening the database does it"},
	{"resetdb", "stop updraft and remove the file that `updraft config get-value store` names"},
	{"checkdb", "use `updraft db check`"},
}

const (
	noPages      = "there are no pages to serve: `updraft standalone` serves /health, /metrics and /status, and the commands show the rest"
	inStandalone = "`updraft standalone` does this, too: one process is enough"
	noUsers      = "there are no users to manage: who can read UPDRAFT_HOME can do everything"
)

// flagHabits are flags of Airflow that no command here has: what to do instead.
var flagHabits = map[string]string{
	"subdir": "use --dags to name the folder of DAG files", "S": "use --dags to name the folder of DAG files",
	"bundle-name": "use --dags to name the folder of DAG files", "B": "use --dags to name the folder of DAG files",
	"verbose": "use --log-level debug", "daemon": "a service manager, or & of the shell, does this: see docs/operations.md",
	"D": "a service manager, or & of the shell, does this: see docs/operations.md",
}

// variablesHabits are the flags that variables had in Airflow 1.
var variablesHabits = map[string]string{
	"set": "use `updraft variables set KEY VALUE`", "s": "use `updraft variables set KEY VALUE`",
	"get": "use `updraft variables get KEY`", "g": "use `updraft variables get KEY`",
	"delete": "use `updraft variables delete KEY`", "x": "use `updraft variables delete KEY`",
	"import": "use `updraft variables import FILE`", "i": "use `updraft variables import FILE`",
	"export": "use `updraft variables export FILE`", "e": "use `updraft variables export FILE`",
}

// addHabits makes the commands of habits say what to do instead. They are not shown.
func addHabits(root *cobra.Command) {
	parents := map[string]*cobra.Command{"": root}
	for _, c := range root.Commands() {
		parents[c.Name()] = c
	}
	for _, h := range habits {
		parent, name, nested := strings.Cut(h.command, " ")
		if !nested {
			parent, name = "", h.command
		}
		parents[parent].AddCommand(&cobra.Command{
			Use: name, Hidden: true, DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error {
				return usagef("there is no `updraft %s`: %s", h.command, h.answer)
			},
		})
	}
}
