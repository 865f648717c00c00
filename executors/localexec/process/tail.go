//go:build unix

package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
)

// tail hands on what a process writes to its output file, and remembers how far it
// came, so that a successor goes on from there.
type tail struct {
	spool  spool
	to     io.Writer
	f      *os.File
	offset int64
	line   []byte
}

// keptLine bounds the last line that is remembered.
const keptLine = 64 << 10

// copy hands on what there is, and notes that.
func (t *tail) copy() error {
	n, err := t.pass()
	if err != nil || n == 0 {
		return err
	}
	return os.WriteFile(t.spool.file(offsetFile), t.mark(), 0o600)
}

// finish hands on the rest. That goes into the file that says how the process ended: one
// file less to be made for each process, and most end before copy is called.
func (t *tail) finish() error {
	n, err := t.pass()
	if err != nil || n == 0 {
		return err
	}
	f, err := os.OpenFile(t.spool.file(exitFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("note what was handed on: %w", err)
	}
	_, err = f.Write(t.mark())
	return errors.Join(err, f.Close())
}

// mark is how much has been handed on, in a line of its own: what follows a line break is
// not mistaken for part of a number that was being written when the worker was killed.
func (t *tail) mark() []byte {
	return append(strconv.AppendInt([]byte{'\n'}, t.offset, 10), '\n')
}

// buffers are for copying: most processes write little or nothing, and one for each would
// be most of what the garbage collector has to do.
var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// onlyReader has no other methods: with them io.CopyBuffer would not use its buffer.
type onlyReader struct{ io.Reader }

// pass hands on what was written since the last time.
func (t *tail) pass() (int64, error) {
	if t.f == nil {
		st, err := os.Stat(t.spool.file(outFile))
		if errors.Is(err, os.ErrNotExist) || err == nil && st.Size() == 0 {
			return 0, nil
		}
		f, err := os.Open(t.spool.file(outFile))
		if err != nil {
			return 0, fmt.Errorf("read the output: %w", err)
		}
		t.f = f
		if err := t.resume(); err != nil {
			return 0, fmt.Errorf("read the output: %w", err)
		}
	}
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // there are no others
	defer buffers.Put(buf)
	n, err := io.CopyBuffer(io.MultiWriter(t.to, (*lastLine)(t)), onlyReader{t.f}, *buf)
	if err != nil {
		return n, fmt.Errorf("hand on the output: %w", err)
	}
	t.offset += n
	return n, nil
}

// resume goes to where a predecessor stopped handing on; the line before it may be the
// last one.
func (t *tail) resume() error {
	for _, kind := range []string{offsetFile, exitFile} {
		b, err := os.ReadFile(t.spool.file(kind))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		t.offset = max(t.offset, marked(b))
	}
	if t.offset == 0 {
		return nil
	}
	if _, err := t.f.Seek(max(0, t.offset-keptLine), io.SeekStart); err != nil {
		return err
	}
	_, err := io.CopyN((*lastLine)(t), t.f, min(t.offset, keptLine))
	return err
}

// marked is the number of the last mark in a file. One that was being written when the
// worker was killed is none: rather twice than never.
func marked(b []byte) int64 {
	text, whole := bytes.CutSuffix(b, []byte("\n"))
	n, err := strconv.ParseInt(string(text[bytes.LastIndexByte(text, '\n')+1:]), 10, 64)
	if !whole || err != nil {
		return 0
	}
	return n
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
