package doctest

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tables of time zones need no host

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

const schedulingDoc = "docs/scheduling.md"

// comments are the comments of the scheduler's code, each as one line.
func comments(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "scheduler", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no code: %v", err)
	}
	var out []string
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range f.Comments {
			out = append(out, strings.Join(strings.Fields(group.Text()), " "))
		}
	}
	return out
}

var (
	sectionNames  = regexp.MustCompile(`\bsections? ("[^"]+"(?:, (?:rules? )?"[^"]+")*)`)
	quoted        = regexp.MustCompile(`"([^"]+)"`)
	goldenNames   = regexp.MustCompile(`\b[Gg]olden: ([a-z_]+(?:, [a-z_]+)*)`)
	goldenSection = regexp.MustCompile(`(?m)^# Section: (.+)$`)
)

// TestSections: what code and scenarios call a section of the semantics is a heading.
func TestSections(t *testing.T) {
	t.Parallel()
	var headings []string
	for _, h := range readDocument(t, schedulingDoc).headings {
		if h.level == 2 {
			headings = append(headings, h.text)
		}
	}
	named := map[string]string{}
	for _, c := range comments(t) {
		for _, m := range sectionNames.FindAllStringSubmatch(c, -1) {
			for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
				named[q[1]] = "a comment: " + c
			}
		}
	}
	for name, text := range scenarios(t) {
		m := goldenSection.FindStringSubmatch(text)
		if m == nil {
			t.Errorf("scenario %s names no section", name)
			continue
		}
		named[m[1]] = "scenario " + name
	}
	if len(named) < 10 {
		t.Fatalf("only %d sections are named: are the comments read?", len(named))
	}
	for name, where := range named {
		if !slices.Contains(headings, name) {
			t.Errorf("%s has no section %q, which is named in %s", schedulingDoc, name, where)
		}
	}
}

// scenarios are the golden scenarios of the scheduler, by name.
func scenarios(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "scheduler/testdata/*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	out := map[string]string{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".txt")] = string(raw)
	}
	return out
}

// TestGoldenNames: scenarios that code names exist, and the document links to all.
func TestGoldenNames(t *testing.T) {
	t.Parallel()
	all := scenarios(t)
	for _, c := range comments(t) {
		for _, m := range goldenNames.FindAllStringSubmatch(c, -1) {
			for name := range strings.SplitSeq(m[1], ", ") {
				if all[name] == "" {
					t.Errorf("a comment names the scenario %s, which is not in scheduler/testdata: %s", name, c)
				}
			}
		}
	}
	linked := map[string]bool{}
	for _, l := range readDocument(t, schedulingDoc).links {
		linked[l.target] = true
	}
	for name := range all {
		if !linked["../scheduler/testdata/"+name+".txt"] {
			t.Errorf("%s has no link to the scenario %s", schedulingDoc, name)
		}
	}
}

// recording is what is read of a recorded scenario: how it ended.
type recording struct {
	ID     string `json:"id"`
	Answer struct {
		Final struct {
			Runs   map[string]string             `json:"runs"`
			States map[string]map[string]*string `json:"states"`
		} `json:"final"`
	} `json:"answer"`
}

// recordings reads the recorded scenarios with these ids.
func recordings(t *testing.T, ids map[string]bool) map[string]recording {
	t.Helper()
	out := map[string]recording{}
	families := map[string]bool{}
	for id := range ids {
		family, _, _ := strings.Cut(id, "/")
		families[family] = true
	}
	for family := range families {
		f, err := os.Open(filepath.Join(root, "internal/conformance/testdata/scheduling", family+".jsonl.gz"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r recording
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if ids[r.ID] {
				out[r.ID] = r
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// pictured finds what a picture says: instances ("task[0]", "run/task") or runs ("run",
// "run r1") with their states; an instance that "runs" is a success.
var pictured = regexp.MustCompile(`(run(?: [A-Za-z0-9_:+-]+)?|[A-Za-z0-9_.:+/-]+(?:\[\d+\])?) +(success|failed|skipped|upstream_failed|removed|running|queued|scheduled|restarting|none|runs)\b`)

// TestRecorded: a block "recorded ID" shows how the recorded scenario of this id ended.
func TestRecorded(t *testing.T) {
	t.Parallel()
	blocks := map[string][]block{}
	ids := map[string]bool{}
	for _, b := range readDocument(t, schedulingDoc).blocks {
		if id, ok := strings.CutPrefix(b.about(), "recorded "); ok {
			blocks[id] = append(blocks[id], b)
			ids[id] = true
		}
	}
	if len(ids) < 20 {
		t.Fatalf("only %d recorded examples", len(ids))
	}
	all := recordings(t, ids)
	for id, list := range blocks {
		r, ok := all[id]
		if !ok {
			t.Errorf("there is no recording %s", id)
			continue
		}
		for _, b := range list {
			said := pictured.FindAllStringSubmatch(b.text, -1)
			if len(said) == 0 {
				t.Errorf("%s:%d: the picture names no state", schedulingDoc, b.line)
			}
			for _, m := range said {
				if got := r.ended(m[1]); got != strings.Replace(m[2], "runs", "success", 1) {
					t.Errorf("%s:%d: %s is %s in the picture, but %s in recording %s", schedulingDoc, b.line, m[1], m[2], got, id)
				}
			}
		}
	}
}

// ended is the state in which something named by a picture ended.
func (r recording) ended(name string) string {
	runs := r.Answer.Final.Runs
	if word, id, _ := strings.Cut(name, " "); word == "run" {
		if id == "" && len(runs) == 1 {
			for only := range runs {
				id = only
			}
		}
		return runs[id]
	}
	for id, tasks := range r.Answer.Final.States {
		task, named := strings.CutPrefix(name, id+"/")
		if !named && len(runs) > 1 {
			continue
		}
		state, ok := tasks[task]
		switch {
		case ok && state == nil:
			return "none"
		case ok:
			return *state
		}
	}
	return "not there"
}

// rows returns the cells of the table rows of a section that have n columns, without
// backquotes; the head of a table is left out.
func rows(t *testing.T, title string, n int) (out [][]string) {
	t.Helper()
	var body bool
	for line := range strings.Lines(section(t, schedulingDoc, title)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			body = false
			continue
		}
		if strings.HasPrefix(line, "|-") || strings.HasPrefix(line, "| -") {
			body = true
			continue
		}
		var cells []string
		for c := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.Trim(strings.TrimSpace(c), "`"))
		}
		if body && len(cells) == n {
			out = append(out, cells)
		}
	}
	if len(out) == 0 {
		t.Fatalf("section %q has no table with %d columns", title, n)
	}
	return out
}

// TestPresets holds the table of presets.
func TestPresets(t *testing.T) {
	t.Parallel()
	for _, r := range rows(t, "Presets", 2) {
		table, err := timetable.New(dag.ScheduleFromText(r[0], "UTC", dag.ScheduleCompat{}))
		if err != nil {
			t.Fatal(err)
		}
		if got := table.Summary(); got != r[1] {
			t.Errorf("%s means %s, not %s", r[0], got, r[1])
		}
	}
}

// TestClockChanges holds the table of what crons do when clocks change.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	for _, r := range rows(t, "Time zones", 4) {
		table, err := timetable.New(dag.ScheduleFromText(r[0], r[1], dag.ScheduleCompat{}))
		if err != nil {
			t.Fatal(err)
		}
		from, err := time.Parse(time.RFC3339, r[2])
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(r[3], ", ")
		due, err := timetable.Upcoming(table, nil, timetable.Restriction{Earliest: from, Catchup: true}, from, len(want))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range due {
			got = append(got, d.RunAfter.UTC().Format("01-02 15:04"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s in %s (-document +timetable):\n%s", r[0], r[1], diff)
		}
	}
}

// TestRetryVectors holds the table of delays: for DAG d and task t, 300 s doubled, with a
// logical date and without one.
func TestRetryVectors(t *testing.T) {
	t.Parallel()
	policy := scheduler.RetryPolicy{Delay: 300 * time.Second, Backoff: 2}
	for _, r := range rows(t, "Retry delay", 4) {
		try, err := strconv.Atoi(r[0])
		if err != nil {
			t.Fatal(err)
		}
		a := scheduler.FailedAttempt{DAG: "d", Task: "t", Try: try, LogicalDate: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
		with := scheduler.RetryDelay(policy, a)
		a.LogicalDate = time.Time{}
		got := []string{seconds(with), seconds(scheduler.RetryDelay(policy, a))}
		if diff := cmp.Diff(r[2:], got); diff != "" {
			t.Errorf("try %d (-document +scheduler):\n%s", try, diff)
		}
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
