//go:build unix

package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// tail hands on what a process writes to its output file, and remembers how far it
// came, so that a successor goes on from there.
type tail struct {
	spool  string
	to     io.Writer
	f      *os.File
	offset int64
	line   []byte
}

// keptLine bounds the last line that is remembered.
const keptLine = 64 << 10

func (t *tail) copy() error {
	if t.f == nil {
		f, err := os.Open(filepath.Join(t.spool, outFile))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the output: %w", err)
		}
		t.f = f
		if err := t.resume(); err != nil {
			return fmt.Errorf("read the output: %w", err)
		}
	}
	n, err := io.Copy(io.MultiWriter(t.to, (*lastLine)(t)), t.f)
	if err != nil {
		return fmt.Errorf("hand on the output: %w", err)
	}
	if n == 0 {
		return nil
	}
	t.offset += n
	return os.WriteFile(filepath.Join(t.spool, offsetFile), strconv.AppendInt(nil, t.offset, 10), 0o600)
}

// resume goes to where a predecessor stopped handing on; the line before it may be the
// last one.
func (t *tail) resume() error {
	b, err := os.ReadFile(filepath.Join(t.spool, offsetFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if t.offset, err = strconv.ParseInt(string(b), 10, 64); err != nil {
		t.offset = 0 // it was killed while writing the number: rather twice than never
		return nil
	}
	if _, err := t.f.Seek(max(0, t.offset-keptLine), io.SeekStart); err != nil {
		return err
	}
	_, err = io.CopyN((*lastLine)(t), t.f, min(t.offset, keptLine))
	return err
}

func (t *tail) close() {
	if t.f != nil {
		t.f.Close()
	}
}

// last is the last line that is not empty at the end of the output.
func (t *tail) last() string {
	b := bytes.TrimRight(t.line, "\r\n")
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		b = b[i+1:]
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// lastLine keeps the end of what is written to it.
type lastLine tail

func (l *lastLine) Write(p []byte) (int, error) {
	l.line = append(l.line, p...)
	if over := len(l.line) - keptLine; over > 0 {
		l.line = append(l.line[:0], l.line[over:]...)
	}
	return len(p), nil
}
