package bag

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watched runs Watch and returns a function that waits until changes are as wanted.
func (f *folder) watched(why chan<- error) func(want string) {
	f.t.Helper()
	f.bag.c.Now = time.Now
	f.bag.c.OnWatchError = func(err error) {
		if why != nil {
			why <- err
		}
	}
	changes := make(chan Changes, 100)
	ctx, stop := context.WithCancel(f.t.Context())
	done := make(chan error, 1)
	go func() { done <- f.bag.Watch(ctx, func(c Changes) { changes <- c }) }()
	f.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			f.t.Errorf("Watch = %v", err)
		}
	})
	return func(want string) {
		f.t.Helper()
		// A test may be slow; what is promised is measured by BenchmarkNotice.
		timeout, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		var got []string
		for strings.Join(got, "\n") != want {
			select {
			case c := <-changes:
				got = append(got, show(c))
			case <-timeout.Done():
				f.t.Fatalf("changes = %q, want %q", got, want)
			}
		}
	}
}

func (f *folder) put(p, text string) {
	f.t.Helper()
	full := filepath.Join(f.dir, p)
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		f.t.Fatal(err)
	}
	// As editors do, so that no scan sees half a file.
	if err := os.WriteFile(full+"~", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(full+"~", full); err != nil {
		f.t.Fatal(err)
	}
}

// TestWatch makes the resync so rare that only events can be what makes it look.
func TestWatch(t *testing.T) {
	t.Parallel()
	f := newFolder(t, func(c *Config) { c.Resync, c.Debounce = time.Hour, 10*time.Millisecond })
	f.put("a.yaml", "dag a")
	wait := f.watched(nil)
	wait("+a.yaml a")
	f.put("a.yaml", "dag a new")
	wait("+a.yaml a")
	f.put("new/deep/b.yaml", "dag b")
	wait("+new/deep/b.yaml b")
	f.put("new/deep/b.yaml", "dag b2")
	wait("+new/deep/b.yaml b2 -b")
	// A folder that goes and comes back is watched again.
	f.remove("new")
	wait("-new/deep/b.yaml b2")
	f.put("new/deep/b.yaml", "dag b3")
	wait("+new/deep/b.yaml b3")
	f.put("new/deep/b.yaml", "dag b4")
	wait("+new/deep/b.yaml b4 -b3")
	f.put(".airflowignore", "new/")
	wait("-new/deep/b.yaml b4")
	f.put("a.yaml", "fail bad")
	wait("!a.yaml bad; has a")
	// Files elsewhere count, too.
	other := t.TempDir()
	f.put("c.yaml", "needs "+relative(t, f.dir, filepath.Join(other, "x"))+"\ndag c")
	wait("+c.yaml c")
	if err := os.WriteFile(filepath.Join(other, "x"), []byte("docs"), 0o600); err != nil {
		t.Fatal(err)
	}
	wait("+c.yaml c")
}

func relative(t *testing.T, from, to string) string {
	t.Helper()
	rel, err := filepath.Rel(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
}

// TestWatchLinkedFolder does what git-sync does: the folder is a link that is replaced.
func TestWatchLinkedFolder(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	f.put("v1/a.yaml", "dag a")
	f.put("v2/a.yaml", "dag a2")
	link := filepath.Join(f.dir, "current")
	swap := func(to string) {
		if err := os.Symlink(to, link+"~"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+"~", link); err != nil {
			t.Fatal(err)
		}
	}
	swap("v1")
	f.open(func(c *Config) { c.Dir, c.Resync, c.Debounce = link, time.Hour, 10*time.Millisecond })
	wait := f.watched(nil)
	wait("+a.yaml a")
	swap("v2")
	wait("+a.yaml a2 -a")
	f.put("v2/b.yaml", "dag b")
	wait("+b.yaml b")
}

func TestWatchPolls(t *testing.T) {
	t.Parallel()
	f := newFolder(t, func(c *Config) { c.Resync, c.Poll = time.Hour, 10*time.Millisecond })
	f.bag.newWatcher = func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }
	why := make(chan error, 1)
	wait := f.watched(why)
	if err := <-why; err.Error() != "looking every 10ms: too many open files" {
		t.Errorf("error = %v", err)
	}
	f.put("a.yaml", "dag a")
	wait("+a.yaml a")
	f.put("a.yaml", "dag b")
	wait("+a.yaml b -a")
}

// TestWatchGivesUpEvents loses its watcher on the way.
func TestWatchGivesUpEvents(t *testing.T) {
	t.Parallel()
	f := newFolder(t, func(c *Config) { c.Resync, c.Poll = time.Hour, 10*time.Millisecond })
	f.bag.newWatcher = func() (*fsnotify.Watcher, error) {
		w, err := fsnotify.NewWatcher()
		if err == nil {
			err = w.Close()
		}
		return w, err
	}
	f.put("a.yaml", "dag a")
	why := make(chan error, 1)
	wait := f.watched(why)
	wait("+a.yaml a")
	if err := <-why; !errors.Is(err, fsnotify.ErrClosed) {
		t.Errorf("error = %v", err)
	}
	f.put("b.yaml", "dag b")
	wait("+b.yaml b")
}

// TestWatchGoesOn keeps looking after a scan that failed.
func TestWatchGoesOn(t *testing.T) {
	t.Parallel()
	f := newFolder(t, func(c *Config) { c.Resync = 10 * time.Millisecond })
	why := make(chan error, 1000)
	f.put("a.yaml", "dag a")
	wait := f.watched(why)
	wait("+a.yaml a")
	if err := os.Rename(f.dir, f.dir+"~"); err != nil {
		t.Fatal(err)
	}
	if err := <-why; !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
	if err := os.Rename(f.dir+"~", f.dir); err != nil {
		t.Fatal(err)
	}
	f.put("b.yaml", "dag b")
	wait("+b.yaml b")
}

func BenchmarkNotice(b *testing.B) {
	f := newFolder(b, func(c *Config) { c.Resync = time.Hour; c.Now = time.Now })
	changes := make(chan Changes, 1)
	done := make(chan struct{})
	ctx, stop := context.WithCancel(b.Context())
	go func() {
		defer close(done)
		f.bag.Watch(ctx, func(c Changes) { changes <- c })
	}()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(f.dir, "a.yaml"), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	write("dag a")
	<-changes
	n := 0
	for b.Loop() {
		n++
		write(strings.Repeat("dag x", n%2) + "\ndag a " + strings.Repeat("x", n))
		<-changes
	}
	stop()
	<-done
}
