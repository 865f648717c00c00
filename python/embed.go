package python

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Patterns of files, not folders: a folder would leave out __init__.py, or with
// all: take __pycache__ along.
//
//go:embed updraft_runner/*.py
//go:embed updraft_dags/*.py updraft_dags/*.json updraft_dags/*/*.py updraft_dags/*/*/*.py updraft_dags/*/*/*/*.py
var sources embed.FS

// unpack writes the embedded files to a folder below dir that is named by their
// hash, unless it is there already, and returns it. Files that differ from the
// embedded ones are replaced.
func unpack(dir string) (string, error) {
	files, name, err := listSources()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the Python runner: %w", err)
	}
	target := filepath.Join(dir, name)
	switch err := private(target); {
	case errors.Is(err, fs.ErrNotExist):
		return target, install(dir, target, files)
	case err != nil:
		return "", err
	}
	for path, data := range files {
		full := filepath.Join(target, path)
		if have, err := os.ReadFile(full); err == nil && bytes.Equal(have, data) {
			continue
		}
		if err := writeSource(full, data); err != nil {
			return "", err
		}
	}
	return target, nil
}

func listSources() (map[string][]byte, string, error) {
	files := make(map[string][]byte)
	sum := sha256.New()
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := sources.ReadFile(path)
		files[path] = data
		fmt.Fprintf(sum, "%s %d\n", path, len(data))
		sum.Write(data)
		return err
	})
	return files, "runner-" + hex.EncodeToString(sum.Sum(nil))[:16], err
}

// install writes the files beside target and renames them into place, so that
// another process never sees a part of them.
func install(dir, target string, files map[string][]byte) error {
	temp, err := os.MkdirTemp(dir, "unpacking-")
	if err != nil {
		return fmt.Errorf("unpack the Python runner: %w", err)
	}
	defer os.RemoveAll(temp)
	for path, data := range files {
		if err := writeSource(filepath.Join(temp, path), data); err != nil {
			return err
		}
	}
	if err := os.Rename(temp, target); err != nil && private(target) != nil {
		return fmt.Errorf("unpack the Python runner: %w", err)
	}
	return nil
}

func writeSource(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("unpack the Python runner: %w", err)
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return fmt.Errorf("unpack the Python runner: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("unpack the Python runner: %w", err)
	}
	return nil
}

// private says whether nobody else may change what is in the folder: code from it
// will run as us.
func private(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o022 != 0 || known && int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("the folder %s of the Python runner is not ours alone: remove it, or use another folder", path)
	}
	return nil
}
