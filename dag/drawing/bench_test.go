package drawing_test

import (
	"fmt"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/drawing"
)

// BenchmarkWide draws three layers of which each task leads to all of the next.
func BenchmarkWide(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := &dag.DAG{ID: "d"}
			for layer := range 3 {
				for i := range n {
					t := dag.NewTask(fmt.Sprintf("t%d_%d", layer, i), "x")
					for j := 0; j < n && layer > 0; j++ {
						t.Upstream = append(t.Upstream, fmt.Sprintf("t%d_%d", layer-1, j))
					}
					d.Tasks = append(d.Tasks, t)
				}
			}
			g, err := dag.NewGraph(d)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				drawing.Text(g, drawing.Options{})
			}
		})
	}
}

// BenchmarkLong draws a chain in which each task also leads to the last.
func BenchmarkLong(b *testing.B) {
	d := &dag.DAG{ID: "d"}
	const n = 100
	for i := range n {
		t := dag.NewTask(fmt.Sprintf("t%d", i), "x")
		if i > 0 {
			t.Upstream = []string{fmt.Sprintf("t%d", i-1)}
		}
		d.Tasks = append(d.Tasks, t)
	}
	for i := range n - 2 {
		d.Tasks[n-1].Upstream = append(d.Tasks[n-1].Upstream, fmt.Sprintf("t%d", i))
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		drawing.Text(g, drawing.Options{})
	}
}
