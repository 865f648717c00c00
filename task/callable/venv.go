package callable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

const (
	// ready is the file that says that a virtualenv is whole. It is written last.
	ready = "updraft-ready"
	// lockPause is the time between two tries to become the one who builds.
	lockPause = 100 * time.Millisecond
	// killGrace is the time between SIGTERM and SIGKILL for venv and pip.
	killGrace = 10 * time.Second
)

// venvs keeps virtualenvs in a folder, each under the hash of what is in it. Several
// workers may share the folder.
type venvs struct{ dir, python string }

// find returns the interpreter of the virtualenv that a call wants, built if need be.
func (v venvs) find(ctx context.Context, a *task.Attempt, c task.PythonCall) (string, error) {
	if v.dir == "" || a.Processes == nil {
		return "", task.Misconfigured(errors.New("virtualenvs cannot be made here: use PythonOperator, or ExternalPythonOperator with an interpreter that has the packages"))
	}
	base := c.Interpreter
	if base == "" {
		base = v.python
	}
	path, err := exec.LookPath(beside(a.Dir, base))
	if err != nil {
		return "", task.Misconfigured(fmt.Errorf("interpreter %s for the virtualenv not found: install it, or change python_version", base))
	}
	folder, err := v.folder(path, c)
	if err != nil {
		return "", err
	}
	b := build{a: a, base: path, dir: folder, system: c.SystemSitePackages, requirements: c.Requirements}
	if err := b.ensure(ctx); err != nil {
		return "", err
	}
	return b.python(), nil
}

// folder is named after the content: interpreter, requirements, options.
func (v venvs) folder(base string, c task.PythonCall) (string, error) {
	real, err := filepath.EvalSymlinks(base) // python3 may be another one after an upgrade
	if err != nil {
		return "", fmt.Errorf("interpreter %s: %w", base, err)
	}
	content, err := json.Marshal([]any{base, real, c.SystemSitePackages, c.Requirements})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	dir, err := filepath.Abs(v.dir)
	return filepath.Join(dir, hex.EncodeToString(sum[:12])), err
}

// build is a virtualenv that may have to be made.
type build struct {
	a         *task.Attempt
	base, dir string
	system    bool
	// requirements are options of pip first, then requirements.
	requirements []string
}

func (b *build) python() string { return filepath.Join(b.dir, "bin", "python") }

func (b *build) whole() bool {
	_, err := os.Stat(filepath.Join(b.dir, ready))
	return err == nil
}

// ensure builds the virtualenv unless it is there, once for all who want it.
func (b *build) ensure(ctx context.Context) error {
	if b.whole() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(b.dir), 0o700); err != nil {
		return fmt.Errorf("making the folder of virtualenvs: %w", err)
	}
	unlock, err := lock(ctx, b.dir+".lock")
	if err != nil {
		return fmt.Errorf("waiting for the virtualenv: %w", err)
	}
	defer unlock()
	if b.whole() {
		return nil
	}
	return b.make(ctx)
}

func (b *build) make(ctx context.Context) error {
	if err := os.RemoveAll(b.dir); err != nil { // what an interrupted build left
		return fmt.Errorf("removing a virtualenv that is not whole: %w", err)
	}
	options, list := split(b.requirements)
	argv := []string{b.base, "-m", "venv", "--without-pip"} // see pip
	if b.system {
		argv = append(argv, "--system-site-packages")
	}
	b.a.Log.InfoContext(ctx, fmt.Sprintf("making a virtualenv with %d requirements", len(list)))
	if err := b.exec(ctx, "venv", append(argv, b.dir), nil, b.a.Output); err != nil {
		return fmt.Errorf("making the virtualenv: %w", err)
	}
	if len(list) > 0 {
		if err := b.install(ctx, options, list); err != nil {
			return fmt.Errorf("installing the requirements: %w", err)
		}
	}
	return os.WriteFile(filepath.Join(b.dir, ready), nil, 0o600)
}

// install runs pip. Indexes go by the environment: their URLs may hold passwords, and
// everybody on the machine sees a command's arguments.
func (b *build) install(ctx context.Context, options, list []string) error {
	file := filepath.Join(b.dir, "requirements.txt")
	if err := os.WriteFile(file, []byte(strings.Join(list, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	argv, err := b.pip(ctx)
	if err != nil {
		return err
	}
	argv = append(argv, "install")
	env := []string{"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "PIP_ROOT_USER_ACTION=ignore"}
	var extra []string
	for _, o := range options {
		if u, ok := strings.CutPrefix(o, "--index-url="); ok {
			env = append(env, "PIP_INDEX_URL="+u)
		} else if u, ok := strings.CutPrefix(o, "--extra-index-url="); ok {
			extra = append(extra, u)
		} else {
			argv = append(argv, o)
		}
	}
	if len(extra) > 0 {
		env = append(env, "PIP_EXTRA_INDEX_URL="+strings.Join(extra, " "))
	}
	return b.exec(ctx, "pip", append(argv, "-r", file), env, b.a.Output)
}

// pip is the command for the virtualenv. The base interpreter's own pip serves if it is
// 22.3 or newer; to put another one into each virtualenv takes seconds.
func (b *build) pip(ctx context.Context) ([]string, error) {
	argv := []string{b.base, "-m", "pip", "--python", b.python()}
	if b.exec(ctx, "pip --version", append(slices.Clone(argv), "--version"), nil, io.Discard) == nil {
		return argv, nil
	}
	if err := b.exec(ctx, "ensurepip", []string{b.python(), "-m", "ensurepip"}, nil, b.a.Output); err != nil {
		return nil, err
	}
	return []string{b.python(), "-m", "pip"}, nil
}

// split tells pip's options from requirements. An option's value, if it stands by
// itself, follows it.
func split(all []string) (options, list []string) {
	for i, s := range all {
		switch {
		case strings.HasPrefix(s, "-"):
			options = append(options, strings.Fields(s)...)
		case i > 0 && valued(all[i-1]):
			options = append(options, s)
		default:
			list = append(list, s)
		}
	}
	return options, list
}

// valued says that an option of pip install is followed by its value.
func valued(option string) bool {
	return slices.Contains([]string{
		"-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "--extra-index-url", "-f", "--find-links",
		"--trusted-host", "--proxy", "--timeout", "--retries", "--cert", "--client-cert", "--no-binary", "--only-binary", "--platform",
		"--python-version", "--implementation", "--abi", "--config-settings", "--global-option", "--progress-bar", "--upgrade-strategy",
		"--cache-dir", "--use-feature", "--use-deprecated", "--exists-action", "--keyring-provider",
	}, option)
}

// exec runs a command to its end. Its exit code is not the callable's, so it is only in
// the text of the error.
func (b *build) exec(ctx context.Context, name string, argv, env []string, out io.Writer) error {
	exit, err := b.a.Processes.Exec(ctx, task.Command{
		Attempt: b.a.Key, Name: name, Argv: argv, Env: slices.Concat(b.a.Environ, env), Dir: b.a.Dir, Output: out, Grace: killGrace,
	})
	if err != nil {
		return err
	}
	if err := exit.Err(0); err != nil {
		return &task.CauseError{Cause: run.CauseTask, Err: errors.New(err.Error())}
	}
	return nil
}

// lock waits until nobody else, in this process or another, holds the file.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockPause)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil // which gives it up
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}
