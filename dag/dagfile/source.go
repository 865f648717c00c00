package dagfile

import (
	"bytes"
	"sort"
	"strings"
	"unicode/utf8"
)

// source is one file: its text as its author wrote it and as it is parsed, after the
// expansion of environment variables.
type source struct {
	file     string
	original string
	text     string
	// shifts are the places of text after which offsets in original differ.
	shifts []shift
}

// shift says that text[at:] continues at original[to:]. While inside a replaced
// variable (width > 0), every offset means its "$".
type shift struct {
	at, to int
	inside bool
}

// pos is a place in the parsed text of a source; lines and columns count from 1,
// columns in characters.
type pos struct {
	src          *source
	line, column int32
}

// byteOrderMark begins the files of some editors. It is not counted as a column.
const byteOrderMark = "\ufeff"

func newSource(file string, raw []byte, env func(string) (string, bool)) *source {
	s := &source{file: file, original: string(raw)}
	s.text = s.original
	if env != nil && bytes.IndexByte(raw, '$') >= 0 {
		s.expand(env)
	}
	s.text = strings.TrimPrefix(s.text, byteOrderMark)
	return s
}

// expand replaces $NAME and ${NAME}; unset ones stay, and there is no escape: that is
// how dag-factory reads files.
func (s *source) expand(env func(string) (string, bool)) {
	var b strings.Builder
	in, done := s.original, 0
	for i := 0; i < len(in); i++ {
		if in[i] != '$' {
			continue
		}
		name, end := variableAt(in, i)
		if end == 0 {
			continue
		}
		value, ok := env(name)
		if !ok {
			i = end - 1
			continue
		}
		b.WriteString(in[done:i])
		s.shifts = append(s.shifts, shift{at: b.Len(), to: i, inside: true})
		b.WriteString(value)
		s.shifts = append(s.shifts, shift{at: b.Len(), to: end})
		done, i = end, end-1
	}
	b.WriteString(in[done:])
	s.text = b.String()
}

// variableAt returns the variable's name and the offset after it; 0 if there is none.
func variableAt(in string, dollar int) (name string, end int) {
	rest := in[dollar+1:]
	if strings.HasPrefix(rest, "{") {
		closing := strings.IndexByte(rest, '}')
		if closing < 0 {
			return "", 0
		}
		return rest[1:closing], dollar + 1 + closing + 1
	}
	n := 0
	for n < len(rest) && isWord(rest[n]) {
		n++
	}
	if n == 0 {
		return "", 0
	}
	return rest[:n], dollar + 1 + n
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// locate returns line, column (in characters) and text of the line of the original
// file that a place of the parsed text comes from. Places outside the text are moved
// to its nearest end.
func (s *source) locate(line, column int) (int, int, string) {
	at := offsetOf(s.text, line, column)
	if strings.HasPrefix(s.original, byteOrderMark) {
		at += len(byteOrderMark)
	}
	at = s.originalOffset(at)
	start := strings.LastIndexByte(s.original[:at], '\n') + 1
	end := len(s.original)
	if n := strings.IndexByte(s.original[at:], '\n'); n >= 0 {
		end = at + n
	}
	lineText := strings.TrimSuffix(s.original[start:end], "\r")
	col := utf8.RuneCountInString(s.original[start:min(at, start+len(lineText))]) + 1
	return 1 + strings.Count(s.original[:start], "\n"), col, lineText
}

func offsetOf(text string, line, column int) int {
	at := 0
	for ; line > 1; line-- {
		n := strings.IndexByte(text[at:], '\n')
		if n < 0 {
			return len(text)
		}
		at += n + 1
	}
	for ; column > 1 && at < len(text) && text[at] != '\n'; column-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

func (s *source) originalOffset(at int) int {
	i := sort.Search(len(s.shifts), func(i int) bool { return s.shifts[i].at > at }) - 1
	if i < 0 {
		return min(at, len(s.original))
	}
	sh := s.shifts[i]
	if sh.inside {
		return sh.to
	}
	return min(sh.to+at-sh.at, len(s.original))
}
