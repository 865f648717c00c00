package layout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
)

func TestFolders(t *testing.T) {
	t.Parallel()
	limit := Limit{Max: 20, Kept: 10}
	long := strings.Repeat("任", 10)
	for _, tt := range []struct {
		key  run.Key
		want []Folder
	}{
		{run.Key{ID: run.ID{DAG: "d", Run: "r"}, Task: "t", Map: run.Unmapped}, []Folder{{Name: "dag_id=d"}, {Name: "run_id=r"}, {Name: "task_id=t"}}},
		{run.Key{ID: run.ID{DAG: "a/b", Run: ".."}, Task: "50%", Map: 3}, []Folder{{Name: "dag_id=a%2Fb"}, {Name: "run_id=.."}, {Name: "task_id=50%25"}, {Name: "map_index=3"}}},
		{run.Key{ID: run.ID{DAG: long, Run: "\xff"}, Task: "a\nb", Map: run.Unmapped}, []Folder{
			{Name: "dag_id=任任任%~8d319725c39954c1f58cd22ad74b4f18", ID: long}, {Name: "run_id=%FF"}, {Name: "task_id=a%0Ab"},
		}},
	} {
		got := limit.Folders(tt.key)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%v (-want +got):\n%s", tt.key, d)
		}
	}
}

func TestParseFolder(t *testing.T) {
	t.Parallel()
	limit := Limit{Max: 200, Kept: 100}
	for _, id := range []string{"d", "a/b", "..", "%", "%~", "\x00\x7f\u0085", "\xff\xfe", "任务", " "} {
		got, hashed, ok := ParseFolder(DAG, limit.Folder(DAG, id).Name)
		if got != id || hashed || !ok {
			t.Errorf("%q became %q, %v, %v", id, got, hashed, ok)
		}
	}
	long := limit.Folder(DAG, strings.Repeat("x", 201))
	if _, hashed, ok := ParseFolder(DAG, long.Name); !hashed || !ok || len(long.Name) != len(DAG)+134 {
		t.Errorf("%s: hashed is %v, %v", long.Name, hashed, ok)
	}
	for _, name := range []string{"run_id=x", "other", "dag_id=%zz", "dag_id=%2"} {
		if id, _, ok := ParseFolder(DAG, name); ok {
			t.Errorf("%s is the folder of %q", name, id)
		}
	}
	for _, name := range []string{"map_index=x", "map_index=-1", "map_index=01", "3"} {
		if n, ok := ParseMapFolder(name); ok {
			t.Errorf("%s is the folder of index %d", name, n)
		}
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"x", "a/b", "..", "\xff%", strings.Repeat("x", 1000)} {
		for _, index := range []int{run.Unmapped, 0, 12} {
			a := run.Attempt{Key: run.Key{ID: run.ID{DAG: id, Run: id}, Task: id, Map: index}, Try: 3}
			if got, ok := ParsePath(Path(a)); got != a || !ok {
				t.Errorf("%.100s is read as %v, %v", Path(a), got, ok)
			}
		}
	}
	for _, p := range []string{
		"", "attempt=1.log", "dag_id=d/run_id=r/attempt=1.log", "dag_id=d/run_id=r/task_id=t/attempt=1.log.5", "dag_id=d/run_id=r/task_id=t/map=3/attempt=1.log",
		"dag_id=d/run=r/task_id=t/attempt=1.log", "dag_id=d/run_id=r/task_id=t/map_index=3/", "dag_id=d%~0/run_id=r/task_id=t/attempt=1.log",
	} {
		if a, ok := ParsePath(p); ok {
			t.Errorf("%s is the path of %v", p, a)
		}
	}
}

func TestSegment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		try    int
		offset int64
		digits int
		want   string
	}{
		{1, 0, 1, "attempt=1.log"}, {12, 345, 1, "attempt=12.log.345"}, {1, 345, 20, "attempt=1.log.00000000000000000345"},
	} {
		got := Segment(tt.try, tt.offset, tt.digits)
		try, offset, ok := ParseSegment(got, tt.digits)
		if got != tt.want || try != tt.try || offset != tt.offset || !ok {
			t.Errorf("got %q, which is read as %d, %d, %v, want %q", got, try, offset, ok, tt.want)
		}
	}
	for _, name := range []string{
		"notes.txt", "attempt=x.log", "attempt=01.log", "attempt=1.log.", "attempt=1.log.x", "attempt=1.log.-5", "attempt=1.log.gz", "attempt=2.log.007", "attempt=1",
	} {
		if try, offset, ok := ParseSegment(name, 1); ok {
			t.Errorf("%s is segment %d of try %d", name, offset, try)
		}
	}
}
