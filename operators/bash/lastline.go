package bash

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/updraft-dev/updraft/task"
)

// maxLine bounds the last line of output, in bytes: it is kept in memory.
const maxLine = 16 << 20

// lastLine hands output on and remembers the last line, which is empty if the output
// ends with an empty line.
type lastLine struct {
	to io.Writer
	// line is what came after the last newline but one; ended says that it has one.
	line  []byte
	ended bool
	over  bool
	seen  bool
	// decoder is nil for UTF-8.
	decoder *encoding.Decoder
}

func newLastLine(a *task.Attempt) (*lastLine, error) {
	name, err := task.Get(a, "output_encoding", "utf-8")
	if err != nil {
		return nil, err
	}
	l := &lastLine{to: a.Output}
	if name = strings.ToLower(name); name == "utf-8" || name == "utf8" || name == "utf_8" {
		return l, nil
	}
	e, err := htmlindex.Get(strings.ReplaceAll(name, "_", "-"))
	if err != nil { // Python's latin-1 is latin1 there
		e, err = htmlindex.Get(strings.NewReplacer("_", "", "-", "").Replace(name))
	}
	if err != nil {
		return nil, task.Misconfigured(fmt.Errorf("argument output_encoding: %q is not known: use utf-8", name))
	}
	l.decoder = e.NewDecoder()
	return l, nil
}

// Write implements io.Writer.
func (l *lastLine) Write(p []byte) (int, error) {
	n, err := l.to.Write(p)
	l.keep(p)
	return n, err
}

func (l *lastLine) keep(p []byte) {
	if len(p) == 0 {
		return
	}
	l.seen = true
	body, ends := bytes.CutSuffix(p, []byte("\n"))
	if i := bytes.LastIndexByte(body, '\n'); i >= 0 {
		l.reset()
		body = body[i+1:]
	} else if l.ended {
		l.reset()
	}
	if l.over = l.over || len(l.line)+len(body) > maxLine; !l.over {
		l.line = append(l.line, body...)
	}
	l.ended = ends
}

func (l *lastLine) reset() { l.line, l.over = l.line[:0], false }

// fallback is the last line for a process whose output went to a worker before this one.
func (l *lastLine) fallback(line string) {
	if !l.seen {
		l.line = []byte(line)
	}
}

// tooLong says that the last line was not kept.
func (l *lastLine) tooLong() bool { return l.over }

func (l *lastLine) text() string {
	line := l.line
	if l.decoder != nil {
		if decoded, err := l.decoder.Bytes(line); err == nil {
			line = decoded
		}
	}
	return strings.ToValidUTF8(strings.TrimRight(string(line), " \t\r\n\v\f"), "\uFFFD")
}
