package doctest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// load reads a DAG file as an installation does, but without a folder around it.
func load(text string, strict bool) (dagfile.Result, error) {
	return dagfile.Load([]byte(text), dagfile.Options{
		File: "hello.yaml", Catalog: builtin.Catalog(), Strict: strict,
		CheckSchedule: func(s dag.Schedule) error { _, err := timetable.New(s); return err },
		Now:           func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
}

// TestYAML: every YAML example is a DAG file that loads without a warning, unless it is
// marked: "fragment" is a part of a file, "wrong" is followed by what is said of it,
// "updraft.yaml" is a configuration.
func TestYAML(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		for i, b := range d.blocks {
			if b.language() != "yaml" {
				continue
			}
			at := fmt.Sprintf("%s:%d", d.name, b.line)
			switch b.about() {
			case "":
				if res, err := load(b.text, true); err != nil {
					t.Errorf("%s: %v", at, err)
				} else if len(res.DAGs) == 0 {
					t.Errorf("%s: no DAG in it", at)
				}
			case "fragment", "updraft.yaml":
				var v any
				if err := yaml.Unmarshal([]byte(b.text), &v); err != nil {
					t.Errorf("%s: %v", at, err)
				}
			case "wrong":
				if i+1 == len(d.blocks) || d.blocks[i+1].info != "text" {
					t.Errorf("%s: what is said of it does not follow as a text block", at)
					continue
				}
				if diff := cmp.Diff(d.blocks[i+1].text, messages(b.text)); diff != "" {
					t.Errorf("%s (-document +loader):\n%s", at, diff)
				}
			default:
				t.Errorf("%s: unknown mark %q", at, b.about())
			}
		}
	}
}

// messages is what `updraft dags validate` says of a bad file, without its last lines.
func messages(text string) string {
	res, err := load(text, false)
	var out strings.Builder
	say := func(kind string, list []dagfile.Problem) {
		for _, p := range list {
			at := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
			out.WriteString(at + kind + ": " + strings.TrimPrefix(dagfile.Problems{p}.Error(), at) + "\n")
		}
	}
	var problems dagfile.Problems
	if errors.As(err, &problems) {
		say("error", problems)
	}
	say("warning", res.Warnings)
	return out.String()
}
