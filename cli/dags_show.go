package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/drawing"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// pictures are the formats of `dags show`; the names are also the endings of files.
var pictures = []string{"text", "svg", "dot", "mermaid"}

func (a *app) dagsShowCommand() *cobra.Command {
	var format, save, runName, dagID string
	c := &cobra.Command{
		Use: "show DAG|FILE", Short: "Draw the graph of a DAG", Args: exactly("DAG|FILE"),
		Long: `Draws the graph in the terminal: groups as frames, setups (↗) and teardowns (↘), mapped
tasks ([×3], or [] when only the run shows how many), and trigger rules that are not
all_success. With --run the states of a run are shown. Other formats are for pages.`,
		Example: examples(
			"updraft dags show etl", "draw it",
			"updraft dags show new/etl.yaml", "draw what a file has, wherever it is",
			"updraft dags show etl --run latest", "with the states of its latest run",
			"updraft dags show etl --save etl.svg", "as a picture",
		),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			format, err := pictureFormat(format, save)
			if err != nil {
				return err
			}
			if runName != "" {
				return a.showRun(ctx, i, args[0], runName, format, save)
			}
			g, err := i.ReadDAG(ctx, args[0], dagID)
			if err != nil {
				return err
			}
			return a.save(save, a.picture(g, drawing.Options{}, format, save == ""))
		}),
		ValidArgsFunction: a.completeFirst(cobra.ShellCompDirectiveDefault, a.dagIDs),
	}
	c.Flags().StringVar(&format, "format", "", "text, svg, dot or mermaid (default: text, or by the ending of --save)")
	c.Flags().StringVarP(&save, "save", "s", "", "the file to write, such as etl.svg, etl.dot, etl.mmd or etl.txt")
	c.Flags().StringVar(&runName, "run", "", "show the states of a run: its id, its logical date, or latest")
	c.Flags().StringVar(&dagID, "dag-id", "", "which DAG of a file with several")
	complete(c, "format", pictures...)
	return c
}

// pictureFormat is the format that the flags ask for.
func pictureFormat(format, save string) (string, error) {
	if format != "" {
		if !slices.Contains(pictures, format) {
			return "", usagef("--format %q: use %s", format, strings.Join(pictures, ", "))
		}
		return format, nil
	}
	switch ext := filepath.Ext(save); ext {
	case ".svg":
		return "svg", nil
	case ".dot", ".gv":
		return "dot", nil
	case ".mmd", ".mermaid", ".md":
		return "mermaid", nil
	case ".txt", "":
		return "text", nil
	default:
		return "", usagef("--save %s: no format has the ending %s: use .svg, .dot, .mmd or .txt, or give --format", save, ext)
	}
}

// showRun draws the version of a DAG that a run has, with the run's states.
func (a *app) showRun(ctx context.Context, i *embedded.Installation, id, name, format, save string) error {
	if _, err := i.FindDAG(ctx, id); err != nil {
		return err
	}
	r, err := a.findRun(ctx, i, id, name)
	if err != nil {
		return err
	}
	data, err := i.FindRun(ctx, r.ID)
	if err != nil {
		return err
	}
	g, err := i.Loader.Graph(ctx, id, r.Version)
	if err != nil {
		return err
	}
	o := drawingOf(&data)
	for _, t := range g.Tasks {
		if _, ok := o.States[t.ID]; !ok {
			o.States[t.ID] = drawing.Status{}
		}
	}
	return a.save(save, a.picture(g, o, format, save == ""))
}

// picture draws in a format; shown says that it is for this terminal.
func (a *app) picture(g *dag.Graph, o drawing.Options, format string, shown bool) []byte {
	switch format {
	case "svg":
		return drawing.SVG(g, o)
	case "dot":
		return drawing.DOT(g, o)
	case "mermaid":
		return drawing.Mermaid(g, o)
	}
	if shown && a.Terminal {
		o.Width, _ = a.Size()
	}
	if shown && a.colourful() {
		o.Paint = func(s run.State, text string) string { return colourOf(s.String()).Sprint(text) }
	}
	return []byte(drawing.Text(g, o))
}

// drawingOf are the options that show a run.
func drawingOf(d *store.RunData) drawing.Options { return drawing.Options{States: statuses(d)} }

// statuses are the states of tasks in a run: of a mapped task, that of the instance that
// is worst off or not ended, and how many are in which.
func statuses(d *store.RunData) map[string]drawing.Status {
	counts := map[string]map[run.State]int{}
	out := map[string]drawing.Status{}
	for n := range d.Instances {
		in := &d.Instances[n]
		if counts[in.Task] == nil {
			counts[in.Task] = map[run.State]int{}
		}
		counts[in.Task][in.State]++
		s, seen := out[in.Task]
		if !seen || urgency(in.State) > urgency(s.State) {
			s.State = in.State
		}
		if in.Map != run.Unmapped {
			s.Note = countText(counts[in.Task])
		}
		out[in.Task] = s
	}
	return out
}

// urgency orders states by how much they matter to somebody who looks at a run.
func urgency(s run.State) int {
	order := []run.State{
		run.Removed, run.Success, run.Skipped, run.None, run.Scheduled, run.Queued, run.Deferred, run.UpForReschedule,
		run.Restarting, run.Running, run.UpForRetry, run.UpstreamFailed, run.Failed,
	}
	return slices.Index(order, s)
}
