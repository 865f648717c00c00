package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/drawing"
	"github.com/updraft-dev/updraft/run"
)

// progress shows what happens while runs are worked off: on a terminal as a tree that
// is drawn anew, elsewhere as a line for each change. It is told by the scheduler's
// loop, which it never holds up.
type progress struct {
	a     *app
	graph func(ctx context.Context, dagID, version string) (*dag.Graph, error)
	from  time.Time

	mu    sync.Mutex
	lines []string
	runs  []*runProgress
	byID  map[run.ID]*runProgress

	wake chan struct{}
	quit chan struct{}
	done chan struct{}
	// drawn is the number of lines that the next drawing replaces.
	drawn int
}

// runProgress is what is known of one run.
type runProgress struct {
	run   run.Run
	tasks []string // in the order of the graph
	order map[string]int
	// cells are the instances by name; only those that have changed are there.
	cells map[string]run.Instance
}

func newProgress(a *app, graph func(context.Context, string, string) (*dag.Graph, error)) *progress {
	return &progress{
		a: a, graph: graph, from: a.Now(), byID: map[run.ID]*runProgress{},
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// begin starts to show.
func (p *progress) begin() { go p.loop() }

// end shows the last state and stops; it may be called without begin.
func (p *progress) end() {
	select {
	case <-p.quit:
		return
	default:
	}
	close(p.quit)
	if p.started() {
		<-p.done
	}
}

// started says whether there was anything to show.
func (p *progress) started() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.runs) > 0
}

// start is told of the runs.
func (p *progress) start(runs []run.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range runs {
		if p.byID[r.ID] == nil { // its creation may have been seen before
			p.add(r)
		}
	}
}

func (p *progress) add(r run.Run) *runProgress {
	v := &runProgress{run: r, order: map[string]int{}, cells: map[string]run.Instance{}}
	if g, err := p.graph(context.Background(), r.DAG, r.Version); err == nil {
		for n, t := range g.Order {
			v.order[g.Tasks[t].ID] = n
			v.tasks = append(v.tasks, g.Tasks[t].ID)
		}
	}
	p.runs = append(p.runs, v)
	p.byID[r.ID] = v
	return v
}

// see is told of committed changes.
func (p *progress) see(batches []run.Batch) {
	p.mu.Lock()
	for i := range batches {
		p.take(&batches[i])
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *progress) take(b *run.Batch) {
	v := p.byID[b.Run]
	if v == nil {
		if b.Create == nil {
			return
		}
		v = p.add(*b.Create)
	}
	for _, c := range b.Changes {
		if c.Gone {
			delete(v.cells, c.Want.Name())
			continue
		}
		before := v.cells[c.Want.Name()].State
		v.cells[c.Want.Name()] = c.Want
		if c.Want.State != before && shown(c.Want.State) {
			p.lines = append(p.lines, p.line(v, &c.Want))
		}
	}
	if b.Update != nil {
		if b.Update.Want.State != v.run.State && b.Update.Want.State.Finished() {
			p.lines = append(p.lines, p.stamp()+fmt.Sprintf("%s %s", p.name(v), p.a.paint(string(b.Update.Want.State))))
		}
		v.run = b.Update.Want
	}
}

// shown says that a state is worth a line: scheduled and queued pass by in a moment.
func shown(s run.State) bool {
	return s != run.None && s != run.Scheduled && s != run.Queued
}

// name is what tells a run from the others: its DAG, or its id if several are of one DAG.
func (p *progress) name(v *runProgress) string {
	for _, o := range p.runs {
		if o != v && o.run.DAG == v.run.DAG {
			return v.run.ID.Run
		}
	}
	return v.run.DAG
}

func (p *progress) stamp() string { return fmt.Sprintf("%8.3fs  ", p.a.Now().Sub(p.from).Seconds()) }

func (p *progress) line(v *runProgress, in *run.Instance) string {
	name := in.Name()
	if len(p.runs) > 1 {
		name = p.name(v) + "." + name
	}
	return p.stamp() + name + " " + p.a.paint(in.State.String()) + detail(in)
}

// detail says how long an attempt took, and why it failed.
func detail(in *run.Instance) string {
	var parts []string
	if in.Try > 1 {
		parts = append(parts, fmt.Sprintf("try %d", in.Try))
	}
	if in.State.Finished() && !in.Start.IsZero() && in.End.After(in.Start) {
		parts = append(parts, shortDuration(in.End.Sub(in.Start)))
	}
	if in.Reason != "" && in.State != run.Success && in.State != run.Running {
		parts = append(parts, printable(in.Reason))
	}
	if len(parts) == 0 {
		return ""
	}
	return "  " + strings.Join(parts, ", ")
}

// redraw is how often the tree is drawn.
const redraw = 100 * time.Millisecond

func (p *progress) loop() {
	defer close(p.done)
	var tick <-chan time.Time
	if p.a.Terminal {
		t := time.NewTicker(redraw)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-p.wake:
			if !p.a.Terminal {
				p.print()
			}
		case <-tick:
			p.draw(false)
		case <-p.quit:
			if p.a.Terminal {
				p.draw(true)
			} else {
				p.print()
			}
			return
		}
	}
}

// print writes the lines that have come.
func (p *progress) print() {
	p.mu.Lock()
	lines := p.lines
	p.lines = nil
	p.mu.Unlock()
	for _, l := range lines {
		fmt.Fprintln(p.a.Stdout, l)
	}
}

// draw replaces what was drawn before by the tree as it is now.
func (p *progress) draw(last bool) {
	p.mu.Lock()
	rows := p.tree(last)
	p.lines = nil
	p.mu.Unlock()
	columns, height := p.a.Size()
	if !last {
		rows = fit(rows, height-1)
	}
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.drawn)
	}
	for _, r := range rows {
		if columns > 0 {
			r = text.Trim(r, columns-1)
		}
		b.WriteString(r + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	p.drawn = len(rows)
	io.WriteString(p.a.Stdout, b.String()) //nolint:errcheck // as fmt.Fprint
}

// fit leaves out the last rows of a drawing that is too high to be drawn over: the
// cursor cannot go back to what has left the screen.
func fit(rows []string, height int) []string {
	if height < 1 || len(rows) <= height {
		return rows
	}
	left := len(rows) - height + 1
	return append(rows[:height-1:height-1], "… "+count(left, "line")+" more")
}

// treeTasks is how many tasks of a run the tree shows before it leaves out those that
// have nothing to say.
const treeTasks = 24

// tree is a header for each run, and below it its tasks.
func (p *progress) tree(last bool) []string {
	var rows []string
	for _, v := range p.runs {
		end := v.run.End
		if end.IsZero() {
			end = p.a.Now()
		}
		head := p.name(v) + "  " + p.a.paint(string(v.run.State))
		if !v.run.Start.IsZero() {
			head += "  " + shortDuration(end.Sub(v.run.Start))
		}
		rows = append(rows, head)
		shown, hidden := v.visible(last)
		for n, name := range shown {
			branch := "├─ "
			if n == len(shown)-1 && hidden == "" {
				branch = "└─ "
			}
			rows = append(rows, branch+p.taskRow(v, name))
		}
		if hidden != "" {
			rows = append(rows, "└─ "+hidden)
		}
	}
	return rows
}

// visible are the names to show, in the order of the graph, and a row about the rest.
func (v *runProgress) visible(last bool) (names []string, hidden string) {
	all := slices.Clone(v.tasks)
	for name, in := range v.cells {
		if in.Map != run.Unmapped {
			all = append(all, name)
		}
	}
	expanded := map[string]bool{}
	for _, in := range v.cells {
		expanded[in.Task] = expanded[in.Task] || in.Map != run.Unmapped
	}
	all = slices.DeleteFunc(all, func(n string) bool {
		_, there := v.cells[n]
		return !there && expanded[n]
	})
	slices.SortStableFunc(all, func(x, y string) int {
		i, j := v.cells[x], v.cells[y]
		return cmp.Or(v.place(x)-v.place(y), cmp.Compare(i.Map, j.Map))
	})
	if len(all) <= treeTasks {
		return all, ""
	}
	counts := map[run.State]int{}
	kept := slices.DeleteFunc(slices.Clone(all), func(n string) bool {
		s := v.cells[n].State
		interesting := s == run.Failed || s == run.UpForRetry || !last && s == run.Running
		if !interesting {
			counts[s]++
		}
		return !interesting
	})
	if over := len(kept) - treeTasks; over > 0 {
		for _, n := range kept[treeTasks:] {
			counts[v.cells[n].State]++
		}
		kept = kept[:treeTasks]
	}
	return kept, countText(counts)
}

func (v *runProgress) place(name string) int {
	if in, ok := v.cells[name]; ok {
		return v.order[in.Task]
	}
	return v.order[name]
}

func (p *progress) taskRow(v *runProgress, name string) string {
	in, ok := v.cells[name]
	if !ok {
		return text.FgHiBlack.Sprint("· " + name)
	}
	row := drawing.Symbol(in.State) + " " + name
	if in.State == run.Running && !in.Start.IsZero() {
		row += "  " + shortDuration(p.a.Now().Sub(in.Start))
	}
	if p.a.colourful() {
		row = colourOf(in.State.String()).Sprint(row)
	}
	if in.State != run.Success && in.State != run.Running && in.State != run.None {
		row += "  " + in.State.String()
	}
	return row + detail(&in)
}

// countText is a number of instances by state: "3 success, 1 failed".
func countText(counts map[run.State]int) string {
	states := slices.SortedFunc(maps.Keys(counts), func(a, b run.State) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	parts := make([]string, 0, len(states))
	for _, s := range states {
		name := s.String()
		if s == run.None {
			name = "waiting"
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[s], name))
	}
	return strings.Join(parts, ", ")
}

func splitLines(s string) []string {
	if s = strings.TrimRight(s, "\n"); s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
