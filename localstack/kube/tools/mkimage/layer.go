package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// layer writes the one layer of an image.
type layer struct {
	archive *tar.Writer
	// folders are those that it has already.
	folders map[string]bool
}

// writeLayer writes the folder rootfs, or else an empty /tmp, and the files (FILE:/PATH)
// with the folders that they are in.
func writeLayer(w io.Writer, rootfs string, files []string) error {
	l := layer{archive: tar.NewWriter(w), folders: map[string]bool{}}
	if rootfs != "" {
		if err := l.tree(rootfs); err != nil {
			return err
		}
	} else if err := l.folder("tmp", 0o1777); err != nil {
		return err
	}
	for _, f := range files {
		from, to, ok := strings.Cut(f, ":")
		if !ok {
			return fmt.Errorf("%q is not FILE:/PATH", f)
		}
		if err := l.file(from, strings.TrimPrefix(filepath.Clean(to), "/")); err != nil {
			return err
		}
	}
	return l.archive.Close()
}

func (l *layer) folder(path string, mode int64) error {
	if l.folders[path] {
		return nil
	}
	l.folders[path] = true
	return l.archive.WriteHeader(&tar.Header{Name: path + "/", Mode: mode, ModTime: epoch, Typeflag: tar.TypeDir})
}

// file copies a file to a path, and makes the folders above it.
func (l *layer) file(from, to string) error {
	parts := strings.Split(to, "/")
	for i := 1; i < len(parts); i++ {
		if err := l.folder(strings.Join(parts[:i], "/"), 0o755); err != nil {
			return err
		}
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return put(l.archive, to, int64(info.Mode().Perm()), info.Size(), f)
}

// tree copies a folder, all of it root's. Devices and sockets are left out: the runtime
// makes its own.
func (l *layer) tree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		link := ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		case !info.Mode().IsRegular() && !info.IsDir():
			return nil
		}
		h, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		h.Name, h.ModTime, h.AccessTime, h.ChangeTime, h.Format = name, epoch, time.Time{}, time.Time{}, tar.FormatUnknown
		h.Uid, h.Gid, h.Uname, h.Gname = 0, 0, "", ""
		if info.IsDir() {
			l.folders[name] = true
			h.Name += "/"
		}
		if err := l.archive.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
			return err
		}
		return l.content(path)
	})
}

func (l *layer) content(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(l.archive, f)
	return err
}
