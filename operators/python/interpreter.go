package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/operators/exitcode"
	"github.com/updraft-dev/updraft/task"
)

// callExternal calls the function in the interpreter that argument python names.
func callExternal(ctx context.Context, a *task.Attempt) (json.RawMessage, error) {
	c, err := pythonCall(ctx, a)
	if err != nil {
		return nil, err
	}
	if c.Interpreter, err = task.Get(a, "python", ""); err != nil {
		return nil, err
	}
	if c.Interpreter == "" {
		return nil, task.Misconfigured(errors.New("argument python is empty: give the path of an interpreter"))
	}
	return callInProcess(ctx, a, c)
}

// callInVirtualenv calls the function in an environment with its requirements.
func callInVirtualenv(ctx context.Context, a *task.Attempt) (json.RawMessage, error) {
	c, err := pythonCall(ctx, a)
	if err != nil {
		return nil, err
	}
	if c.Requirements, err = requirements(ctx, a); err != nil {
		return nil, err
	}
	if c.SystemSitePackages, err = task.Get(a, "system_site_packages", true); err != nil {
		return nil, err
	}
	version, err := task.Get(a, "python_version", "")
	if err != nil {
		return nil, err
	}
	if version != "" {
		c.Interpreter = "python" + version
	}
	return callInProcess(ctx, a, c)
}

// callInProcess makes the call with the arguments that are about its process.
func callInProcess(ctx context.Context, a *task.Attempt, c task.PythonCall) (json.RawMessage, error) {
	skips, err := exitcode.Skips(a)
	if err != nil {
		return nil, err
	}
	vars, err := task.Get(a, "env_vars", map[string]any(nil))
	if err != nil {
		return nil, err
	}
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		v, ok := vars[k].(string)
		if !ok {
			return nil, task.Misconfigured(fmt.Errorf("argument env_vars: %s is %v, not a text: put it in quotes", k, vars[k]))
		}
		c.Env = append(c.Env, k+"="+v)
	}
	inherit, err := task.Get(a, "inherit_env", true)
	if err != nil {
		return nil, err
	}
	c.BareEnv = !inherit
	texts, err := task.Get(a, "string_args", []string(nil))
	if err != nil {
		return nil, err
	}
	list := make([]any, len(texts))
	for i, s := range texts {
		list[i] = s
	}
	c.Globals = map[string]any{"virtualenv_string_args": list}
	raw, err := a.Python.Call(ctx, a, c)
	var ended *task.CauseError
	switch {
	case errors.As(err, &ended) && ended.ExitCode != 0 && slices.Contains(skips, ended.ExitCode):
		return nil, task.Skip("exit code %d", ended.ExitCode)
	case err == nil && slices.Contains(skips, 0):
		return nil, task.Skip("exit code 0")
	}
	return raw, err
}

// requirements are what is given to pip: options first, then one requirement each. The
// list is never nil.
func requirements(ctx context.Context, a *task.Attempt) ([]string, error) {
	out, err := task.Get(a, "pip_install_options", []string{})
	if err != nil {
		return nil, err
	}
	out = slices.Clone(out)
	indexes, err := task.Get(a, "index_urls", []string(nil))
	if err != nil {
		return nil, err
	}
	ids, err := task.Get(a, "index_urls_from_connection_ids", []string(nil))
	if err != nil {
		return nil, err
	}
	indexes = slices.Clone(indexes)
	for _, id := range ids {
		u, err := indexURL(ctx, a, id)
		if err != nil {
			return nil, err
		}
		indexes = append(indexes, u)
	}
	for i, u := range indexes {
		option := "--extra-index-url="
		if i == 0 {
			option = "--index-url="
		}
		out = append(out, option+u)
	}
	list, err := task.Get(a, "requirements", []string(nil))
	if err != nil {
		return nil, err
	}
	for _, text := range list {
		for line := range strings.Lines(text) { // a text may be a whole file
			if i := strings.Index(line, " #"); i >= 0 {
				line = line[:i]
			}
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				out = append(out, line)
			}
		}
	}
	return out, nil
}

// indexURL is the package index that a connection names, with its credentials.
func indexURL(ctx context.Context, a *task.Attempt, id string) (string, error) {
	c, err := a.Settings.Connection(ctx, id)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(c.Host)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", task.Misconfigured(fmt.Errorf("connection %s: its host is no URL of a package index: write https://...", id))
	}
	switch {
	case c.Login != "" && c.Password != "":
		u.User = url.UserPassword(c.Login, c.Password)
	case c.Login != "":
		u.User = url.User(c.Login)
	}
	return u.String(), nil
}
