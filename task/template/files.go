package template

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/jinja"
	"github.com/updraft-dev/updraft/jinja/py"
)

// searchPath finds template files in folders, the first that has one wins. The DAG's folder comes first.
type searchPath []string

// Load implements jinja.Loader. A name has slashes and stays inside the folder: ".." is never found.
func (p searchPath) Load(name string) (string, error) {
	var parts []string
	for _, s := range strings.Split(name, "/") {
		switch {
		case s == ".." || filepath.Separator != '/' && strings.ContainsRune(s, filepath.Separator):
			return "", jinja.ErrNotFound
		case s != "" && s != ".":
			parts = append(parts, s)
		}
	}
	rel := filepath.Join(parts...)
	for _, dir := range p {
		text, err := readText(filepath.Join(dir, rel))
		if err == nil {
			return text, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	var where []string
	for _, dir := range p {
		q, err := py.Repr(py.Detached(py.Limits{}), dir)
		if err != nil {
			return "", err
		}
		where = append(where, q)
	}
	path := "path"
	if len(where) > 1 {
		path = "paths"
	}
	quoted, err := py.Repr(py.Detached(py.Limits{}), name)
	if err != nil {
		return "", err
	}
	return "", &jinja.NotFoundError{Message: quoted + " not found in search " + path + ": " + strings.Join(where, ", ")}
}

// readText reads a regular file; what is none (a folder, a name through a file) does not exist.
func readText(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("opening a template file: %w", err)
	}
	if err != nil || !info.Mode().IsRegular() {
		// Names may be anything, too long ones and ones with NUL among them.
		return "", fs.ErrNotExist
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("opening a template file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, jinja.MaxSource+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("reading template file %s: %w", path, err)
	case len(b) > jinja.MaxSource:
		return "", fmt.Errorf("template file %s is larger than %d bytes", path, jinja.MaxSource)
	case !utf8.Valid(b):
		return "", fmt.Errorf("template file %s is not UTF-8", path)
	}
	return string(b), nil
}
