package conformance

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// recordings are the files with recorded lines at a path: the file itself, or those of
// the folder, by name.
func recordings(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	var out []string
	for _, pattern := range []string{"*.jsonl", "*.jsonl.gz"} {
		files, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	slices.Sort(out)
	return out, nil
}

// open opens a file, unpacking it if its name ends in .gz.
func open(file string) (io.ReadCloser, error) {
	f, err := os.Open(file)
	if err != nil || !strings.HasSuffix(file, ".gz") {
		return f, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// lines yields the lines of a file; a line is valid until the next one.
func lines(file string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := open(file)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<26)
		for sc.Scan() {
			if !yield(sc.Bytes(), nil) {
				return
			}
		}
		if err := sc.Err(); err != nil {
			yield(nil, fmt.Errorf("%s: %w", file, err))
		}
	}
}

// eachLine yields the outcome of each recorded line at a path.
func eachLine(path string, replay func(file string, line []byte) (Outcome, error)) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		files, err := recordings(path)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		for _, file := range files {
			for line, err := range lines(file) {
				var o Outcome
				if err == nil {
					o, err = replay(file, line)
				}
				if !yield(o, err) || err != nil {
					return
				}
			}
		}
	}
}
