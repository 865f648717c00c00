package python_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/python"
)

// parsing is a folder of DAG files and a parser.
type parsing struct {
	*python.Parser
	dir string
}

func newParsing(t testing.TB, c python.ParserConfig) *parsing {
	t.Helper()
	if c.Environ == nil {
		c.Environ = os.Environ()
	}
	p := &parsing{python.NewParser(c), t.TempDir()}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

const goodFile = `
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
with DAG("good", schedule=None):
    EmptyOperator(task_id="t")
`

// parse writes a file and parses it, within bounds that suit tests.
func (p *parsing) parse(t testing.TB, name, src string, change func(*python.Parse)) python.Parsed {
	t.Helper()
	file := filepath.Join(p.dir, name)
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	f := python.Parse{File: file, Folder: p.dir, Timeout: 30 * time.Second}
	if change != nil {
		change(&f)
	}
	out, err := p.Parse(t.Context(), f)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return out
}

func ids(t *testing.T, p python.Parsed) (out []string) {
	t.Helper()
	for _, raw := range p.DAGs {
		var d struct {
			ID string `json:"dag_id"`
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Error(err)
		}
		out = append(out, d.ID)
	}
	return out
}

func TestParse(t *testing.T) {
	t.Parallel()
	p := newParsing(t, python.ParserConfig{})
	if err := os.WriteFile(filepath.Join(p.dir, "helpers.py"), []byte("NAME = 'from_module'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := p.parse(t, "d.py", `
from airflow.sdk import DAG
from helpers import NAME
print("hello")
with DAG(NAME, schedule=None): pass
`, nil)
	if got.Error != nil {
		t.Fatal(got.Error)
	}
	if found := strings.Join(ids(t, got), " "); found != "from_module" || !strings.Contains(strings.Join(got.Files, " "), "helpers.py") ||
		!strings.Contains(got.Output, "hello") || got.Compat != 3 {
		t.Errorf("DAGs %s, %+v", found, got)
	}
}

// Whatever a file does is its own error, and the others are read.
func TestParseBadFiles(t *testing.T) {
	t.Parallel()
	p := newParsing(t, python.ParserConfig{})
	short := func(f *python.Parse) { f.Timeout = time.Second }
	small := func(f *python.Parse) { f.MemoryLimit = 256 << 20 }
	var wg sync.WaitGroup
	for name, tt := range map[string]struct {
		src    string
		change func(*python.Parse)
		// want is a part of the error; empty if there is none.
		want string
	}{
		"hangs":         {"import time\ntime.sleep(1000)", short, "AirflowTaskTimeout: the file was not parsed within 1s"},
		"loops":         {"while True:\n    try:\n        while True: pass\n    except BaseException: pass", short, "was not parsed within 1s (dagbag_import_timeout)"},
		"forks":         {"import os\nfor _ in range(20): os.fork() or os._exit(0)" + goodFile, nil, ""},
		"exits":         {"import sys\nsys.exit(3)", nil, "it must not call exit"},
		"exits hard":    {"import os\nos._exit(7)", nil, "ended its process with code 7: it must not call exit"},
		"crashes":       {"import ctypes\nctypes.string_at(0)", nil, "crashed with SIGSEGV"},
		"kills itself":  {"import os\nos.kill(os.getpid(), 9)", nil, "SIGKILL"},
		"eats memory":   {"x = b'x' * (1 << 30)", small, "MemoryError: "},
		"recurses":      {"def f(): f()\nf()", nil, "RecursionError"},
		"prints a lot":  {"for _ in range(100000): print('x' * 100)" + goodFile, nil, ""},
		"closes all":    {"import os\nos.closerange(0, 64)" + goodFile, nil, "ended its process"},
		"writes lies":   {"import os\nfor fd in range(3, 10):\n    try: os.write(fd, b'\\x00\\x00\\x00\\x05hello')\n    except OSError: pass\n" + goodFile, nil, "*"},
		"has NUL bytes": {"x = 1\x00", nil, "null bytes"},
		"is no UTF-8":   {"x = '\xff'", nil, "SyntaxError: "},
		"is empty":      {"", nil, ""},
	} {
		wg.Go(func() {
			got := p.parse(t, strings.ReplaceAll(name, " ", "_")+".py", tt.src, tt.change)
			switch {
			case tt.want == "*":
			case tt.want == "" && got.Error != nil:
				t.Errorf("%s: %v", name, got.Error)
			case tt.want != "" && (got.Error == nil || !strings.Contains(got.Error.Error(), tt.want)):
				t.Errorf("%s: %v, want %q", name, got.Error, tt.want)
			}
			if len(got.Output) > 64<<10 {
				t.Errorf("%s: %d bytes of output are kept", name, len(got.Output))
			}
		})
	}
	wg.Wait()
	if got := p.parse(t, "good.py", goodFile, nil); got.Error != nil || len(got.DAGs) != 1 {
		t.Errorf("afterwards: %v", got.Error)
	}
}

// A file that kills what starts the parse processes is read alone the second time.
func TestParseKillsParent(t *testing.T) {
	t.Parallel()
	p := newParsing(t, python.ParserConfig{})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if got := p.parse(t, "good"+strconv.Itoa(i)+".py", goodFile, nil); got.Error != nil {
				t.Error(got.Error)
			}
		})
	}
	wg.Go(func() {
		got := p.parse(t, "bad.py", "import os\nos.kill(os.getppid(), 9)\nimport time\ntime.sleep(100)", nil)
		if got.Error == nil || !strings.Contains(got.Error.Message, "ended the process that starts all parse processes") {
			t.Errorf("%v", got.Error)
		}
	})
	wg.Wait()
}

// What a file starts and leaves behind, even in a session of its own, ends with it.
func TestParseLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newParsing(t, python.ParserConfig{})
	got := p.parse(t, "d.py", `
import os, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(write, str(os.getpid()).encode())
        os.close(1), os.close(2), os.close(write)
        time.sleep(1000)
    os._exit(0)
os.wait()
raise ValueError("stray " + os.read(read, 20).decode())
`, nil)
	if got.Error == nil {
		t.Fatal("no error")
	}
	pid, err := strconv.Atoi(strings.TrimPrefix(got.Error.Message, "stray "))
	if err != nil {
		t.Fatal(got.Error)
	}
	for ctx := t.Context(); ; {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// No secret of the environment is there, and what was asked for is.
func TestParseEnvironment(t *testing.T) {
	t.Parallel()
	p := newParsing(t, python.ParserConfig{
		Keep:    []string{"STAGE"},
		Environ: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "STAGE=dev", "AIRFLOW_CONN_DB=secret", "AIRFLOW_VAR_X=secret", "TOKEN=secret"},
	})
	got := p.parse(t, "d.py", `
import os
raise ValueError(" ".join(sorted(k for k in os.environ if k in ("PATH", "STAGE") or "secret" in os.environ[k])))
`, nil)
	if got.Error == nil || got.Error.Message != "PATH STAGE" {
		t.Errorf("%v", got.Error)
	}
}

func TestParserEnds(t *testing.T) {
	t.Parallel()
	p := python.NewParser(python.ParserConfig{Python: "no-such-python"})
	if _, err := p.Parse(t.Context(), python.Parse{File: "/d.py", Folder: "/"}); err == nil || !strings.Contains(err.Error(), "no-such-python") {
		t.Errorf("without Python: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Parse(t.Context(), python.Parse{}); !errors.Is(err, python.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	q := newParsing(t, python.ParserConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Parse(ctx, python.Parse{File: "/d.py", Folder: "/"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
