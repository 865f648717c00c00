package task

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// now is the time in these tests; attempts started two seconds before it.
var now = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// memory is a small store: what drivers promise is the suite storetest's matter.
type memory struct {
	mu       sync.Mutex
	xcoms    []store.XComItem
	runs     []run.Run
	tasks    map[run.ID][]run.Instance
	dags     map[string]store.Definition
	settings map[string]store.Setting
	// token is the claim that may push; empty lets everybody.
	token string
	fail  error
}

func (m *memory) PutXCom(_ context.Context, k run.Key, token string, x run.XCom) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.token != "" && token != m.token {
		return store.ErrConflict
	}
	m.xcoms = slices.DeleteFunc(m.xcoms, func(i store.XComItem) bool { return i.Key == k && i.Name == x.Name })
	m.xcoms = append(m.xcoms, store.XComItem{Key: k, XCom: x})
	return nil
}

func (m *memory) XComs(_ context.Context, q store.XComQuery) ([]store.XComItem, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	var out []store.XComItem
	for _, i := range m.xcoms {
		if i.Key.ID == q.Run && (len(q.Tasks) == 0 || slices.Contains(q.Tasks, i.Key.Task)) &&
			(q.Maps == nil || slices.Contains(q.Maps, i.Key.Map)) && (q.Name == "" || q.Name == i.Name) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b store.XComItem) int { return cmp.Or(a.Key.Compare(b.Key), strings.Compare(a.Name, b.Name)) })
	return out, nil
}

func (m *memory) DeleteXCom(context.Context, run.Key, string) error { return nil }

func (m *memory) Run(_ context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	for _, r := range m.runs {
		if r.ID == id {
			d := store.RunData{Run: r}
			for _, i := range m.tasks[id] {
				if len(tasks) == 0 || slices.Contains(tasks, i.Task) {
					d.Instances = append(d.Instances, i)
				}
			}
			return d, nil
		}
	}
	return store.RunData{}, store.ErrNotFound
}

// ListRuns gives pages of two, so that paging is seen.
func (m *memory) ListRuns(_ context.Context, f store.RunFilter, p store.Page) (store.RunList, error) {
	var l store.RunList
	skip := len(p.Token)
	for _, r := range m.runs {
		if r.DAG != f.DAG || !f.LogicalBefore.IsZero() && (r.LogicalDate == nil || !r.LogicalDate.Before(f.LogicalBefore)) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(l.Items) == 2 {
			l.Next = p.Token + "xx"
			break
		}
		l.Items = append(l.Items, r)
	}
	return l, nil
}

func (m *memory) DAG(_ context.Context, id string) (store.Definition, error) {
	d, ok := m.dags[id]
	if !ok {
		return d, store.ErrNotFound
	}
	return d, nil
}

func (m *memory) Setting(_ context.Context, k store.Kind, id string) (store.Setting, error) {
	s, ok := m.settings[string(k)+id]
	if !ok {
		return s, store.ErrNotFound
	}
	return s, nil
}

func (m *memory) PutSetting(_ context.Context, k store.Kind, s store.Setting) error {
	if m.settings == nil {
		m.settings = map[string]store.Setting{}
	}
	m.settings[string(k)+s.ID] = s
	return nil
}

func (m *memory) Settings(context.Context, store.Kind) ([]store.Setting, error) { return nil, nil }
func (m *memory) DeleteSetting(context.Context, store.Kind, string) error       { return nil }
func (m *memory) AssetEvents(context.Context, string, time.Time, time.Time, int) ([]run.AssetEvent, error) {
	return nil, nil
}

// logBook keeps logs in memory, with the redaction that a driver does.
type logBook struct {
	mu   sync.Mutex
	logs map[run.Attempt]*memoryLog
	fail error
}

func (b *logBook) Open(_ context.Context, a run.Attempt) (Log, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return nil, b.fail
	}
	if b.logs == nil {
		b.logs = map[run.Attempt]*memoryLog{}
	}
	if b.logs[a] == nil {
		b.logs[a] = &memoryLog{}
	}
	return b.logs[a], nil
}

func (b *logBook) text(a run.Attempt) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.logs[a] == nil {
		return ""
	}
	return b.logs[a].String()
}

type memoryLog struct {
	mu sync.Mutex
	bytes.Buffer
	secrets []string
}

func (l *memoryLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := string(p)
	for _, secret := range l.secrets {
		s = strings.ReplaceAll(s, secret, "***")
	}
	l.Buffer.WriteString(s)
	return len(p), nil
}

func (l *memoryLog) Redact(s ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, s...)
}

func (l *memoryLog) Close() error { return nil }

// processes runs commands of the machine.
type processes struct{}

func (processes) Exec(ctx context.Context, c Command) (Exit, error) {
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	if c.Stdin != nil {
		cmd.Stdin = bytes.NewReader(c.Stdin)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	var last bytes.Buffer
	out := io.MultiWriter(c.Output, &last)
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	lines := strings.Split(strings.TrimRight(last.String(), "\n"), "\n")
	e := Exit{LastLine: lines[len(lines)-1]}
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		e.Code = ended.ExitCode()
		if s, ok := ended.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			e.Signal = map[syscall.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGKILL: "SIGKILL"}[s.Signal()]
		}
		return e, nil
	}
	return e, err
}

// upper is a template engine: it writes what is inside of {{ }} in capitals.
type upper struct{ a *Attempt }

func (u upper) Render(ctx context.Context, v any) (any, error) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "{{ undefined }}") {
			return nil, errors.New("'undefined' is undefined")
		}
		if v == "{{ secret }}" {
			c, err := u.a.Settings.Connection(ctx, "secret")
			return c.Password, err
		}
		return strings.ToUpper(strings.NewReplacer("{{ ", "", " }}", "").Replace(strings.TrimSuffix(v, "\n"))), nil
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = u.Render(ctx, e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			var err error
			if out[k], err = u.Render(ctx, e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// world is what one test works with.
type world struct {
	store *memory
	logs  *logBook
	ops   map[string]*Operator
	cfg   Config
	dag   *dag.DAG
	run   run.Run
}

func newWorld() *world {
	w := &world{store: &memory{}, logs: &logBook{}, ops: map[string]*Operator{}}
	logical := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	w.dag = &dag.DAG{ID: "d", File: "team/d.yaml"}
	w.run = run.Run{ID: run.ID{DAG: "d", Run: "manual__2024-05-01T00:00:00+00:00"}, LogicalDate: &logical, IntervalStart: &logical, IntervalEnd: &logical, RunAfter: logical}
	w.cfg = Config{
		Operators: func(path string) *Operator { return w.ops[path] },
		Logs:      w.logs, Store: w.store,
		Settings:  settings.NewRegistry(settings.Config{Store: w.store}),
		Processes: processes{},
		Templates: func(a *Attempt) Templates { return upper{a} },
		Now:       func() time.Time { return now },
		Hostname:  "host1", Worker: "w1", Folder: "/dags",
	}
	return w
}

// op adds an operator that takes any arguments, those named being templated.
func (w *world) op(name string, f func(ctx context.Context, a *Attempt) (Result, error), templated ...string) {
	o := &Operator{Spec: dag.OperatorSpec{Class: name}, Run: f}
	for _, t := range templated {
		o.Spec.Args = append(o.Spec.Args, dag.ArgSpec{Name: t, Templated: true})
	}
	w.ops[name] = o
}

// task adds a task of an operator.
func (w *world) task(id, op string, args dag.Values) *dag.Task {
	t := dag.NewTask(id, op)
	t.Args = args
	w.dag.Tasks = append(w.dag.Tasks, t)
	return t
}

// work is the claimed attempt of a task.
func (w *world) work(t testing.TB, id string, index int) Work {
	t.Helper()
	g, err := dag.NewGraph(w.dag)
	if err != nil {
		t.Fatal(err)
	}
	i := run.Instance{Task: id, Map: index, State: run.Running, Try: 1, Token: "tok", Start: now.Add(-2 * time.Second)}
	if n, ok := g.Index(id); ok {
		i.MaxTries = g.Tasks[n].Retries
	}
	return Work{Graph: g, Run: w.run, Instance: i}
}

// execute runs the attempt of a task, and returns its report and log.
func (w *world) execute(t testing.TB, id string, index int) (run.Report, string) {
	t.Helper()
	work := w.work(t, id, index)
	rep := New(w.cfg).Execute(t.Context(), work)
	return rep, w.logs.text(rep.Attempt)
}

// pushed puts an XCom into the store.
func (w *world) pushed(t testing.TB, task string, index int, name, value string) {
	t.Helper()
	err := w.store.PutXCom(t.Context(), run.Key{ID: w.run.ID, Task: task, Map: index}, w.store.token, run.XCom{Name: name, Value: []byte(value)})
	if err != nil {
		t.Fatal(err)
	}
}

// give is an operator's function that returns a value.
func give(v any) func(context.Context, *Attempt) (Result, error) {
	return func(context.Context, *Attempt) (Result, error) { return Result{Value: v}, nil }
}

// fails is an operator's function that writes a line and returns an error.
func fails(err error) func(context.Context, *Attempt) (Result, error) {
	return func(_ context.Context, a *Attempt) (Result, error) {
		fmt.Fprintln(a.Output, "last words")
		return Result{}, err
	}
}
