package cloud

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	dagsource "github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/logs/objects"
)

const (
	// maxFile bounds one file of the source, in bytes.
	maxFile = 64 << 20
	// downloads is how many files are read at the same time.
	downloads = 16
)

// source copies DAG files from a bucket.
type source struct {
	bucket objects.Bucket
	// prefix ends with a slash, or is empty; where names it for people.
	prefix, where string

	mu sync.Mutex
	// have are the versions of the files that the folder has, by path.
	have map[string]string
}

func newSource(b objects.Bucket, prefix, where string) *source {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return &source{bucket: b, prefix: prefix, where: where, have: map[string]string{}}
}

// Sync implements embedded.Source. A file that a reader has open stays as it was for that
// reader: files are replaced, not changed.
func (s *source) Sync(ctx context.Context, dir string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of DAG files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("open the folder of DAG files: %w", err)
	}
	defer func() { _ = root.Close() }() // nothing was written through it
	found, version, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	g, all := errgroup.WithContext(ctx)
	g.SetLimit(downloads)
	for name, o := range found {
		if s.have[name] != o.Version {
			g.Go(func() error { return s.download(all, root, name, o) })
		}
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	for name := range s.have {
		if _, there := found[name]; !there {
			if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("remove a DAG file that is gone from %s: %w", s.where, err)
			}
		}
	}
	s.have = map[string]string{}
	for name, o := range found {
		s.have[name] = o.Version
	}
	return version, nil
}

// list returns the files that are there, by their paths in the folder, and the version of
// all of them together.
func (s *source) list(ctx context.Context) (map[string]objects.Object, string, error) {
	found := map[string]objects.Object{}
	sum := sha256.New()
	for token := ""; ; {
		page, err := s.bucket.List(ctx, s.prefix, token)
		if err != nil {
			return nil, "", fmt.Errorf("list the DAG files in %s: %w", s.where, err)
		}
		for _, o := range page.Objects {
			name := strings.TrimPrefix(o.Key, s.prefix)
			if name == "" || strings.HasSuffix(name, "/") {
				continue // a console's folder
			}
			if !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name {
				return nil, "", fmt.Errorf("object %q in %s is no path of a file: rename or remove it", o.Key, s.where)
			}
			if o.Size > maxFile {
				return nil, "", fmt.Errorf("object %q in %s has %d bytes, a file of the DAG folder may have %d: keep it elsewhere", o.Key, s.where, o.Size, maxFile)
			}
			found[filepath.FromSlash(name)] = o
			fmt.Fprintf(sum, "%d:%s%s\n", len(o.Key), o.Key, o.Version)
		}
		if token = page.Next; token == "" {
			return found, hex.EncodeToString(sum.Sum(nil)), nil
		}
	}
}

func (s *source) download(ctx context.Context, root *os.Root, name string, o objects.Object) error {
	body := make([]byte, o.Size)
	n, err := s.bucket.Get(ctx, o.Key, body, 0)
	if err != nil {
		return fmt.Errorf("read DAG file %s from %s: %w", name, s.where, err)
	}
	if n != len(body) {
		// Half a file may be a good one with other tasks. Word of the change comes, too.
		return fmt.Errorf("read DAG file %s from %s: %d bytes of %d: it has changed in between: try again", name, s.where, n, len(body))
	}
	// The time of the change at the source: files that did not change are not read again,
	// whichever process copied them.
	if err := dagsource.Replace(root, name, body, o.Modified); err != nil {
		return fmt.Errorf("write DAG file %s: %w", name, err)
	}
	return nil
}
