package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// engine is the Docker engine of an attempt.
type engine struct {
	*client.Client
	a       *task.Attempt
	timeout time.Duration
}

// open returns the first engine that answers.
func (s *spec) open(ctx context.Context, a *task.Attempt) (*engine, error) {
	var errs []error
	for _, url := range s.engine.urls {
		opts := []client.Opt{client.WithHost(address(url)), client.WithAPIVersion(s.engine.version)}
		if s.engine.ca != "" || s.engine.cert != "" {
			opts = append(opts, client.WithTLSClientConfig(s.engine.ca, s.engine.cert, s.engine.key))
		}
		c, err := client.New(opts...)
		if err != nil {
			return nil, task.Misconfigured(fmt.Errorf("docker_url %s: %w", url, err))
		}
		e := &engine{Client: c, a: a, timeout: s.engine.timeout}
		if err = e.ask(ctx, func(ctx context.Context) error {
			_, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
			return err
		}); err == nil {
			return e, nil
		}
		_ = c.Close()
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return nil, stopped(ctx)
	}
	return nil, &task.CauseError{Cause: run.CauseConfig, Err: fmt.Errorf(
		"no Docker engine answers (%w): start one on this worker, let its user into the group docker, or set docker_url or DOCKER_HOST", errors.Join(errs...))}
}

// address is an engine's address as the client wants it: Docker's client for Python
// also takes unix://var/run/docker.sock, and http.
func address(url string) string {
	if path, ok := strings.CutPrefix(url, "unix://"); ok {
		return "unix:///" + strings.TrimLeft(path, "/")
	}
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(url, scheme); ok {
			return "tcp://" + rest
		}
	}
	return url
}

// ask bounds one question by the timeout.
func (e *engine) ask(ctx context.Context, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	return question(ctx)
}

// failed says what a failure of the engine counts as: one that it explains is the
// configuration's fault, any other the infrastructure's.
func failed(ctx context.Context, err error, format string, args ...any) error {
	err = fmt.Errorf(format+": %w", append(args, err)...)
	switch {
	case ctx.Err() != nil:
		return stopped(ctx)
	case errdefs.IsInvalidArgument(err), errdefs.IsNotFound(err), errdefs.IsConflict(err), errdefs.IsPermissionDenied(err):
		return &task.CauseError{Cause: run.CauseConfig, Err: err}
	}
	return &task.CauseError{Cause: run.CauseInfra, Err: err}
}

func stopped(ctx context.Context) error { return fmt.Errorf("stopped: %w", context.Cause(ctx)) }

// pull gets the image if the engine does not have it.
func (e *engine) pull(ctx context.Context, s *spec) error {
	if !s.forcePull {
		err := e.ask(ctx, func(ctx context.Context) error {
			_, err := e.ImageInspect(ctx, s.config.Image)
			return err
		})
		if err == nil {
			return nil
		}
		if !errdefs.IsNotFound(err) {
			return failed(ctx, err, "looking for image %s", s.config.Image)
		}
	}
	auth, err := e.registryAuth(ctx, s)
	if err != nil {
		return err
	}
	e.a.Log.InfoContext(ctx, "pulling the image", "image", s.config.Image)
	progress, err := e.ImagePull(ctx, s.config.Image, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return imageError(ctx, s, err)
	}
	defer progress.Close()
	said := map[string]string{}
	for m, err := range progress.JSONMessages(ctx) {
		if err == nil && m.Error != nil {
			err = m.Error
		}
		if err != nil {
			return imageError(ctx, s, err)
		}
		if m.Status != "" && said[m.ID] != m.Status {
			said[m.ID] = m.Status
			e.a.Log.InfoContext(ctx, strings.TrimPrefix(m.ID+": "+m.Status, ": "))
		}
	}
	return nil
}

func imageError(ctx context.Context, s *spec, err error) error {
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	return &task.CauseError{Cause: run.CauseImage, Err: fmt.Errorf(
		"pulling image %s: %w: check its name and, for a private registry, docker_conn_id", s.config.Image, err)}
}

// registryAuth is the login to the registry that docker_conn_id names.
func (e *engine) registryAuth(ctx context.Context, s *spec) (string, error) {
	if s.conn == "" {
		return "", nil
	}
	c, err := e.a.Settings.Connection(ctx, s.conn)
	if err != nil {
		return "", fmt.Errorf("docker_conn_id: %w", err)
	}
	if c.Host == "" || c.Login == "" {
		return "", task.Misconfigured(fmt.Errorf("connection %s has no host or no login: set the registry and the user", s.conn))
	}
	server := c.Host
	if c.Port != 0 {
		server = fmt.Sprintf("%s:%d", c.Host, c.Port)
	}
	auth, err := authconfig.Encode(registry.AuthConfig{Username: c.Login, Password: c.Password, ServerAddress: server})
	if err != nil {
		return "", task.Misconfigured(fmt.Errorf("connection %s: %w", s.conn, err))
	}
	return auth, nil
}
