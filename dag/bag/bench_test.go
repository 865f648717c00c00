package bag

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
)

// yamlLoader is the loader that a real installation has.
type yamlLoader struct {
	dir     string
	catalog *dag.Catalog
}

func (l yamlLoader) Accepts(p string) bool { return strings.HasSuffix(p, ".yaml") }

func (l yamlLoader) Load(p string, src []byte) (Loaded, error) {
	res, err := dagfile.Load(src, dagfile.Options{
		File: filepath.Join(l.dir, p), Catalog: l.catalog, ReadFile: os.ReadFile, PythonPath: []string{l.dir}, DefaultsDir: l.dir,
	})
	return Loaded{DAGs: res.DAGs, Files: res.Files}, err
}

// tenThousand makes 10,000 files of five tasks in 100 folders, an hour old.
func tenThousand(b *testing.B) Config {
	b.Helper()
	dir := b.TempDir()
	old := time.Now().Add(-time.Hour)
	var text strings.Builder
	for i := range 10_000 {
		text.Reset()
		fmt.Fprintf(&text, "dag_%d:\n  schedule: \"@daily\"\n  start_date: 2026-01-01\n  catchup: false\n  default_args: {owner: team, retries: 2}\n  tasks:\n", i)
		for n := range 5 {
			fmt.Fprintf(&text, "    task_%d:\n      operator: airflow.operators.bash.BashOperator\n      bash_command: echo {{ ds }} %d\n      dependencies: [%s]\n", n, n, map[bool]string{true: fmt.Sprintf("task_%d", n-1)}[n > 0])
		}
		p := filepath.Join(dir, fmt.Sprintf("team_%02d/dag_%d.yaml", i%100, i))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.Chtimes(p, old, old); err != nil {
			b.Fatal(err)
		}
	}
	catalog := dag.NewCatalog(dag.OperatorSpec{Class: "airflow.operators.bash.BashOperator", Args: []dag.ArgSpec{{Name: "bash_command", Type: dag.ArgString, Required: true, Templated: true}}})
	return Config{Dir: dir, Loaders: []Loader{yamlLoader{dir, catalog}}, Now: time.Now}
}

func openCounting(b *testing.B, c Config, files, bytes *atomic.Int64) *Bag {
	b.Helper()
	bag, err := Open(c)
	if err != nil {
		b.Fatal(err)
	}
	bag.readFile = func(p string) ([]byte, error) {
		raw, err := os.ReadFile(p)
		files.Add(1)
		bytes.Add(int64(len(raw)))
		return raw, err
	}
	return bag
}

// BenchmarkTenThousand measures the first look at 10,000 files, a look at the same
// files, and the first look of another process that has the state of the one before.
func BenchmarkTenThousand(b *testing.B) {
	c := tenThousand(b)
	var files, bytes atomic.Int64
	var bag *Bag
	scan := func(b *testing.B, want int) {
		b.Helper()
		changes, err := bag.Scan(b.Context())
		if err != nil || len(changes.Upserted) != want || len(changes.Broken) > 0 {
			b.Fatalf("%d loaded, %d broken, %v; want %d", len(changes.Upserted), len(changes.Broken), err, want)
		}
	}
	report := func(b *testing.B) {
		b.ReportMetric(float64(files.Load())/float64(b.N), "files-read/op")
		b.ReportMetric(float64(bytes.Load())/float64(b.N), "bytes-read/op")
	}
	b.Run("first", func(b *testing.B) {
		files.Store(0)
		bytes.Store(0)
		for b.Loop() {
			bag = openCounting(b, c, &files, &bytes)
			scan(b, 10_000)
		}
		report(b)
	})
	b.Run("unchanged", func(b *testing.B) {
		files.Store(0)
		bytes.Store(0)
		for b.Loop() {
			scan(b, 0)
		}
		report(b)
	})
	b.Run("restart", func(b *testing.B) {
		state, err := bag.State()
		if err != nil {
			b.Fatal(err)
		}
		c.State = state
		files.Store(0)
		bytes.Store(0)
		for b.Loop() {
			bag = openCounting(b, c, &files, &bytes)
			scan(b, 0)
		}
		report(b)
		b.ReportMetric(float64(len(state)), "state-bytes")
	})
}
