package scheduler_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

var update = flag.Bool("update", false, "write the golden scenarios anew")

// TestGolden plays the scenarios of testdata/*.txt. A scenario is a list of verbs, each
// followed by what it changed, indented; -update writes that part anew. A file opens
// with the rule that it shows and the section of the semantics that has it.
//
//	dag [ID] [key=value ...]      the DAG (or a new version of it), one task an indented line:
//	                              ID [<- UP ...] [key=value ...]
//	pool NAME SLOTS [deferred]    a pool
//	parallelism N                 slots of the whole installation
//	queuetimeout DURATION         how long an attempt may be queued before it is sent again
//	at TIME, wait DURATION        sets the clock
//	run ID [date=D] [type=T]      creates a run
//	plan                          plans until nothing changes
//	start TASK                    a worker takes it (with lease=DURATION)
//	renew TASK lease=DURATION     its worker gives a sign of life
//	end TASK OUTCOME              a worker ends it (and takes it first, if it is queued)
//	resume TASK                   its trigger has fired
//	emit ASSET                    somebody has updated it
//	clear [RUN/]TASK... [upstream] [downstream] [past] [future] [failed] [keep] [latest]
//	mark STATE [RUN/]TASK... [upstream] [downstream] [past] [future]
//	markrun STATE, pause, unpause
//	backfill ID FROM TO [reverse] [limit=N] [reprocess=R]; cancel ID
//	called RUN                    the callbacks were called that it owes
//	crash                         forgets everything but what was committed
//	explain TASK, explainrun ID   say why
//	show                          all states
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g := &golden{t: t, pools: map[string]scheduler.Pool{}, snap: scheduler.NewSnapshot(), now: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)}
			got := g.play(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// golden is one scenario under way.
type golden struct {
	t      *testing.T
	snap   *scheduler.Snapshot
	graphs map[string]*dag.Graph
	// versions are the graphs of all versions of all DAGs.
	versions map[string]*dag.Graph
	infos    map[string]scheduler.DAGInfo
	pools    map[string]scheduler.Pool
	now      time.Time
	states   map[string]string
	// several says that the scenario has more than one run: instances are then named
	// with theirs.
	several bool
	// verb is the one under way.
	verb string
	// stored is what was committed, as a store would have it.
	stored memoryStore
}

func (g *golden) play(text string) string {
	g.versions = map[string]*dag.Graph{}
	g.graphs, g.infos, g.states, g.stored = map[string]*dag.Graph{}, map[string]scheduler.DAGInfo{}, map[string]string{}, memoryStore{}
	g.several = strings.Count(text, "\nrun ") > 1 || strings.Contains(text, "\nbackfill ") || strings.Contains(text, "schedule=") || strings.Contains(text, "assets=")
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	var out strings.Builder
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "  ") {
			continue // an earlier answer
		}
		out.WriteString(line + "\n")
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if words[0] == "dag" {
			for ; i+1 < len(lines) && strings.HasPrefix(lines[i+1], "  "); i++ {
				out.WriteString(lines[i+1] + "\n")
				words = append(words, "\n"+strings.TrimSpace(lines[i+1]))
			}
		}
		for _, answer := range g.do(words) {
			out.WriteString("  " + answer + "\n")
		}
	}
	return out.String()
}

// fail ends the test: the scenario itself is at fault.
func (g *golden) fail(format string, args ...any) { g.t.Fatalf(format, args...) }

// options splits words into the plain ones and those of the form key=value; flags are
// plain words that are no names.
func options(words []string) (plain []string, set map[string]string) {
	set = map[string]string{}
	for _, w := range words {
		if k, v, ok := strings.Cut(w, "="); ok {
			set[k] = v
			continue
		}
		switch w {
		case "upstream", "downstream", "past", "future", "failed", "keep", "latest", "reverse", "deferred", "catchup", "fail_fast", "inert", "callbacks":
			if w != "failed" || len(plain) > 0 {
				set[w] = "true"
				continue
			}
		}
		plain = append(plain, w)
	}
	return plain, set
}

func (g *golden) do(words []string) []string {
	plain, set := options(words[1:])
	g.verb = words[0]
	switch words[0] {
	case "dag":
		g.dag(words[1:])
		return nil
	case "pool":
		g.pools[plain[0]] = scheduler.Pool{Slots: g.number(plain[1]), IncludeDeferred: set["deferred"] != ""}
		g.snap.SetPools(g.pools)
		return nil
	case "parallelism":
		g.snap.Parallelism = g.number(plain[0])
		return nil
	case "queuetimeout":
		g.snap.QueueTimeout = g.duration(plain[0])
		return nil
	case "at":
		g.now = g.time(plain[0])
		return nil
	case "wait":
		g.now = g.now.Add(g.duration(plain[0]))
		return nil
	case "run":
		g.create(plain[0], set)
	case "plan":
		return g.plan()
	case "start":
		a := g.attempt(plain[0])
		c := scheduler.Claim{Token: "t", Worker: "w"}
		if set["lease"] != "" {
			c.Lease = g.now.Add(g.duration(set["lease"]))
		}
		if !g.snap.Claim(a, c, g.now) {
			g.fail("%s cannot be claimed", a)
		}
	case "emit":
		g.snap.Emit([]run.AssetEvent{{Asset: "x://" + plain[0]}}, g.now)
	case "renew":
		if !g.snap.Renew(g.attempt(plain[0]), "t", g.now.Add(g.duration(set["lease"]))) {
			g.fail("%s has no lease to renew", plain[0])
		}
	case "end":
		g.end(plain, set)
	case "resume":
		if !g.snap.Resume(g.attempt(plain[0]).Key) {
			g.fail("%s is not deferred", plain[0])
		}
	case "clear":
		g.clear(plain, set)
	case "mark":
		g.mark(plain, set)
	case "markrun":
		if err := g.snap.MarkRun(g.onlyRun(), run.RunState(plain[0]), g.now); err != nil {
			g.fail("%v", err)
		}
	case "pause", "unpause":
		for id, info := range g.infos {
			info.Paused = words[0] == "pause"
			g.infos[id] = info
			if err := g.snap.SetDAG(info); err != nil {
				g.fail("%v", err)
			}
		}
	case "backfill":
		return g.backfill(plain, set)
	case "cancel":
		g.snap.CancelBackfill(plain[0], g.now)
	case "called":
		g.called(plain[0])
	case "crash":
		g.crash()
	case "explain":
		why, err := g.snap.Explain(g.attempt(plain[0]).Key, g.now)
		if err != nil {
			g.fail("%v", err)
		}
		return []string{why}
	case "explainrun":
		for _, id := range g.stored.ids() {
			if id.Run == plain[0] {
				why, err := g.snap.ExplainRun(id, g.now)
				if err != nil {
					g.fail("%v", err)
				}
				return []string{why}
			}
		}
		g.fail("there is no run %s", plain[0])
	case "show":
		g.states = map[string]string{}
	default:
		g.fail("unknown verb %q", words[0])
	}
	return g.changes()
}

// commit keeps what the snapshot wants to be durable.
func (g *golden) commit() {
	for _, b := range g.snap.Flush() {
		if g.verb == "plan" && g.stored[b.Run] != nil {
			for _, c := range b.Changes {
				if old := g.stored[b.Run].instances[c.Want.Name()].State; old != c.Want.State && !reachable(old, c.Want.State) {
					g.fail("%s/%s: %s may not become %s", b.Run, c.Want.Name(), old, c.Want.State)
				}
			}
		}
		if err := g.stored.apply(b); err != nil {
			g.fail("%v", err)
		}
	}
}

// crash loads the snapshot anew.
func (g *golden) crash() {
	parallelism, timeout := g.snap.Parallelism, g.snap.QueueTimeout
	g.snap = scheduler.NewSnapshot()
	g.snap.Parallelism, g.snap.QueueTimeout = parallelism, timeout
	g.snap.SetPools(g.pools)
	for id := range g.stored {
		v, err := g.stored.view(id, g.graphOf(id))
		if err != nil {
			g.fail("%v", err)
		}
		g.snap.Add(v)
	}
	for _, info := range g.infos {
		if err := g.snap.SetDAG(info); err != nil {
			g.fail("%v", err)
		}
	}
}

// changes commits, and says what is not as it was.
func (g *golden) changes() []string {
	g.commit()
	now := map[string]string{}
	var order []string
	for _, id := range g.stored.ids() {
		order = append(order, id.Run)
		now[id.Run] = string(g.stored[id].run.State)
		for _, c := range g.stored[id].run.Owed {
			name, value := id.Run+" owes a call of "+string(c.Kind), c.Reason
			switch c.Kind {
			case run.CallTaskFailure, run.CallTaskRetry:
				name += " of " + run.InstanceName(c.Task, c.Map) + "#" + strconv.Itoa(c.Try)
			case run.CallDeadline:
				name += " " + strconv.Itoa(c.Deadline)
				value = "missed at " + c.At.UTC().Format(time.RFC3339)
			}
			order = append(order, name)
			now[name] = value
		}
		v, err := g.stored.view(id, g.graphOf(id))
		if err != nil {
			g.fail("%v", err)
		}
		for _, in := range v.Instances() {
			name := in.Name()
			if g.several {
				name = id.Run + "/" + name
			}
			order = append(order, name)
			now[name] = in.State.String()
		}
	}
	var out []string
	for _, name := range order {
		if old, there := g.states[name]; old != now[name] && (there || now[name] != "none") {
			out = append(out, name+" "+now[name])
		}
	}
	g.states = now
	return out
}

// graphOf is the graph of a run's version: of the current one until it has started.
func (g *golden) graphOf(id run.ID) *dag.Graph {
	if v := g.versions[g.stored[id].run.Version]; v != nil {
		return v
	}
	return g.graphs[id.DAG]
}

// plan plans; the answer also has the order of queueing when there is one.
func (g *golden) plan() []string {
	d := scheduler.Plan(g.snap, g.now)
	out := g.changes()
	if again := scheduler.Plan(g.snap, g.now); len(again.Start)+len(again.Runs)+len(again.Backfills) > 0 || len(g.snap.Flush()) > 0 {
		g.fail("planning again at the same time decides %+v", again)
	}
	var order []string
	for _, a := range d.Start {
		name := a.Name()
		if g.several {
			name = a.Run + "/" + name
		}
		if !slices.Contains(out, name+" queued") {
			out = append(out, name+" is dispatched again")
			continue
		}
		order = append(order, name)
	}
	if len(order) > 1 {
		out = append(out, "in order: "+strings.Join(order, " "))
	}
	for _, id := range d.Backfills {
		out = append(out, "backfill "+id+" completed")
	}
	if !d.Wake.IsZero() {
		out = append(out, "wake "+d.Wake.UTC().Format(time.RFC3339))
	}
	if len(out) == 0 {
		return []string{"nothing"}
	}
	return out
}

func (g *golden) create(id string, set map[string]string) {
	r := run.Run{ID: run.ID{DAG: "d", Run: id}, Type: run.TypeManual, RunAfter: g.now}
	if set["dag"] != "" {
		r.DAG = set["dag"]
	}
	if set["type"] != "" {
		r.Type = run.Type(set["type"])
	}
	if set["date"] != "" {
		at := g.time(set["date"])
		end := at.AddDate(0, 0, 1)
		r.LogicalDate, r.IntervalStart, r.IntervalEnd, r.RunAfter = &at, &at, &end, at
	}
	g.snap.Create(r, g.now)
}

func (g *golden) onlyRun() run.ID {
	for id := range g.stored {
		if len(g.stored) == 1 {
			return id
		}
	}
	g.fail("name the run: there are %d", len(g.stored))
	return run.ID{}
}

// attempt finds "task", "task[0]" or "run/task".
func (g *golden) attempt(name string) run.Attempt {
	id, task := run.ID{}, name
	if r, t, ok := strings.Cut(name, "/"); ok {
		task = t
		for known := range g.stored {
			if known.Run == r {
				id = known
			}
		}
	} else {
		id = g.onlyRun()
	}
	index := run.Unmapped
	if at := strings.IndexByte(task, '['); at > 0 {
		index = g.number(strings.TrimSuffix(task[at+1:], "]"))
		task = task[:at]
	}
	v := g.snap.Run(id)
	if v == nil {
		g.fail("%s: no such run", name)
	}
	in := v.Instance(task, index)
	if in == nil {
		g.fail("%s: no such instance", name)
	}
	return in.Attempt(id)
}

func (g *golden) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		g.fail("%q is no number", text)
	}
	return n
}

func (g *golden) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		g.fail("%v", err)
	}
	return d
}

func (g *golden) time(text string) time.Time {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05Z", "2006-01-02T15:04Z"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	g.fail("%q is no time", text)
	return time.Time{}
}

// reachable says that legal transitions lead from one state to another: a commit may
// hold several of them.
func reachable(from, to run.State) bool {
	seen := map[run.State]bool{from: true}
	for todo := []run.State{from}; len(todo) > 0; todo = todo[1:] {
		for s := range run.NumStates {
			if !seen[s] && todo[0].CanBecome(s) {
				seen[s] = true
				todo = append(todo, s)
			}
		}
	}
	return seen[to]
}

// TestGoldenIsNamed: each scenario is named in a comment at the code of its rule, and
// each name there is a scenario.
func TestGoldenIsNamed(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// A list of names may go on for several comment lines, up to a full stop.
		for _, m := range regexp.MustCompile(`(?s)[Gg]olden: (.*?)[.)]`).FindAllStringSubmatch(string(text), -1) {
			for _, name := range strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == '\n' || r == '/' || r == '\t' || r == ' ' }) {
				named[name] = true
			}
		}
		for _, m := range regexp.MustCompile(`rule_[a-z_]+`).FindAllString(string(text), -1) {
			named[m] = true
		}
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		if !named[name] {
			t.Errorf("no code names the scenario %s", name)
		}
		delete(named, name)
	}
	for name := range named {
		t.Errorf("there is no scenario %s", name)
	}
}
