package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/updraft-dev/updraft/task"
)

// service is a running `updraft standalone`.
type service struct {
	cmd     *exec.Cmd
	address string
	errors  bytes.Buffer
	started time.Duration
}

// serve starts `updraft standalone` on a home and waits until it is healthy.
func (b *bench) serve(ctx context.Context, home string) (*service, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &service{address: ln.Addr().String()}
	ln.Close()
	s.cmd = exec.CommandContext(ctx, b.self, "standalone")
	s.cmd.Env = append(os.Environ(), "UPDRAFT_HOME="+home, "UPDRAFT_LISTEN="+s.address)
	s.cmd.Stderr = &s.errors
	from := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(from) < time.Minute {
		res, err := http.Get("http://" + s.address + "/health")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				s.started = time.Since(from)
				return s, nil
			}
		}
		<-time.After(time.Millisecond)
	}
	return nil, fmt.Errorf("standalone did not become healthy: %s", s.errors.String())
}

func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // its exit code is not what is measured
	}
	return err
}

// memory reads a figure (VmRSS, RssAnon, VmHWM) of its status, in MiB.
func (s *service) memory(field string) (float64, error) {
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s", field)
}

// starts measures the time to serving, and from a trigger to its first task.
func starts(ctx context.Context, b *bench) error {
	i, err := b.install(ctx, "start", nil)
	if err != nil {
		return err
	}
	defer i.Close()
	out := filepath.Join(b.dir, "first.times")
	text := dagOf(1, func(int) string { return bash("echo $EPOCHREALTIME >> " + out) })
	if err := os.WriteFile(filepath.Join(i.Config.Home, "dags", "bench.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	s, err := b.serve(ctx, i.Config.Home)
	if err != nil {
		return err
	}
	defer s.stop() //nolint:errcheck // reported by the figures
	b.add(Figure{Name: "standalone: start to serving", Value: ms(s.started), Unit: "ms", Aim: 100})
	const n = 20
	var triggered []float64
	for k := range n {
		triggered = append(triggered, float64(time.Now().UnixMicro())/1e6)
		if _, err := i.Trigger(ctx, task.Trigger{DAG: "bench", Run: fmt.Sprintf("r%d", k)}, "bench"); err != nil {
			return err
		}
		if err := waitLines(out, k+1); err != nil {
			return err
		}
	}
	body, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	var waits []float64
	for k, line := range strings.Fields(string(body)) {
		at, err := strconv.ParseFloat(strings.Replace(line, ",", ".", 1), 64)
		if err != nil {
			return err
		}
		waits = append(waits, (at-triggered[k])*1000)
	}
	slices.Sort(waits)
	b.add(Figure{Name: "standalone: trigger to first task, median", Value: median(waits), Unit: "ms", Aim: 10})
	return nil
}

// waitLines waits until a file has n lines.
func waitLines(path string, n int) error {
	for range 30000 {
		body, err := os.ReadFile(path)
		if err == nil && bytes.Count(body, []byte("\n")) >= n {
			return nil
		}
		<-time.After(time.Millisecond)
	}
	return fmt.Errorf("%s did not get %d lines within 30 s", path, n)
}

// memory measures what standalone needs, idle and while it runs 1,000 tasks.
func memory(ctx context.Context, b *bench) error {
	i, err := b.install(ctx, "memory", nil)
	if err != nil {
		return err
	}
	defer i.Close()
	const n = 1000
	out := filepath.Join(b.dir, "memory.times")
	text := dagOf(n, func(int) string { return bash("echo x >> " + out) })
	if err := os.WriteFile(filepath.Join(i.Config.Home, "dags", "bench.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	s, err := b.serve(ctx, i.Config.Home)
	if err != nil {
		return err
	}
	defer s.stop() //nolint:errcheck // reported by the figures
	<-time.After(2 * time.Second)
	idle, err := s.memory("VmRSS")
	if err != nil {
		return err
	}
	b.add(Figure{Name: "standalone: idle memory", Value: idle, Unit: "MiB", Aim: 40})
	own, err := s.memory("RssAnon")
	if err != nil {
		return err
	}
	b.add(Figure{Name: "standalone: idle memory without the program's file", Value: own, Unit: "MiB"})
	if _, err := i.Trigger(ctx, task.Trigger{DAG: "bench"}, "bench"); err != nil {
		return err
	}
	if err := waitLines(out, n); err != nil {
		return err
	}
	peak, err := s.memory("VmHWM")
	if err != nil {
		return err
	}
	b.add(Figure{Name: "standalone: peak memory with 1,000 tasks", Value: peak, Unit: "MiB", Aim: 60})
	return nil
}

// due measures 1,000 DAGs that are due at the same moment.
func due(ctx context.Context, b *bench) error {
	n := 1000
	if b.quick {
		n = 100
	}
	i, err := b.install(ctx, "due", map[string]string{"paused_at_creation": "false"})
	if err != nil {
		return err
	}
	defer i.Close()
	out := filepath.Join(b.dir, "due.times")
	var text strings.Builder
	for k := range n {
		text.WriteString(strings.NewReplacer("bench:", fmt.Sprintf("due_%04d:", k), "schedule: null", "schedule: \"* * * * *\"\n  catchup: false").
			Replace(dagOf(1, func(int) string { return bash("echo $EPOCHREALTIME >> " + out) })))
	}
	if err := os.WriteFile(filepath.Join(i.Config.Home, "dags", "due.yaml"), []byte(text.String()), 0o600); err != nil {
		return err
	}
	s, err := b.serve(ctx, i.Config.Home)
	if err != nil {
		return err
	}
	defer s.stop() //nolint:errcheck // reported by the figures
	// The runs of the minute that is under way come first; those of the next count.
	next := time.Now().Truncate(time.Minute).Add(time.Minute)
	if err := waitLines(out, n); err != nil {
		return err
	}
	<-time.After(time.Until(next.Add(15 * time.Second)))
	return b.dueIn(out, next, n)
}

func (b *bench) dueIn(path string, minute time.Time, n int) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	last, count := 0.0, 0
	for _, line := range strings.Fields(string(body)) {
		at, err := strconv.ParseFloat(strings.Replace(line, ",", ".", 1), 64)
		if err != nil {
			return err
		}
		if wait := at - float64(minute.Unix()); wait >= 0 {
			count++
			last = max(last, wait)
		}
	}
	if count != n {
		return fmt.Errorf("%d of %d tasks started in the minute", count, n)
	}
	b.add(Figure{Name: fmt.Sprintf("%d DAGs due in the same minute: last first task after", n), Value: last, Unit: "s", Aim: 2})
	return nil
}
