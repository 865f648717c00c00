package bag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
)

// folder is a folder of DAG files whose lines say what to load:
//
//	dag ID [DESCRIPTION]   a DAG
//	needs FILE             another file; its text becomes the DAGs' DocMD
//	variable               the folder's variable becomes the DAGs' DisplayName
//	warn TEXT, fail TEXT, panic TEXT
type folder struct {
	t    testing.TB
	dir  string
	now  time.Time
	bag  *Bag
	mu   sync.Mutex
	seen []string // files loaded
	read []string // files read
	// variable is what the environment of the files says.
	variable string
}

func newFolder(t testing.TB, change ...func(*Config)) *folder {
	t.Helper()
	f := &folder{t: t, dir: t.TempDir(), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	f.open(change...)
	return f
}

func (f *folder) open(change ...func(*Config)) {
	f.t.Helper()
	c := Config{Dir: f.dir, Loaders: []Loader{f}, Now: func() time.Time { return f.now }, Fingerprint: "1"}
	for _, ch := range change {
		ch(&c)
	}
	b, err := Open(c)
	if err != nil {
		f.t.Fatal(err)
	}
	b.readFile = func(p string) ([]byte, error) {
		rel, _ := filepath.Rel(f.dir, p)
		f.mu.Lock()
		f.read = append(f.read, filepath.ToSlash(rel))
		f.mu.Unlock()
		return os.ReadFile(p)
	}
	f.bag = b
}

func (f *folder) Accepts(p string) bool { return strings.HasSuffix(p, ".yaml") }

func (f *folder) Load(p string, src []byte) (Loaded, error) {
	f.mu.Lock()
	f.seen = append(f.seen, p)
	f.mu.Unlock()
	var out Loaded
	var doc, name string
	for line := range strings.Lines(string(src)) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "dag":
			id, text, _ := strings.Cut(rest, " ")
			out.DAGs = append(out.DAGs, &dag.DAG{ID: id, Description: text, DocMD: doc, DisplayName: name})
		case "needs":
			out.Files = append(out.Files, rest)
			raw, _ := os.ReadFile(filepath.Join(f.dir, rest))
			doc = string(raw)
		case "variable":
			out.Volatile, name = true, f.variable
		case "warn":
			out.Warnings = append(out.Warnings, errors.New(rest))
		case "firm":
			out.Firm = true
		case "fail":
			return out, errors.New(rest)
		case "panic":
			panic(rest)
		}
	}
	return out, nil
}

// write makes a file whose time is later than all before, and old enough to be trusted.
func (f *folder) write(p, text string) {
	f.t.Helper()
	full := filepath.Join(f.dir, filepath.FromSlash(p))
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.touch(p, f.now)
	f.now = f.now.Add(10 * time.Second)
}

func (f *folder) touch(p string, at time.Time) {
	f.t.Helper()
	if err := os.Chtimes(filepath.Join(f.dir, p), at, at); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) remove(p string) {
	f.t.Helper()
	if err := os.RemoveAll(filepath.Join(f.dir, p)); err != nil {
		f.t.Fatal(err)
	}
}

// scan checks what a scan finds, and which files it reads.
func (f *folder) scan(want, read string) {
	f.t.Helper()
	f.read = nil
	c, err := f.bag.Scan(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if diff := cmp.Diff(want, show(c)); diff != "" {
		f.t.Errorf("changes (-want +got):\n%s", diff)
	}
	slices.Sort(f.read)
	if diff := cmp.Diff(strings.Fields(read), f.read, cmp.Comparer(func(a, b []string) bool { return slices.Equal(a, b) })); diff != "" {
		f.t.Errorf("files read (-want +got):\n%s", diff)
	}
}

// show writes changes, one per line.
func show(c Changes) string {
	var out []string
	for _, u := range c.Upserted {
		line := "+" + u.Path
		for _, d := range u.DAGs {
			line += " " + d.ID
		}
		for _, id := range u.Stale {
			line += " -" + id
		}
		for _, w := range u.Warnings {
			line += " warning: " + w.Error()
		}
		out = append(out, line)
	}
	for _, b := range c.Broken {
		out = append(out, fmt.Sprintf("!%s %s; has %s", b.Path, b.Err, strings.Join(b.DAGIDs, " ")))
	}
	for _, g := range c.Gone {
		out = append(out, strings.TrimSpace("-"+g.Path+" "+strings.Join(g.DAGIDs, " ")))
	}
	return strings.Join(out, "\n")
}

func TestScan(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("b.yaml", "dag b1\ndag b2\nwarn careful")
	f.write("a.yaml", "dag a")
	f.write("team/c.yaml", "dag c")
	f.write("notes.txt", "dag no")
	f.write(".git/x.yaml", "dag no")
	f.write("__pycache__/x.yaml", "dag no")
	f.scan("+a.yaml a\n+b.yaml b1 b2 warning: careful\n+team/c.yaml c", "a.yaml b.yaml team/c.yaml")
	f.scan("", "")
	if diff := cmp.Diff([]string{"a.yaml", "b.yaml", "team/c.yaml"}, f.bag.Paths()); diff != "" {
		t.Error(diff)
	}

	// The same content with another time is read, but not loaded.
	f.write("a.yaml", "dag a")
	f.seen = nil
	f.scan("", "a.yaml")
	if len(f.seen) != 0 {
		t.Errorf("loaded %v", f.seen)
	}
	f.scan("", "")

	f.write("b.yaml", "dag b2 new\ndag b3")
	f.scan("+b.yaml b2 b3 -b1", "b.yaml")
	f.remove("team")
	f.scan("-team/c.yaml c", "")
	f.write(".airflowignore", "b.*\n")
	f.scan("-b.yaml b2 b3", "")
	f.remove(".airflowignore")
	f.scan("+b.yaml b2 b3", "b.yaml")
}

func TestBrokenFilesKeepTheirLastGoodVersion(t *testing.T) {
	t.Parallel()
	f := newFolder(t, func(c *Config) { c.Reread = time.Hour })
	f.write("a.yaml", "dag a")
	f.write("b.yaml", "dag b")
	f.scan("+a.yaml a\n+b.yaml b", "a.yaml b.yaml")
	f.write("a.yaml", "fail line 3 is wrong")
	f.write("c.yaml", "panic oops")
	broke := f.now
	f.scan("!a.yaml line 3 is wrong; has a\n!c.yaml c.yaml: loading panicked: oops; has ", "a.yaml c.yaml")
	f.write("a.yaml", "fail line 4 is wrong")
	f.scan("!a.yaml line 4 is wrong; has a", "a.yaml")
	errs := f.bag.Errors()
	if len(errs) != 2 || errs[0].Err.Error() != "line 4 is wrong" || !errs[0].Since.Equal(broke) {
		t.Errorf("Errors() = %+v, want line 4 since %v", errs, broke)
	}
	// The same fault in other words of the file is no news.
	f.write("a.yaml", "dag x\nfail line 4 is wrong")
	f.scan("", "a.yaml")
	// Back to the last good version.
	f.write("a.yaml", "dag a")
	f.scan("+a.yaml a", "a.yaml")
	f.remove("c.yaml")
	f.scan("-c.yaml", "")
	if errs := f.bag.Errors(); len(errs) != 0 {
		t.Errorf("Errors() = %v", errs)
	}
	// What is not about the file is tried again now and then.
	f.write("a.yaml", "fail no module")
	f.scan("!a.yaml no module; has a", "a.yaml")
	f.now = f.now.Add(time.Hour - time.Minute)
	f.scan("", "")
	f.now = f.now.Add(time.Minute)
	f.scan("", "a.yaml")
	// What only the file can mend is not, until the file changes.
	f.write("a.yaml", "firm\nfail not like this")
	f.scan("!a.yaml not like this; has a", "a.yaml")
	f.now = f.now.Add(2 * time.Hour)
	f.scan("", "")
	f.write("a.yaml", "fail no module")
	f.scan("!a.yaml no module; has a", "a.yaml")
	f.now = f.now.Add(2 * time.Hour)
	f.scan("", "a.yaml")
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	dup := func(p, id, other string) string {
		return fmt.Sprintf("!%s %s: DAG %q is already defined in %s: rename one of them", p, p, id, other)
	}
	f := newFolder(t)
	f.write("b.yaml", "dag x\ndag y")
	f.write("c.yaml", "dag z")
	f.scan("+b.yaml x y\n+c.yaml z", "b.yaml c.yaml")
	// Who had it keeps it, although the other is first by path.
	f.write("a.yaml", "dag x\ndag w")
	f.scan(dup("a.yaml", "x", "b.yaml")+"; has ", "a.yaml")
	var d *DuplicateError
	if errs := f.bag.Errors(); len(errs) != 1 || !errors.As(errs[0].Err, &d) || d.Other != "b.yaml" {
		t.Errorf("Errors() = %v", errs)
	}
	f.scan("", "")
	// A file refused keeps what it had.
	f.write("c.yaml", "dag y\ndag q")
	f.scan(dup("c.yaml", "y", "b.yaml")+"; has z", "c.yaml")
	// When the rival lets go, the refused files get their chance in the same scan.
	f.write("b.yaml", "dag b")
	f.scan("+a.yaml x w\n+b.yaml b\n+c.yaml y q -z", "a.yaml b.yaml c.yaml")
	// A DAG that moves to another file is not stale in between.
	f.write("a.yaml", "dag w")
	f.write("c.yaml", "dag x\ndag y\ndag q")
	f.scan("+a.yaml w\n+c.yaml x y q", "a.yaml c.yaml")
	// Two files that swap.
	f.write("a.yaml", "dag b")
	f.write("b.yaml", "dag w")
	f.scan("+a.yaml b\n+b.yaml w", "a.yaml b.yaml")
	// A file renamed.
	f.remove("a.yaml")
	f.write("aa.yaml", "dag b")
	f.scan("+aa.yaml b\n-a.yaml", "aa.yaml")
	f.remove("b.yaml")
	f.write("d.yaml", "dag e\ndag e")
	f.scan(`!d.yaml d.yaml: DAG "e" is defined twice: rename one of them; has `+"\n-b.yaml w", "d.yaml")
}

func TestDuplicatesInNewFiles(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("a.yaml", "dag x")
	f.write("b.yaml", "dag x\ndag y")
	f.write("c.yaml", "dag y\ndag z")
	f.write("d.yaml", "dag z")
	// b is refused because of a; so c may have y; d may not have z.
	f.scan("+a.yaml x\n+c.yaml y z\n"+
		"!b.yaml b.yaml: DAG \"x\" is already defined in a.yaml: rename one of them; has \n"+
		"!d.yaml d.yaml: DAG \"z\" is already defined in c.yaml: rename one of them; has ", "a.yaml b.yaml c.yaml d.yaml")
	f.remove("c.yaml")
	f.scan("+d.yaml z\n-c.yaml y", "d.yaml")
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("a.yaml", "needs defaults\ndag a")
	f.write("b.yaml", "needs defaults\nneeds b.md\ndag b")
	f.write("defaults", "1")
	f.scan("+a.yaml a\n+b.yaml b", "a.yaml b.yaml defaults")
	f.scan("", "")
	f.write("defaults", "1")
	f.scan("", "defaults")
	f.write("defaults", "2")
	f.scan("+a.yaml a\n+b.yaml b", "a.yaml b.yaml defaults")
	f.write("b.md", "docs")
	f.scan("+b.yaml b", "b.md b.yaml")
	f.remove("b.md")
	f.scan("+b.yaml b", "b.yaml")
	// A file that is as new as the look at it may have changed since it was loaded.
	f.write("c.yaml", "needs c.md\ndag c")
	f.write("c.md", "docs")
	f.touch("c.md", f.now)
	f.scan("+c.yaml c", "c.md c.yaml")
	f.now = f.now.Add(time.Minute)
	f.scan("+c.yaml c", "c.md c.yaml")
	f.scan("", "")
}

func TestVolatileFiles(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.variable = "1"
	f.write("a.yaml", "variable\ndag a")
	f.scan("+a.yaml a", "a.yaml")
	f.variable = "2"
	f.scan("", "")
	f.now = f.now.Add(time.Minute)
	f.scan("+a.yaml a", "a.yaml")
	f.now = f.now.Add(time.Minute)
	f.scan("", "a.yaml")
	f.scan("", "")
	f.write("a.yaml", "dag a")
	f.scan("+a.yaml a", "a.yaml")
	f.now = f.now.Add(time.Minute)
	f.scan("", "")
}

func TestYoungFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("a.yaml", "dag a")
	at := f.now
	f.touch("a.yaml", at)
	f.scan("+a.yaml a", "a.yaml")
	// Same size, same time.
	f.write("a.yaml", "dag b")
	f.touch("a.yaml", at)
	f.scan("+a.yaml b -a", "a.yaml")
	f.scan("", "")
	// A file from the future is not read all the time.
	f.touch("a.yaml", f.now.Add(time.Hour))
	f.scan("", "a.yaml")
	f.scan("", "")
}

func TestState(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("a.yaml", "needs n\ndag a")
	f.write("n", "1")
	f.write("b.yaml", "dag b")
	f.write("v.yaml", "variable\ndag v")
	f.scan("+a.yaml a\n+b.yaml b\n+v.yaml v", "a.yaml b.yaml n v.yaml")
	f.write("b.yaml", "fail bad")
	f.scan("!b.yaml bad; has b", "b.yaml")
	f.write("c.yaml", "dag a")
	f.scan("!c.yaml c.yaml: DAG \"a\" is already defined in a.yaml: rename one of them; has ", "c.yaml")
	state, err := f.bag.State()
	if err != nil {
		t.Fatal(err)
	}
	reopen := func(fingerprint string, state []byte) {
		f.open(func(c *Config) { c.State, c.Fingerprint = state, fingerprint })
	}

	reopen("1", state)
	if errs := f.bag.Errors(); len(errs) != 2 || errs[0].Err.Error() != "bad" || errs[0].DAGIDs[0] != "b" {
		t.Errorf("Errors() = %v", errs)
	}
	// Only what may have other reasons is looked at again.
	f.scan("", "b.yaml c.yaml v.yaml")
	reopen("1", state)
	f.write("a.yaml", "dag a2")
	f.write("d.yaml", "dag d")
	f.remove("b.yaml")
	f.scan("+a.yaml a2\n+c.yaml a\n+d.yaml d\n-b.yaml b", "a.yaml c.yaml d.yaml v.yaml")

	all := "a.yaml c.yaml d.yaml v.yaml"
	for name, bad := range map[string][]byte{"none": nil, "text": []byte("x"), "old": []byte(`{"version":1,"fingerprint":"1"}`), "null": []byte(`{"version":2,"fingerprint":"1","files":{"a.yaml":null}}`)} {
		t.Log(name)
		reopen("1", bad)
		f.scan("+a.yaml a2\n+c.yaml a\n+d.yaml d\n+v.yaml v", all)
	}
	reopen("2", state)
	f.scan("+a.yaml a2\n+c.yaml a\n+d.yaml d\n+v.yaml v", all)
}

func TestOddFolders(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("real/a.yaml", "dag a")
	f.write("gone.yaml", "dag g")
	for link, to := range map[string]string{
		"linked": "real", "real/loop": "..", "dangling.yaml": "nowhere", "b.yaml": "other/b",
	} {
		if err := os.Symlink(to, filepath.Join(f.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	f.write("other/b", "dag b")
	if err := os.Mkdir(filepath.Join(f.dir, "folder.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.write(".airflowignore", "x[\n*.no.yaml")
	f.write("c.no.yaml", "dag c")
	f.scan("+b.yaml b\n+gone.yaml g\n+linked/a.yaml a\n"+`!.airflowignore .airflowignore:1: the pattern "x[" has a [ without ]: write \[ for the character; has `,
		"b.yaml gone.yaml linked/a.yaml")
	f.scan("", "")
	f.write(".airflowignore", "*.no.yaml")
	f.scan("-.airflowignore", "")
	f.write("other/b", "dag b2")
	f.scan("+b.yaml b2 -b", "b.yaml")
}

// TestFaultOfAFolder checks that DAGs do not go because a folder cannot be listed.
func TestFaultOfAFolder(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("t/a.yaml", "dag a")
	f.write("t/u/b.yaml", "dag b")
	f.write("z.yaml", "dag z")
	f.scan("+t/a.yaml a\n+t/u/b.yaml b\n+z.yaml z", "t/a.yaml t/u/b.yaml z.yaml")
	w := &walker{b: f.bag, files: map[string]stamp{}, broken: map[string]error{}}
	w.fault("t", &fs.PathError{Op: "open", Path: "t", Err: fs.ErrPermission})
	if len(w.files) != 3 || w.files["t/u/b.yaml"] != f.bag.recs["t/u/b.yaml"].Stamp || w.broken["t"] == nil {
		t.Errorf("files %v, broken %v", w.files, w.broken)
	}
	// A file that cannot be read is tried every time.
	read := f.bag.readFile
	f.bag.readFile = func(string) ([]byte, error) { return nil, fs.ErrPermission }
	f.write("z.yaml", "dag zz")
	f.scan("!z.yaml permission denied; has z", "")
	f.bag.readFile = read
	f.scan("+z.yaml zz -z", "z.yaml")
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{Config{Dir: dir}, "open DAG folder: Config.Now is missing"},
		{Config{Dir: file, Now: time.Now}, "open DAG folder: " + file + " is not a folder"},
		{Config{Dir: file + "x", Now: time.Now}, "open DAG folder: stat " + file + "x: no such file or directory"},
		{Config{Dir: dir, Now: time.Now, Ignore: "git"}, `open DAG folder: unknown syntax "git" of .airflowignore: use glob or regexp`},
	} {
		if _, err := Open(tt.c); err == nil || err.Error() != tt.want {
			t.Errorf("Open(%+v) error = %v, want %s", tt.c, err, tt.want)
		}
	}
}

// TestFilesThatVanish deletes a file between listing and reading.
func TestFilesThatVanish(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("a.yaml", "dag a")
	f.scan("+a.yaml a", "a.yaml")
	f.write("b.yaml", "dag a")
	f.scan("!b.yaml b.yaml: DAG \"a\" is already defined in a.yaml: rename one of them; has ", "b.yaml")
	f.write("a.yaml", "dag a2")
	f.write("c.yaml", "dag c")
	read := f.bag.readFile
	f.bag.readFile = func(p string) ([]byte, error) {
		if filepath.Base(p) != "a.yaml" {
			return nil, fs.ErrNotExist
		}
		return read(p)
	}
	f.scan("+a.yaml a2 -a", "a.yaml")
	if diff := cmp.Diff([]string{"a.yaml", "b.yaml"}, f.bag.Paths()); diff != "" {
		t.Error(diff)
	}
	f.bag.readFile = read
	f.scan("+b.yaml a\n+c.yaml c", "b.yaml c.yaml")
}

// TestCancelledScan checks that a scan that ends early forgets nothing.
func TestCancelledScan(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.write("a.yaml", "dag a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := f.bag.Scan(ctx); !errors.Is(err, context.Canceled) || !c.Empty() {
		t.Errorf("Scan = %v, %v", c, err)
	}
	f.scan("+a.yaml a", "a.yaml")
	f.remove(".")
	if _, err := f.bag.Scan(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Scan error = %v", err)
	}
}
