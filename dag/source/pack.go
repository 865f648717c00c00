package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// maxPack bounds a folder that is packed, in bytes.
	maxPack = 64 << 20
	// partial is what the names of files end in that are being written.
	partial = ".updraft-part"
	// compiled is where Python puts what it has compiled.
	compiled = "__pycache__"
)

// The errors of Pack and Unpack.
var (
	// ErrLarge says that a folder has more than what is packed.
	ErrLarge = errors.New("the folder is too large to be packed")
	// ErrAlone says that a store has nothing that other machines reach.
	ErrAlone = errors.New("no other machine would find the pack")
)

// Pack keeps the files of a folder as one content where other machines find it, so that one
// that needs them all asks for one, and returns its id: equal folders have equal ids, and one
// that is kept as before already is not written again. This machine does not keep it. The
// error is ErrLarge for folders of more than 64 MB, and ErrAlone if nobody would find it.
func (s *Store) Pack(ctx context.Context, dir, before string) (id string, err error) {
	if s.shared == nil {
		return "", ErrAlone
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("pack the DAG files: %w", err)
	}
	defer func() { _ = root.Close() }() // it was for reading
	left := int64(maxPack)
	err = eachFile(root, func(name string, info fs.FileInfo) error {
		if left -= info.Size(); left < 0 {
			return ErrLarge
		}
		body, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: filepath.ToSlash(name), Mode: 0o600, Size: int64(len(body)), ModTime: info.ModTime(), Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		_, err = t.Write(body)
		return err
	})
	if err = errors.Join(err, t.Close(), z.Close()); err != nil {
		return "", fmt.Errorf("pack the DAG files: %w", err)
	}
	if id = hashOf(out.Bytes()); id == before {
		return id, nil
	}
	if err := s.shared.Put(ctx, id, out.Bytes()); err != nil {
		return "", fmt.Errorf("keep the packed DAG files: %w", err)
	}
	return id, nil
}

// Remove has nobody find a pack any more.
func (s *Store) Remove(ctx context.Context, id string) error {
	if s.shared == nil {
		return ErrAlone
	}
	if err := s.shared.Remove(ctx, id); err != nil {
		return fmt.Errorf("remove the packed DAG files %s: %w", id, err)
	}
	return nil
}

// Unpack makes a folder what was packed, and returns the names of its files. Had are those
// of the pack that was unpacked there before: what is gone since is removed, and files of
// others stay. A file that a reader has open stays as it was for that reader. An error that
// is fs.ErrNotExist says that the pack is not kept (any more).
func (s *Store) Unpack(ctx context.Context, id, dir string, had map[string]bool) (have map[string]bool, err error) {
	if s.shared == nil {
		return nil, ErrAlone
	}
	body, err := s.shared.Get(ctx, id)
	if err == nil && !whole(id, body) {
		err = fmt.Errorf("they are damaged: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("the packed DAG files %s: %w", id, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of DAG files: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of DAG files: %w", err)
	}
	defer func() { _ = root.Close() }() // what was written is closed
	if have, err = unpack(root, body); err == nil {
		err = removeGone(root, had, have)
	}
	if err != nil {
		return nil, fmt.Errorf("unpack the DAG files %s: %w", id, err)
	}
	return have, nil
}

func removeGone(root *os.Root, had, have map[string]bool) error {
	for name := range had {
		if have[name] {
			continue
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// unpack writes the files of a pack, and returns their names.
func unpack(root *os.Root, body []byte) (have map[string]bool, err error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	have = map[string]bool{}
	for t := tar.NewReader(io.LimitReader(z, 2*maxPack)); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return have, nil
		}
		if err != nil {
			return nil, err
		}
		name := filepath.FromSlash(h.Name)
		if !filepath.IsLocal(name) || h.Typeflag != tar.TypeReg || h.Size > maxPack {
			return nil, fmt.Errorf("%q in it is no file of a folder", h.Name)
		}
		have[name] = true
		content, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		if old, err := root.ReadFile(name); err == nil && bytes.Equal(old, content) {
			continue
		}
		if err := Replace(root, name, content, h.ModTime); err != nil {
			return nil, err
		}
	}
}

// Replace writes a file of a folder, of that time, beside its name first: nobody reads half
// of it, and who has it open keeps what it was.
func Replace(root *os.Root, name string, body []byte, modified time.Time) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	tmp := name + partial
	if err := root.WriteFile(tmp, body, 0o600); err != nil {
		return err
	}
	if err := root.Chtimes(tmp, modified, modified); err != nil {
		return err
	}
	return root.Rename(tmp, name)
}

// eachFile calls do for the files of a folder, in the order of their names, but for those
// that are being written and those that Python has compiled.
func eachFile(root *os.Root, do func(name string, info fs.FileInfo) error) error {
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == compiled:
			return fs.SkipDir
		case !d.Type().IsRegular() || strings.HasSuffix(name, partial):
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return do(filepath.FromSlash(name), info)
	})
}
