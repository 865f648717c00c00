package cloud

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" //nolint:gosec // what S3 calls a version; nothing is trusted because of it
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs/objects"
)

// The changes of embedded.Pushed.
const (
	pushNew     = "new"
	pushChanged = "changed"
	pushRemoved = "removed"
)

// Push implements embedded.Pusher.
func (s *source) Push(ctx context.Context, dir string, o embedded.PushOptions) ([]embedded.Pushed, error) {
	if o.Delete && len(o.Only) > 0 {
		return nil, errors.New("what is missing can only be removed when the whole folder is pushed: leave the files away, or --delete")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of DAG files: %w", err)
	}
	defer func() { _ = root.Close() }() // it was for reading
	mine, err := filesOf(root, o.Only)
	if err != nil {
		return nil, err
	}
	there, _, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]embedded.Pushed, len(mine))
	g, all := errgroup.WithContext(ctx)
	g.SetLimit(downloads)
	for n, name := range mine {
		g.Go(func() error {
			var err error
			out[n], err = s.pushFile(all, root, name, there, o.DryRun)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out = slices.DeleteFunc(out, func(p embedded.Pushed) bool { return p.Change == "" })
	if o.Delete {
		gone, err := s.removeOthers(ctx, mine, there, o.DryRun)
		if err != nil {
			return out, err
		}
		out = append(out, gone...)
	}
	slices.SortFunc(out, func(a, b embedded.Pushed) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

// filesOf are the files of a folder that belong into its source, below these paths.
func filesOf(root *os.Root, only []string) ([]string, error) {
	if len(only) == 0 {
		only = []string{"."}
	}
	found := map[string]bool{}
	for _, at := range only {
		err := fs.WalkDir(root.FS(), path.Clean(filepath.ToSlash(at)), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return fmt.Errorf("read the folder of DAG files: %w", err)
			}
			base := path.Base(name)
			switch {
			case name == ".":
			case base == "__pycache__" || strings.HasPrefix(base, ".") && base != ".airflowignore":
				if d.IsDir() {
					return fs.SkipDir
				}
			case d.Type().IsRegular():
				found[filepath.FromSlash(name)] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]string, 0, len(found))
	for name := range found {
		out = append(out, name)
	}
	slices.Sort(out)
	return out, nil
}

// pushFile writes one file if the source does not have it as it is.
func (s *source) pushFile(ctx context.Context, root *os.Root, name string, there map[string]objects.Object, dry bool) (embedded.Pushed, error) {
	info, err := root.Stat(name)
	if err != nil {
		return embedded.Pushed{}, fmt.Errorf("read DAG file %s: %w", name, err)
	}
	if info.Size() > maxFile {
		return embedded.Pushed{}, fmt.Errorf("DAG file %s has %d bytes, a file of the DAG folder may have %d: keep it elsewhere", name, info.Size(), maxFile)
	}
	body, err := root.ReadFile(name)
	if err != nil {
		return embedded.Pushed{}, fmt.Errorf("read DAG file %s: %w", name, err)
	}
	out := embedded.Pushed{Path: name, Change: pushNew, Size: int64(len(body))}
	if old, ok := there[name]; ok {
		out.Change = pushChanged
		same, err := s.has(ctx, old, body)
		if err != nil {
			return embedded.Pushed{}, fmt.Errorf("compare DAG file %s with %s: %w", name, s.where, err)
		}
		if same {
			return embedded.Pushed{}, nil
		}
	}
	if !dry {
		if err := s.bucket.Put(ctx, objects.Put{Key: s.prefix + filepath.ToSlash(name), Body: body}); err != nil {
			return embedded.Pushed{}, fmt.Errorf("write DAG file %s to %s: %w", name, s.where, err)
		}
	}
	return out, nil
}

// has says whether an object is this. S3's version of one that it does not encrypt with a
// key of KMS is a hash of it, which saves reading.
func (s *source) has(ctx context.Context, o objects.Object, body []byte) (bool, error) {
	if o.Size != int64(len(body)) {
		return false, nil
	}
	sum := md5.Sum(body) //nolint:gosec // as above
	if strings.Trim(o.Version, `"`) == hex.EncodeToString(sum[:]) {
		return true, nil
	}
	old := make([]byte, len(body))
	n, err := s.bucket.Get(ctx, o.Key, old, 0)
	if errors.Is(err, objects.ErrNotFound) {
		return false, nil
	}
	return bytes.Equal(old[:n], body), err
}

// removeOthers removes what is not among the files of the folder.
func (s *source) removeOthers(ctx context.Context, mine []string, there map[string]objects.Object, dry bool) ([]embedded.Pushed, error) {
	var out []embedded.Pushed
	var gone []string
	for name, o := range there {
		if _, ok := slices.BinarySearch(mine, name); !ok {
			out = append(out, embedded.Pushed{Path: name, Change: pushRemoved, Size: o.Size})
			gone = append(gone, o.Key)
		}
	}
	if dry || len(gone) == 0 {
		return out, nil
	}
	if err := s.bucket.Delete(ctx, gone...); err != nil {
		return nil, fmt.Errorf("remove DAG files from %s: %w", s.where, err)
	}
	return out, nil
}
