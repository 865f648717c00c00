package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/jinja"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/template"
)

// templateCase is a template and what Airflow made of it.
type templateCase struct {
	ID       string          `json:"id"`
	Group    string          `json:"group"`
	Template json.RawMessage `json:"template"`
	Result   json.RawMessage `json:"result"`
	Error    *struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
}

// replayTemplates replays the renderings of one world (a file world_x.jsonl) after the other, each in an attempt
// of the task that the recorder used.
func replayTemplates(ctx context.Context, path, only string) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		worlds, err := readWorlds(path)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		dir, err := worlds.writeFiles()
		defer os.RemoveAll(dir)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		files, err := recordings(path)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		for _, file := range files {
			letter, ok := strings.CutPrefix(strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".gz"), ".jsonl"), "world_")
			w := worlds.Worlds[letter]
			if !ok || w == nil {
				yield(Outcome{}, fmt.Errorf("%s: worlds.json has no world %q", file, letter))
				return
			}
			w.dir = dir
			outcomes, err := w.replay(ctx, file, only)
			if err != nil {
				yield(Outcome{}, fmt.Errorf("%s: %w", file, err))
				return
			}
			for _, o := range outcomes {
				if !yield(o, nil) {
					return
				}
			}
		}
	}
}

// worlds is worlds.json: the surroundings of each recorded attempt, and the template files.
type worlds struct {
	Worlds map[string]*world `json:"worlds"`
	Files  map[string]string `json:"files"`
}

func readWorlds(dir string) (*worlds, error) {
	file := filepath.Join(dir, "worlds.json")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		file += ".gz"
	}
	f, err := open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := new(worlds)
	if err := json.NewDecoder(f).Decode(out); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// writeFiles puts the template files into a new folder, the DAG folder of the attempts.
func (w *worlds) writeFiles() (string, error) {
	dir, err := os.MkdirTemp("", "updraft-templates-")
	if err != nil {
		return "", err
	}
	for name, text := range w.Files {
		if !filepath.IsLocal(name) {
			return dir, fmt.Errorf("template file %q is outside the DAG folder", name)
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return dir, err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

// replay executes an attempt in which all cases of a file are rendered.
func (w *world) replay(ctx context.Context, file, only string) ([]Outcome, error) {
	var out []Outcome
	var fault error
	work := func(ctx context.Context, a *task.Attempt) (task.Result, error) {
		for line, err := range lines(file) {
			c := new(templateCase)
			if err == nil {
				err = json.Unmarshal(line, c)
			}
			if err == nil && (only == "" || c.ID == only) {
				var o Outcome
				o, err = w.outcome(ctx, a, c)
				out = append(out, o)
			}
			if fault = err; fault != nil {
				break
			}
		}
		return task.Result{}, fault
	}
	rep, err := w.execute(ctx, work)
	if err == nil && fault == nil && rep.Outcome != run.OutcomeSuccess {
		err = fmt.Errorf("the attempt ended with %s: %s", rep.Outcome, rep.Reason)
	}
	return out, errors.Join(fault, err)
}

// address is the place of an object in memory, which differs from run to run.
var address = regexp.MustCompile(` at 0x[0-9a-f]+`)

// outcome renders one template with a renderer of its own, as the runtime makes one for an attempt.
func (w *world) outcome(ctx context.Context, a *task.Attempt, c *templateCase) (Outcome, error) {
	o := Outcome{ID: c.ID}
	// LoadJSON, because the order of keys is that of the text.
	v, err := py.LoadJSON(py.NewThread(ctx, py.Limits{}), string(c.Template))
	if err != nil {
		return o, err
	}
	r, ok := w.templates(a).(*template.Renderer)
	if !ok {
		return o, errors.New("the renderer is not that of package template")
	}
	got, err := r.Value(ctx, v)
	var ours string
	if err == nil {
		ours, err = describeValue(ctx, got)
	}
	if err != nil {
		class, message, ok := jinja.Exception(err)
		if !ok {
			class, message = "error", err.Error()
		}
		ours = class + ": " + message
	}
	ours = strings.ReplaceAll(address.ReplaceAllString(ours, " at 0xADDR"), w.dir, "<dags>")
	theirs := ""
	if c.Error != nil {
		theirs = c.Error.Type + ": " + c.Error.Message
	} else if theirs, err = describeResult(ctx, c.Result); err != nil {
		return o, fmt.Errorf("%s: %w", c.ID, err)
	}
	if ours != theirs {
		o.Diff = &Mismatch{Picture: string(c.Template), Part: "rendering", Ours: ours, Theirs: theirs}
	}
	return o, nil
}

// describeValue writes a value as the recorder does: plain ones by value, others by what they print.
func describeValue(ctx context.Context, v py.Value) (string, error) {
	th := py.NewThread(ctx, py.Limits{})
	name := py.TypeOf(v).QualName()
	var items []py.Value
	switch x := v.(type) {
	case nil:
		return "NoneType", nil
	case bool, int, float64, string:
		s, err := py.Str(th, v)
		return name + " " + s, err
	case *py.List:
		items = x.Items
	case py.Tuple:
		items = x
	case *py.Set:
		items = x.Items()
	case *py.Dict:
		for k, e := range x.All {
			items = append(items, py.Tuple{k, e})
		}
	default:
		s, err := py.Str(th, v)
		if py.TypeOf(v).Module == "builtins" && !strings.Contains(name, ".") {
			name = plainName(name)
		}
		return name + " " + s, err
	}
	parts := make([]string, len(items))
	for i, e := range items {
		var err error
		if parts[i], err = describeValue(ctx, e); err != nil {
			return "", err
		}
	}
	return name + " [" + strings.Join(parts, ", ") + "]", nil
}

// plainName is how the recorder names a class of builtins that is none of the plain ones.
func plainName(name string) string {
	if name == "int" {
		return name // a large one
	}
	return "builtins." + name
}

// describeResult writes a recorded result as describeValue does.
func describeResult(ctx context.Context, raw json.RawMessage) (string, error) {
	var r struct {
		Type  string          `json:"type"`
		Value json.RawMessage `json:"value"`
		Str   *string         `json:"str"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if r.Str != nil {
		return r.Type + " " + *r.Str, nil
	}
	switch r.Type {
	case "NoneType":
		return r.Type, nil
	case "list", "tuple", "set":
		var items []json.RawMessage
		if err := json.Unmarshal(r.Value, &items); err != nil {
			return "", err
		}
		parts, err := describeResults(ctx, items)
		return r.Type + " [" + strings.Join(parts, ", ") + "]", err
	case "dict":
		var pairs [][]json.RawMessage
		if err := json.Unmarshal(r.Value, &pairs); err != nil {
			return "", err
		}
		parts := make([]string, len(pairs))
		for i, p := range pairs {
			both, err := describeResults(ctx, p)
			if err != nil {
				return "", err
			}
			parts[i] = "tuple [" + strings.Join(both, ", ") + "]"
		}
		return "dict [" + strings.Join(parts, ", ") + "]", nil
	}
	th := py.NewThread(ctx, py.Limits{})
	v, err := py.LoadJSON(th, string(r.Value))
	if err != nil {
		return "", err
	}
	s, err := py.Str(th, v)
	return r.Type + " " + s, err
}

func describeResults(ctx context.Context, items []json.RawMessage) ([]string, error) {
	out := make([]string, len(items))
	for i, e := range items {
		var err error
		if out[i], err = describeResult(ctx, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// execute runs one attempt of the task that renders.
func (w *world) execute(ctx context.Context, work func(context.Context, *task.Attempt) (task.Result, error)) (run.Report, error) {
	d, err := w.graph()
	if err != nil {
		return run.Report{}, err
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		return run.Report{}, err
	}
	i := run.Instance{Task: w.Task, Map: w.Map, State: run.Running, Try: w.Run.Try, MaxTries: 2, Token: "t", Start: recorded}
	rt := task.New(w.config(work))
	return rt.Execute(ctx, task.Work{Graph: g, Run: w.run(), Instance: i}), nil
}

// recorded is the time of the attempts.
var recorded = time.Date(2024, 3, 1, 0, 0, 10, 0, time.UTC)
