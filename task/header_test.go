package task

import (
	"testing"

	"github.com/updraft-dev/updraft/dag"
)

func TestFolderOfTheFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ folder, file, want string }{
		{"/dags", "etl.py", "/dags"}, {"/dags", "team/etl.py", "/dags/team"}, {"/dags", "", "/dags"},
		{"/dags", "/elsewhere/etl.py", "/elsewhere"}, {"", "/elsewhere/etl.py", "/elsewhere"}, {"", "etl.py", ""},
	} {
		x := execution{r: &Runtime{cfg: Config{Folder: c.folder}}, a: Attempt{DAG: &dag.DAG{File: c.file}}}
		if got := x.dir(); got != c.want {
			t.Errorf("file %q of folder %q: %q, want %q", c.file, c.folder, got, c.want)
		}
	}
}
