package pyfile_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/dag/pyfile"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// mutationsVariable says how many mutated files TestMutations loads.
const (
	mutationsVariable = "UPDRAFT_MUTATIONS"
	fewMutations      = 60
)

// The bounds of a mutated file, and how long its end may take on a busy machine.
const (
	mutantTime   = 2 * time.Second
	mutantMemory = 512 << 20
	patience     = time.Minute
)

// seeds are the recorded DAG files.
func seeds(t testing.TB) []string {
	t.Helper()
	f, err := os.Open("../../internal/conformance/testdata/pydags.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var packed struct{ Files map[string]string }
	if err := json.NewDecoder(z).Decode(&packed); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, text := range packed.Files {
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

var token = regexp.MustCompile(`[A-Za-z_]+|\d+|"[^"\n]*"|[^\sA-Za-z_\d]`)

// hostile are lines that a file may have.
var hostile = []string{
	"import os; os._exit(3)", "raise SystemExit(2)", "raise KeyboardInterrupt", "import os; os.kill(os.getpid(), 11)", "x = b'x' * (1 << 40)",
	"import os; os.fork()", "import sys; sys.stdout.write('x' * 1000000)", "import sys; sys.setrecursionlimit(10**9)", "dag = None", "import os; os.close(3)",
	"import threading; threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()", "globals().clear()", "import sys; sys.modules.clear()",
	"import builtins; builtins.dict = None", "from airflow.sdk import *; DAG.__init__ = None", "while True: pass", "import signal; signal.pause()",
}

// mutant changes a file in a few places.
func mutant(r *rand.Rand, src string) string {
	for range 1 + r.IntN(3) {
		lines := strings.Split(src, "\n")
		at := r.IntN(len(lines))
		switch r.IntN(9) {
		case 0:
			lines = slices.Delete(lines, at, at+1)
		case 1:
			lines = slices.Insert(lines, at, lines[r.IntN(len(lines))])
		case 2:
			lines[at], lines[0] = lines[0], lines[at]
		case 3, 4, 5: // a token becomes another one of the file
			all := token.FindAllStringIndex(src, -1)
			if len(all) == 0 {
				continue
			}
			a, b := all[r.IntN(len(all))], all[r.IntN(len(all))]
			src = src[:a[0]] + src[b[0]:b[1]] + src[a[1]:]
			continue
		case 6:
			src = token.ReplaceAllStringFunc(src, func(s string) string {
				if _, err := strconv.Atoi(s); err == nil && r.IntN(4) == 0 {
					return []string{"-1", "0", "10**30", "1e400", "None", "[]", "'x'", "True"}[r.IntN(8)]
				}
				return s
			})
			continue
		case 7:
			raw := []byte(src)
			if len(raw) > 0 {
				raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
			}
			src = string(raw)
			continue
		case 8:
			if r.IntN(4) > 0 {
				continue
			}
			lines = slices.Insert(lines, at, hostile[r.IntN(len(hostile))])
		}
		src = strings.Join(lines, "\n")
	}
	return src
}

// mutants loads files as an installation does.
type mutants struct {
	dir    string
	loader bag.Loader
	n      atomic.Int64
}

func newMutants(t testing.TB) *mutants {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := python.NewParser(python.ParserConfig{Environ: os.Environ()})
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return &mutants{dir: dir, loader: pyfile.Loader(t.Context(), pyfile.Config{
		Parser: p, Folder: dir, Catalog: builtin.Catalog(), Timeout: mutantTime, Memory: mutantMemory,
		CheckSchedule: func(s dag.Schedule) error { _, err := timetable.New(s); return err },
	})}
}

// load loads a file, which must give valid DAGs or problems, soon.
func (m *mutants) load(src string) error {
	name := fmt.Sprintf("m%d.py", m.n.Add(1))
	file := filepath.Join(m.dir, name)
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		return err
	}
	defer os.Remove(file)
	from := time.Now()
	got, err := m.loader.Load(name, []byte(src))
	if took := time.Since(from); took > patience {
		return fmt.Errorf("it took %v", took)
	}
	var problems dagfile.Problems
	if err != nil {
		if !errors.As(err, &problems) || len(problems) == 0 || problems.Error() == "" {
			return fmt.Errorf("an error without problems: %w", err)
		}
		if strings.Contains(err.Error(), "this is a fault of Updraft's") || strings.Contains(err.Error(), "Python cannot be run") {
			return err
		}
		return nil
	}
	for _, d := range got.DAGs {
		if _, _, err := dag.Encode(d); err != nil {
			return err
		}
		if err := dag.Validate(d); err != nil {
			return err
		}
	}
	return nil
}

// TestMutations loads files that are almost DAG files.
func TestMutations(t *testing.T) {
	t.Parallel()
	n := fewMutations
	if text := os.Getenv(mutationsVariable); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", mutationsVariable, err)
		}
	}
	all, m := seeds(t), newMutants(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(n) {
					return
				}
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				src := mutant(r, all[r.IntN(len(all))])
				if err := m.load(src); err != nil {
					t.Errorf("mutation %d: %v\n%s", i, err, src)
				}
			}
		})
	}
	wg.Wait()
	if got, err := m.loadGood(); err != nil || len(got.DAGs) != 1 {
		t.Errorf("a good file afterwards: %v", err)
	}
}

func (m *mutants) loadGood() (bag.Loaded, error) {
	src := []byte("from airflow.sdk import DAG\nwith DAG('good', schedule=None): pass\n")
	if err := os.WriteFile(filepath.Join(m.dir, "good.py"), src, 0o600); err != nil {
		return bag.Loaded{}, err
	}
	return m.loader.Load("good.py", src)
}

// FuzzLoad looks for sources that the Go side does not bear.
func FuzzLoad(f *testing.F) {
	for _, src := range seeds(f) {
		f.Add([]byte(src))
	}
	m := newMutants(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 1<<14 || !pyfile.MayHaveDAGs(src) || bytes.Contains(src, []byte("unlink")) {
			return
		}
		if err := m.load(string(src)); err != nil {
			t.Error(err)
		}
	})
}
