package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// What SFTPOperator does with files.
const (
	put    = "put"
	get    = "get"
	remove = "delete"
)

func sftpOperator() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:   "airflow.providers.sftp.operators.sftp.SFTPOperator",
			Aliases: []string{"airflow.contrib.operators.sftp_operator.SFTPOperator"},
			Doc:     "Copies files and folders to another machine or from it, or removes them there; the local paths are the return value.",
			Args: []dag.ArgSpec{
				{Name: "ssh_hook", Type: dag.ArgAny, Doc: "An SSHHook in place of a connection: it may name one, and what it says itself comes first."},
				{Name: "sftp_hook", Type: dag.ArgAny, Doc: "Refused: use ssh_conn_id or ssh_hook."},
				{Name: "ssh_conn_id", Type: dag.ArgString, Doc: "Connection with host, port, login, password, and the key and options in its extra."},
				{Name: "remote_host", Type: dag.ArgString, Templated: true, Doc: "Host in place of the connection's."},
				{Name: "local_filepath", Type: dag.ArgStrings, Templated: true, Doc: "Path, or list of paths, on the worker, from the DAG file's folder."},
				{Name: "remote_filepath", Type: dag.ArgStrings, Required: true, Templated: true, Doc: "Path, or list of as many paths, on the other machine."},
				{Name: "operation", Type: dag.ArgString, Default: put, Doc: "put copies there, get copies from there, delete removes there."},
				{Name: "confirm", Type: dag.ArgBool, Default: true, Doc: "Compare the size of what was put."},
				{Name: "create_intermediate_dirs", Type: dag.ArgBool, Default: false, Doc: "Make the folders that a path needs."},
				{Name: "concurrency", Type: dag.ArgInt, Default: int64(1), Doc: "Without effect: parts of a file are on their way at once."},
				{Name: "prefetch", Type: dag.ArgBool, Default: true, Doc: "Without effect, as concurrency."},
			},
		},
		Run: transfer,
	}
}

// transfer runs one attempt of an SFTPOperator.
func transfer(ctx context.Context, a *task.Attempt) (task.Result, error) {
	var errs [5]error
	var local, remote []string
	var operation string
	c := &copier{a: a}
	local, errs[0] = task.Get(a, "local_filepath", []string(nil))
	remote, errs[1] = task.Get(a, "remote_filepath", []string(nil))
	operation, errs[2] = task.Get(a, "operation", put)
	c.confirm, errs[3] = task.Get(a, "confirm", true)
	c.mkdirs, errs[4] = task.Get(a, "create_intermediate_dirs", false)
	operation = strings.ToLower(operation)
	if err := errors.Join(append(errs[:], checkPaths(a, operation, local, remote))...); err != nil {
		return task.Result{}, err
	}
	t, err := readTarget(ctx, a, "ssh_conn_id", "")
	if err != nil {
		return task.Result{}, err
	}
	s, err := t.open(ctx)
	if err != nil {
		return task.Result{}, err
	}
	defer s.close()
	c.t, c.remote = t, s.Client
	for i, there := range remote {
		switch operation {
		case put:
			err = c.put(ctx, t.path(local[i]), there)
		case get:
			err = c.get(ctx, t.path(local[i]), there)
		case remove:
			err = c.remove(ctx, there)
		}
		if err != nil {
			return task.Result{}, s.failed(ctx, err)
		}
	}
	return task.Result{Value: a.Args["local_filepath"]}, nil
}

// checkPaths refuses what cannot be meant.
func checkPaths(a *task.Attempt, operation string, local, remote []string) error {
	switch {
	case a.Args["sftp_hook"] != nil:
		return task.Misconfigured(errors.New("argument sftp_hook: SFTPHook is not there: use ssh_conn_id or ssh_hook"))
	case operation != put && operation != get && operation != remove:
		return task.Misconfigured(fmt.Errorf("argument operation is %q: use put, get or delete", operation))
	case len(remote) == 0:
		return task.Misconfigured(errors.New("argument remote_filepath is empty: name a path"))
	case operation == remove && len(local) > 0:
		return task.Misconfigured(errors.New("argument local_filepath: delete removes on the other machine alone: leave it out"))
	case operation != remove && len(local) != len(remote):
		return task.Misconfigured(fmt.Errorf("local_filepath has %d paths and remote_filepath %d: each needs its counterpart", len(local), len(remote)))
	}
	return nil
}

// session is a connection for files. It is closed when its context ends.
type session struct {
	*sftp.Client
	t    *target
	ssh  *ssh.Client
	stop func() bool
}

// open connects for files.
func (t *target) open(ctx context.Context) (*session, error) {
	client, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	files, err := sftp.NewClient(client)
	if err != nil {
		stop()
		_ = client.Close()
		return nil, unreachable(ctx, fmt.Errorf("%s has no SFTP: %w", t.address(), err))
	}
	return &session{Client: files, t: t, ssh: client, stop: stop}, nil
}

func (s *session) close() {
	s.stop()
	_ = s.Close()
	_ = s.ssh.Close()
}

// failed says whether it was the connection.
func (s *session) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, sftp.ErrSSHFxConnectionLost) || errors.Is(err, io.ErrUnexpectedEOF) {
		return unreachable(ctx, fmt.Errorf("%s: %w", s.t.address(), err))
	}
	return err
}

// copier copies files and folders.
type copier struct {
	a               *task.Attempt
	t               *target
	remote          *sftp.Client
	confirm, mkdirs bool
}

// put copies a file or a folder there. A folder must not be there yet, as in Airflow.
func (c *copier) put(ctx context.Context, local, remote string) error {
	st, err := os.Stat(local)
	if err != nil {
		return err
	}
	if c.mkdirs {
		if err := c.remote.MkdirAll(path.Dir(remote)); err != nil {
			return fmt.Errorf("making folder %s on %s: %w", path.Dir(remote), c.t.address(), err)
		}
	}
	if !st.IsDir() {
		return c.putFile(ctx, local, remote)
	}
	if _, err := c.remote.Stat(remote); err == nil {
		return fmt.Errorf("%s is there already on %s: remove it, or put files into it one by one", remote, c.t.address())
	}
	return filepath.WalkDir(local, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(local, name)
		if err != nil {
			return err
		}
		to := path.Join(remote, filepath.ToSlash(rel))
		if d.IsDir() {
			if err := c.remote.Mkdir(to); err != nil {
				return fmt.Errorf("making folder %s on %s: %w", to, c.t.address(), err)
			}
			return nil
		}
		return c.putFile(ctx, name, to)
	})
}

func (c *copier) putFile(ctx context.Context, local, remote string) error {
	c.a.Log.InfoContext(ctx, "putting "+local+" to "+remote)
	from, err := os.Open(local)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := c.remote.Create(remote)
	if err != nil {
		return fmt.Errorf("writing %s on %s: %w", remote, c.t.address(), c.reason(path.Dir(remote), err))
	}
	n, err := to.ReadFrom(from)
	if err = errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("writing %s on %s: %w", remote, c.t.address(), err)
	}
	if !c.confirm {
		return nil
	}
	st, err := c.remote.Stat(remote)
	if err != nil {
		return fmt.Errorf("looking at %s on %s: %w", remote, c.t.address(), err)
	}
	if st.Size() != n {
		return fmt.Errorf("%s on %s has %d bytes of %d: is its disk full, or does somebody else write it or take it away? (confirm: false does not look)", remote, c.t.address(), st.Size(), n)
	}
	return nil
}

// reason tells that a folder is missing, where that may be.
func (c *copier) reason(folder string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w: is folder %s there? create_intermediate_dirs makes it", err, folder)
}

// get copies a file or a folder from there. A folder must not be here yet.
func (c *copier) get(ctx context.Context, local, remote string) error {
	st, err := c.remote.Stat(remote)
	if err != nil {
		return fmt.Errorf("looking at %s on %s: %w", remote, c.t.address(), err)
	}
	if c.mkdirs {
		if err := os.MkdirAll(filepath.Dir(local), 0o777); err != nil { //nolint:gosec // the umask decides, as in Airflow
			return err
		}
	}
	if !st.IsDir() {
		return c.getFile(ctx, local, remote)
	}
	if _, err := os.Stat(local); err == nil {
		return fmt.Errorf("%s is there already: remove it, or get files into it one by one", local)
	}
	walk := c.remote.Walk(remote)
	for walk.Step() {
		if err := walk.Err(); err != nil {
			return fmt.Errorf("reading folder %s on %s: %w", remote, c.t.address(), err)
		}
		rel, err := filepath.Rel(remote, walk.Path())
		if err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("%s on %s is outside of %s", walk.Path(), c.t.address(), remote)
		}
		to := filepath.Join(local, rel)
		if walk.Stat().IsDir() {
			err = os.Mkdir(to, 0o777) //nolint:gosec // the umask decides
		} else {
			err = c.getFile(ctx, to, walk.Path())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// getFile copies a file into a temporary one beside its place, so that nobody sees half of it.
func (c *copier) getFile(ctx context.Context, local, remote string) error {
	c.a.Log.InfoContext(ctx, "getting "+local+" from "+remote)
	from, err := c.remote.Open(remote)
	if err != nil {
		return fmt.Errorf("reading %s on %s: %w", remote, c.t.address(), err)
	}
	defer func() { _ = from.Close() }() // all of it is read
	to, err := os.CreateTemp(filepath.Dir(local), "."+filepath.Base(local)+".*")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: is folder %s there? create_intermediate_dirs makes it", err, filepath.Dir(local))
		}
		return err
	}
	_, err = from.WriteTo(to)
	if err == nil {
		err = to.Chmod(0o644) //nolint:gosec // what other programs are to read
	}
	if err = errors.Join(err, to.Close()); err == nil {
		err = os.Rename(to.Name(), local)
	}
	if err != nil {
		_ = os.Remove(to.Name())
		return fmt.Errorf("reading %s on %s: %w", remote, c.t.address(), err)
	}
	return nil
}

// remove removes a file, or a folder with all that is in it.
func (c *copier) remove(ctx context.Context, remote string) error {
	c.a.Log.InfoContext(ctx, "removing "+remote)
	st, err := c.remote.Lstat(remote)
	if err == nil && st.IsDir() {
		err = c.remote.RemoveAll(remote)
	} else if err == nil {
		err = c.remote.Remove(remote)
	}
	if err != nil {
		return fmt.Errorf("removing %s on %s: %w", remote, c.t.address(), err)
	}
	return nil
}
