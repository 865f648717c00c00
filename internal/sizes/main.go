// Command sizes builds the functions as they are deployed, and updraft, and holds them to
// limits: how large each program is, and how much it allocates before its main begins, which every cold
// start pays. Times are printed, and gate nothing: they are the machine's. Its arguments are
// those of go build.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measureAll(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sizes:", err)
		os.Exit(1)
	}
}

// measureAll prints a table of all programs and says which are above their limits.
func measureAll(ctx context.Context, flags []string) error {
	dir, err := os.MkdirTemp("", "updraft-sizes-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.AppendHeader(table.Row{"program", "arm64 MB", "amd64 MB", "at most", "packages", "allocations", "at most", "kB", "CPU ms"})
	var all []error
	for _, p := range programs() {
		m, err := p.measure(ctx, dir, flags)
		if err != nil {
			return fmt.Errorf("%s: %w", p.folder, err)
		}
		t.AppendRow(table.Row{
			filepath.Base(p.folder), mb(m.size["arm64"]), mb(m.size["amd64"]), p.size, m.start.Packages, m.start.Allocations, p.allocations,
			m.start.Bytes / 1000, fmt.Sprintf("%.1f", float64(m.cpu.Microseconds())/1000),
		})
		all = append(all, p.judge(m)...)
	}
	t.Render()
	return errors.Join(all...)
}

func mb(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/1e6) }

// program is what is built, with its limits.
type program struct {
	folder string
	// size is in MB (10⁶ bytes), for each architecture.
	size int64
	// allocations are those of the packages it links, before main.
	allocations int
}

// measured is what was found of a program.
type measured struct {
	size  map[string]int64
	start Start
	// cpu is what the processor did from the start of the program to its complaint that
	// nothing is configured, the median of some.
	cpu time.Duration
}

// judge says which limits are broken.
func (p program) judge(m measured) []error {
	var all []error
	for _, arch := range archs() {
		if m.size[arch] > p.size*1e6 {
			all = append(all, fmt.Errorf("%s for %s has %s MB, %d at most: see what is new in `go list -deps ./%s`; and `go build -ldflags=-dumpdep` must show no ReflectMethod, which keeps every method of every type", p.folder, arch, mb(m.size[arch]), p.size, p.folder))
		}
	}
	if m.start.Allocations > p.allocations {
		all = append(all, fmt.Errorf("%s allocates %d times before main, %d at most; most of it is in %s", p.folder, m.start.Allocations, p.allocations, m.start.Most))
	}
	return all
}

// archs are the architectures of functions.
func archs() []string { return []string{"arm64", "amd64"} }

// measure builds a program for Lambda, and starts it.
func (p program) measure(ctx context.Context, dir string, flags []string) (measured, error) {
	m := measured{size: map[string]int64{}}
	for _, arch := range archs() {
		file, err := p.build(ctx, dir, flags, "linux", arch)
		if err != nil {
			return m, err
		}
		info, err := os.Stat(file)
		if err != nil {
			return m, err
		}
		m.size[arch] = info.Size()
	}
	own, err := p.build(ctx, dir, flags, runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return m, err
	}
	if m.start, err = traced(ctx, own, dir); err != nil {
		return m, err
	}
	m.cpu, err = timed(ctx, own, dir)
	return m, err
}

// build builds a program and returns its file.
func (p program) build(ctx context.Context, dir string, flags []string, system, arch string) (string, error) {
	file := filepath.Join(dir, filepath.Base(p.folder)+"-"+system+"-"+arch)
	if _, err := os.Stat(file); err == nil {
		return file, nil // this machine is what functions run on
	}
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"build"}, flags, []string{"-o", file, "./" + p.folder})...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build it for %s: %w\n%s", arch, err, out)
	}
	return file, nil
}

// starts is of how many starts the median is told.
const starts = 9

// timed measures what it costs a program to find that nothing is configured.
func timed(ctx context.Context, file, dir string) (time.Duration, error) {
	var all []time.Duration
	for range starts {
		_, cpu, err := complaint(ctx, file, dir)
		if err != nil {
			return 0, err
		}
		all = append(all, cpu)
	}
	slices.SortFunc(all, cmp.Compare[time.Duration])
	return all[len(all)/2], nil
}

// complaint starts a program with nothing configured and returns what it says: how it is used,
// or, failing, that nothing is configured. It returns what the processor did, too.
func complaint(ctx context.Context, file, dir string, environ ...string) (out []byte, cpu time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, file)
	cmd.Env = append([]string{"TMPDIR=" + dir, "HOME=" + dir, "UPDRAFT_HOME=" + filepath.Join(dir, "home")}, environ...)
	out, err = cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return out, 0, fmt.Errorf("start it without a configuration: %w\n%s", err, out)
	}
	return out, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
