package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

const (
	// killGrace is the time between SIGTERM and SIGKILL (that of Docker's own stop).
	killGrace = 10 * time.Second
	// endGrace is how long the last output of a stopped container is waited for.
	endGrace = 5 * time.Second
	// oomGrace is how long after its end a container's event of running out of memory is
	// waited for.
	oomGrace = 2 * time.Second
	// exitKilled is the exit code of a process that SIGKILL has ended.
	exitKilled = 128 + 9
)

// run executes one attempt: the container is made or found, and seen to its end.
func (s *spec) run(ctx context.Context, a *task.Attempt) (task.Result, error) {
	e, err := s.open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer func() { _ = e.Close() }()
	if s.tmpHost != "" {
		if err := os.MkdirAll(s.tmpHost, 0o700); err != nil {
			return task.Result{}, &task.CauseError{Cause: run.CauseInfra, Err: fmt.Errorf("making the temporary folder: %w", err)}
		}
		defer func() {
			if err := os.RemoveAll(s.tmpHost); err != nil { // the container's user may own what is in it
				a.Log.WarnContext(ctx, "the temporary folder could not be removed: "+err.Error())
			}
		}()
	}
	kills := task.OOMKills() // before there is something to kill
	c, err := e.started(ctx, s)
	if err != nil {
		return task.Result{}, err
	}
	id := c.id
	succeeded := false
	defer func() {
		if s.remove == removeForce || s.remove == removeSuccess && succeeded {
			e.removed(ctx, id)
		}
	}()
	out := &lines{to: a.Output, all: s.all}
	state, err := e.follow(ctx, c, out)
	if err != nil {
		return task.Result{}, err
	}
	if slices.Contains(s.skips, state.ExitCode) {
		return task.Result{}, task.Skip("exit code %d", state.ExitCode)
	}
	oom := state.ExitCode != 0 && (state.OOMKilled || state.ExitCode == exitKilled && (e.here() && task.OOMKills() > kills || e.toldOOM(ctx, id)))
	end := task.Exit{Code: state.ExitCode, OOM: oom, LastLine: out.last}
	if err := end.Err(s.host.Memory); err != nil {
		return task.Result{}, err
	}
	res, err := e.result(ctx, s, id, out)
	succeeded = err == nil
	return res, err
}

// here says that containers run on this machine, whose kernel tells what it kills.
func (e *engine) here() bool { return strings.HasPrefix(e.DaemonHost(), "unix:") }

// toldOOM says whether the engine has an event of the container running out of memory, or
// gets one within oomGrace. Where that event comes after the one of the container's end, the
// container's state does not say it, now or later: moby keeps what it knew at the end. On a
// machine that is busy there may be no event at all.
func (e *engine) toldOOM(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, oomGrace)
	defer cancel()
	told := e.Events(ctx, client.EventsListOptions{
		Since:   "0",
		Filters: make(client.Filters).Add("container", id).Add("event", string(events.ActionOOM)),
	})
	select {
	case <-told.Messages:
		return true
	case <-told.Err: //nolint:errcheck // it has none, or cannot say
		return false
	}
}

// one is the container of an attempt.
type one struct {
	id  string
	tty bool
	// stream is its output from the start on; nil if it was there before.
	stream io.ReadCloser
}

// started is the attempt's container, which runs or has ended.
func (e *engine) started(ctx context.Context, s *spec) (c *one, err error) {
	found, err := e.find(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		if err := e.pull(ctx, s); err != nil {
			return nil, err
		}
		c = &one{tty: s.config.Tty}
		if c.id, err = e.create(ctx, s); err != nil {
			return nil, err
		}
	default:
		c = &one{id: found.ID, tty: found.Config.Tty}
		if found.State.Status != container.StateCreated { // to start one that has ended would run it again
			e.a.Log.InfoContext(ctx, "attached to the container that is there; its output from the beginning", "container", s.name)
			return c, nil
		}
	}
	if err = e.start(ctx, s, c); err == nil {
		return c, nil
	}
	e.removed(ctx, c.id) // it has never run
	if ctx.Err() != nil {
		return nil, stopped(ctx)
	}
	return nil, err
}

// start starts a container whose output is listened to before there is any: who follows
// the engine's copy of it misses at times the end of a last line without a line break.
func (e *engine) start(ctx context.Context, s *spec, c *one) error {
	return e.ask(ctx, func(ctx context.Context) error {
		attached, err := e.ContainerAttach(ctx, c.id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
		if err != nil {
			return failed(ctx, err, "listening to %s", s)
		}
		if _, err := e.ContainerStart(ctx, c.id, client.ContainerStartOptions{}); err != nil {
			attached.Close()
			return &task.CauseError{Cause: run.CauseImage, Err: fmt.Errorf("starting %s: %w", s, err)}
		}
		c.stream = stream{attached.Reader, attached.Conn}
		return nil
	})
}

// stream is what is read of a connection.
type stream struct {
	io.Reader
	io.Closer
}

// find looks for the attempt's container: one from before the worker was restarted. It is
// nil when there is none.
func (e *engine) find(ctx context.Context, s *spec) (*container.InspectResponse, error) {
	var found client.ContainerInspectResult
	err := e.ask(ctx, func(ctx context.Context) (err error) {
		found, err = e.ContainerInspect(ctx, s.name, client.ContainerInspectOptions{})
		return err
	})
	switch c := found.Container; {
	case errdefs.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, failed(ctx, err, "looking for container %s", s.name)
	case c.Config == nil || c.State == nil || c.Config.Labels[labelAttempt] != s.attempt:
		return nil, &task.CauseError{Cause: run.CauseConfig, Err: fmt.Errorf(
			"there is another container %s: remove it (docker rm %s), set auto_remove, or leave container_name out", s.name, s.name)}
	default:
		return &c, nil
	}
}

// create makes the container. Where the engine does not see the worker's temporary
// folder, it does without.
func (e *engine) create(ctx context.Context, s *spec) (string, error) {
	if s.tmpHost == "" {
		return e.createOne(ctx, s, s.config, s.host)
	}
	config, host := s.withTmp()
	id, err := e.createOne(ctx, s, config, host)
	if err == nil || !strings.Contains(err.Error(), s.tmpHost) {
		return id, err
	}
	e.a.Log.WarnContext(ctx, "the engine does not see the temporary folder of this worker: it is left out; set mount_tmp_dir to false", "error", err.Error())
	return e.createOne(ctx, s, s.config, s.host)
}

func (e *engine) createOne(ctx context.Context, s *spec, config container.Config, host container.HostConfig) (string, error) {
	var made client.ContainerCreateResult
	err := e.ask(ctx, func(ctx context.Context) (err error) {
		made, err = e.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &config, HostConfig: &host, Name: s.name})
		return err
	})
	if err != nil {
		return "", failed(ctx, err, "making %s", s)
	}
	for _, w := range made.Warnings {
		e.a.Log.WarnContext(ctx, w)
	}
	return made.ID, nil
}

// follow hands the output on until the container has ended. When ctx ends, the container
// is stopped, and what it says to that is still read.
func (e *engine) follow(ctx context.Context, c *one, out *lines) (*container.State, error) {
	inner, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		e.stop(inner, c.id)
		timer := time.AfterFunc(endGrace, end)
		defer timer.Stop()
		<-inner.Done()
	})
	err := e.output(inner, c, out)
	state, ended := e.wait(inner, c.id)
	end()
	if !stop() {
		<-done
		return nil, stopped(ctx)
	}
	if err = errors.Join(err, ended); err != nil {
		return nil, failed(ctx, err, "following container %s", c.id)
	}
	return state, nil
}

func (e *engine) output(ctx context.Context, c *one, out *lines) (err error) {
	said := c.stream
	if said == nil {
		said, err = e.ContainerLogs(ctx, c.id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
		if err != nil {
			return err
		}
	}
	defer said.Close()
	defer context.AfterFunc(ctx, func() { said.Close() })()
	if c.tty {
		_, err = io.Copy(out, said)
	} else {
		_, err = stdcopy.StdCopy(out, out, said)
	}
	return errors.Join(err, out.flush())
}

// wait waits for the container's end.
func (e *engine) wait(ctx context.Context, id string) (*container.State, error) {
	waiting := e.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-waiting.Result:
	case err := <-waiting.Error:
		return nil, err
	}
	var found client.ContainerInspectResult
	err := e.ask(ctx, func(ctx context.Context) (err error) {
		found, err = e.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		return err
	})
	if err == nil && found.Container.State == nil {
		err = errors.New("the engine does not say how it ended")
	}
	return found.Container.State, err
}

// stop ends the container: SIGTERM, and SIGKILL after a while.
func (e *engine) stop(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, killGrace+e.timeout)
	defer cancel()
	grace := int(killGrace / time.Second)
	e.a.Log.InfoContext(ctx, "stopping the container")
	if _, err := e.ContainerStop(ctx, id, client.ContainerStopOptions{Timeout: &grace}); err != nil && !errdefs.IsNotFound(err) {
		e.a.Log.WarnContext(ctx, "the container could not be stopped: "+err.Error())
	}
}

// removed removes the container, also after the attempt was stopped.
func (e *engine) removed(ctx context.Context, id string) {
	err := e.ask(context.WithoutCancel(ctx), func(ctx context.Context) error {
		_, err := e.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return err
	})
	if err != nil && !errdefs.IsNotFound(err) {
		e.a.Log.WarnContext(ctx, "the container could not be removed: "+err.Error())
	}
}
