// Package source keeps the Python files that DAGs were read from, by their content, so
// that a run executes what its version of the DAG was read from. What a DAG is, and how
// Python is run, does not belong here.
package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// format is that of manifests.
	format = 1
	// maxFile and maxFiles bound what is kept of one DAG file: larger files, and more
	// of them, are data that is read as it is when the task runs.
	maxFile  = 16 << 20
	maxFiles = 2000
)

// Blobs keep contents where all workers reach them, by their hashes.
type Blobs interface {
	// Put keeps a value; putting the same key again is no error.
	Put(ctx context.Context, key string, value []byte) error
	// Get returns a value, or an error that is fs.ErrNotExist.
	Get(ctx context.Context, key string) ([]byte, error)
	// Remove removes a value; that it is not there is no error.
	Remove(ctx context.Context, key string) error
}

// Store is a folder of contents, each in a file that is named by its hash. Several
// processes may share it. Its methods may be called concurrently.
type Store struct {
	dir    string
	shared Blobs
}

// Open returns the store in a folder, which is made when something is kept. With shared,
// what is kept goes there, too, and what the folder lacks comes from there.
func Open(dir string, shared Blobs) *Store {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return &Store{dir, shared}
}

// manifest names the contents of files by where these lie.
type manifest struct {
	Format int               `json:"format"`
	Files  map[string]string `json:"files"`
}

// Roots are the folders that files lie in, the same for who reads DAG files and who runs
// tasks, though they may be elsewhere there: that of the DAG files, those of plugins.
type Roots []string

// name is a file's in a manifest: the number of its root and its path there, or the
// absolute path of one that is in none.
func (r Roots) name(file string) string {
	for i, root := range r {
		if rel, err := filepath.Rel(root, file); err == nil && filepath.IsLocal(rel) {
			return fmt.Sprintf("%d:%s", i, filepath.ToSlash(rel))
		}
	}
	return file
}

// file is the inverse of name; empty if the root is not there.
func (r Roots) file(name string) string {
	number, rel, ok := strings.Cut(name, ":")
	if filepath.IsAbs(name) || !ok {
		return name
	}
	for i, root := range r {
		if fmt.Sprint(i) == number && filepath.IsLocal(filepath.FromSlash(rel)) {
			return filepath.Join(root, filepath.FromSlash(rel))
		}
	}
	return ""
}

// Save keeps the contents of files, absolute paths, and returns the id of all together:
// equal files have equal ids. Files that are not there, or too large, are left out.
func (s *Store) Save(ctx context.Context, roots Roots, files []string) (id string, err error) {
	m := manifest{format, map[string]string{}}
	for _, file := range files {
		body, err := read(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errLarge) || len(m.Files) == maxFiles {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("keeping the source of a DAG: %w", err)
		}
		if m.Files[roots.name(file)], err = s.put(ctx, body); err != nil {
			return "", fmt.Errorf("keeping the source of a DAG: %w", err)
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("keeping the source of a DAG: %w", err)
	}
	if id, err = s.put(ctx, body); err != nil {
		return "", fmt.Errorf("keeping the source of a DAG: %w", err)
	}
	return id, nil
}

// Files returns, for each file of an id, the file that has its content, by where it lies
// below roots. An error that is fs.ErrNotExist says that it is not kept (any more).
func (s *Store) Files(ctx context.Context, roots Roots, id string) (map[string]string, error) {
	body, err := s.get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("the source %s of a DAG: %w", id, err)
	}
	var m manifest
	if err := json.Unmarshal(body, &m); err != nil || m.Format != format {
		return nil, fmt.Errorf("the source %s of a DAG is of another release: %w", id, errors.Join(err, fs.ErrNotExist))
	}
	out := make(map[string]string, len(m.Files))
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if _, err := s.get(ctx, m.Files[name]); err != nil {
			return nil, fmt.Errorf("the source %s of a DAG, file %s: %w", id, name, err)
		}
		if file := roots.file(name); file != "" {
			out[file] = s.path(m.Files[name])
		}
	}
	return out, nil
}

func (s *Store) path(hash string) string { return filepath.Join(s.dir, hash[:2], hash) }

// put keeps one content, unless it is there. It is not synced: what a crash damages is
// noticed by its hash.
func (s *Store) put(ctx context.Context, body []byte) (string, error) {
	hash := hashOf(body)
	if have, err := os.ReadFile(s.path(hash)); err == nil && bytes.Equal(have, body) {
		return hash, nil
	}
	if s.shared != nil {
		if err := s.shared.Put(ctx, hash, body); err != nil {
			return "", err
		}
	}
	return hash, s.write(hash, body)
}

func (s *Store) write(hash string, body []byte) error {
	dir := filepath.Dir(s.path(hash))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".part-")
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.path(hash)) // a reader never sees half of it
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// get is a content that the folder has afterwards.
func (s *Store) get(ctx context.Context, hash string) ([]byte, error) {
	if len(hash) != 2*sha256.Size || strings.Trim(hash, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("%q is no hash: %w", hash, fs.ErrNotExist)
	}
	body, err := os.ReadFile(s.path(hash))
	if err == nil && whole(hash, body) {
		return body, nil
	}
	if s.shared == nil {
		return nil, fmt.Errorf("its content is not kept here: %w", fs.ErrNotExist)
	}
	if body, err = s.shared.Get(ctx, hash); err != nil {
		return nil, err
	}
	if !whole(hash, body) {
		return nil, fmt.Errorf("its content is damaged: %w", fs.ErrNotExist)
	}
	return body, s.write(hash, body)
}

func whole(hash string, body []byte) bool { return hashOf(body) == hash }

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

var errLarge = errors.New("too large")

// read is a regular file's content.
func read(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, errLarge
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(body) > maxFile {
		err = errLarge
	}
	return body, err
}
