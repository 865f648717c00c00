package drawing_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/drawing"
	"github.com/updraft-dev/updraft/internal/randdag"
	"github.com/updraft-dev/updraft/run"
)

var update = flag.Bool("update", false, "write the pictures anew")

// graph reads a DAG: one task a line, "ID [<- UP ...] [options]", groups by the dots of
// ids.
func graph(t *testing.T, lines ...string) *dag.Graph {
	t.Helper()
	d := &dag.DAG{ID: "d"}
	group := func(id string) string {
		at := strings.LastIndexByte(id, '.')
		if at < 0 {
			return ""
		}
		return id[:at]
	}
	var grow func(id string)
	grow = func(id string) {
		if id != "" && d.Group(id) == nil {
			grow(group(id))
			d.Groups = append(d.Groups, &dag.Group{ID: id, Parent: group(id)})
		}
	}
	for _, line := range lines {
		head, rest, _ := strings.Cut(line, "<-")
		words := strings.Fields(head)
		task := dag.NewTask(words[0], "x")
		task.Group, task.Upstream = group(task.ID), strings.Fields(rest)
		grow(task.Group)
		for _, w := range words[1:] {
			switch w {
			case "setup":
				task.Setup = true
			case "teardown":
				task.Teardown, task.TriggerRule = true, dag.AllDoneSetupSuccess
			case "mapped":
				task.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: make([]any, 3)}}}
			default:
				task.TriggerRule = dag.TriggerRule(w)
			}
		}
		d.Tasks = append(d.Tasks, task)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func shapes(t *testing.T) map[string]*dag.Graph {
	groups := []string{
		"start", "extract.orders <- start", "extract.customers <- start", "transform.clean <- extract.orders extract.customers",
		"transform.check.nulls one_failed <- transform.clean", "transform.check.ranges <- transform.clean",
		"load <- transform.check.nulls transform.check.ranges start", "audit setup <- start",
	}
	return map[string]*dag.Graph{
		"groups":  graph(t, groups...),
		"mapped":  graph(t, "make setup", "work mapped <- make", "clean teardown <- make work"),
		"crossed": graph(t, "a", "b", "x <- a", "y <- a b", "z <- b", "end all_done <- x y z a"),
		"circle":  graph(t, "g.a", "h.b <- g.a", "g.c <- h.b"),
		"wide":    graph(t, "数据", "b <- 数据"),
	}
}

// golden compares with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestPictures compares pictures with those that somebody has looked at.
func TestPictures(t *testing.T) {
	t.Parallel()
	for name, g := range shapes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name+".txt", drawing.Text(g, drawing.Options{}))
			golden(t, name+"_narrow.txt", drawing.Text(g, drawing.Options{Width: 50}))
			golden(t, name+"_outline.txt", drawing.Text(g, drawing.Options{Width: 8}))
			golden(t, name+".svg", string(drawing.SVG(g, drawing.Options{})))
			golden(t, name+".dot", string(drawing.DOT(g, drawing.Options{})))
			golden(t, name+".mmd", string(drawing.Mermaid(g, drawing.Options{})))
		})
	}
}

// TestStates: a run's states are in every format, painted where there are colours.
func TestStates(t *testing.T) {
	t.Parallel()
	g := graph(t, "a", "b mapped <- a")
	o := drawing.Options{
		States: map[string]drawing.Status{"a": {State: run.Success}, "b": {State: run.Failed, Note: "2 success, 1 failed"}},
		Paint:  func(s run.State, text string) string { return "<" + s.String() + ">" + text + "</>" },
	}
	golden(t, "states.txt", drawing.Text(g, o))
	for name, got := range map[string]string{"svg": string(drawing.SVG(g, o)), "dot": string(drawing.DOT(g, o)), "mermaid": string(drawing.Mermaid(g, o))} {
		for _, want := range []string{"✔ a", "✘ b", "2 success, 1 failed"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s has no %q:\n%s", name, want, got)
			}
		}
	}
}

// TestRandom: whatever the DAG, every task is drawn once, a text keeps its width, and an
// SVG is well-formed.
func TestRandom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := randdag.Shape{Rules: randdag.EveryRule(), Tasks: 25, Mapping: true, Setups: true, Branches: true}.Draw(t, "d")
		width := rapid.IntRange(0, 150).Draw(t, "width")
		text := drawing.Text(g, drawing.Options{Width: width})
		if boxes := strings.Count(text, "│ "); !strings.Contains(text, "●") && boxes < len(g.Tasks) {
			t.Fatalf("%d tasks, %d boxes:\n%s", len(g.Tasks), boxes, text)
		}
		for _, line := range strings.Split(text, "\n") {
			if n := len([]rune(line)); width > 0 && n > width && !strings.Contains(text, "●") {
				t.Fatalf("a line has %d columns of %d:\n%s", n, width, text)
			}
		}
		svg := string(drawing.SVG(g, drawing.Options{}))
		if n := strings.Count(svg, `<g class="task`); n != len(g.Tasks) {
			t.Fatalf("%d tasks, %d drawn", len(g.Tasks), n)
		}
		dec := xml.NewDecoder(strings.NewReader(svg))
		for {
			_, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("SVG: %v", err)
			}
		}
	})
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	g := graph(t)
	if got := drawing.Text(g, drawing.Options{}); got != "" {
		t.Errorf("an empty DAG is drawn as %q", got)
	}
	if got := string(drawing.SVG(g, drawing.Options{})); !strings.HasSuffix(got, "</svg>\n") {
		t.Errorf("an empty DAG is drawn as %q", got)
	}
}
