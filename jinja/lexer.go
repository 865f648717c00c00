package jinja

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/jinja/py"
)

type tokenKind int

const (
	tokData tokenKind = iota
	tokVariableBegin
	tokVariableEnd
	tokBlockBegin
	tokBlockEnd
	tokName
	tokString
	tokInteger
	tokFloat
	tokOperator
	tokEOF
)

// token is one word of a template. val is the text of names and operators, the content of strings and data.
type token struct {
	kind tokenKind
	val  string
	num  py.Value // of integers and floats
	line int
}

// describe names the token as error messages do.
func (t token) describe() string {
	switch t.kind {
	case tokName, tokOperator:
		return t.val
	}
	return describeKind(t.kind)
}

func describeKind(k tokenKind) string {
	switch k {
	case tokData:
		return "template data / text"
	case tokVariableBegin:
		return "begin of print statement"
	case tokVariableEnd:
		return "end of print statement"
	case tokBlockBegin:
		return "begin of statement block"
	case tokBlockEnd:
		return "end of statement block"
	case tokName:
		return "name"
	case tokString:
		return "string"
	case tokInteger:
		return "integer"
	case tokFloat:
		return "float"
	}
	return "end of template"
}

// lexer turns a template into tokens. Delimiters are Jinja's defaults; line statements are off.
type lexer struct {
	src  string
	pos  int
	line int
	out  []token
}

func syntaxError(line int, format string, args ...any) error {
	e := py.Errorf(classSyntax, format, args...)
	return &located{err: e, line: line}
}

// normalize makes all line ends \n and drops one at the end.
func normalize(src string) string {
	if strings.IndexByte(src, '\r') >= 0 {
		src = strings.ReplaceAll(strings.ReplaceAll(src, "\r\n", "\n"), "\r", "\n")
	}
	return strings.TrimSuffix(src, "\n")
}

// lex reads all tokens, or those before the first fault: that counts once a parser has come so far.
func lex(src string) ([]token, error) {
	l := &lexer{src: normalize(src), line: 1}
	var err error
	for l.pos < len(l.src) && err == nil {
		err = l.root()
	}
	l.emit(tokEOF, "")
	return l.out, err
}

func (l *lexer) emit(k tokenKind, val string) {
	l.out = append(l.out, token{kind: k, val: val, line: l.line})
}

// advance moves over n bytes and counts lines.
func (l *lexer) advance(n int) {
	l.line += strings.Count(l.src[l.pos:l.pos+n], "\n")
	l.pos += n
}

var rawBegin = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\{%[-+]?\s*raw\s*(-%\}\s*|%\})`) })

// root reads data up to the next delimiter, and what that opens.
func (l *lexer) root() error {
	rest := l.src[l.pos:]
	i := nextOpen(rest)
	data := rest
	if i >= 0 {
		data = rest[:i]
	}
	text := data
	if i >= 0 && i+2 < len(rest) && rest[i+2] == '-' {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	if text != "" {
		l.emit(tokData, text)
	}
	l.advance(len(data))
	if i < 0 {
		return nil
	}
	rest = l.src[l.pos:]
	switch rest[1] {
	case '#':
		return l.comment()
	case '%':
		if m := rawBegin().FindString(rest); m != "" {
			l.advance(len(m))
			return l.raw()
		}
		return l.tag(tokBlockBegin, tokBlockEnd, "%}")
	}
	return l.tag(tokVariableBegin, tokVariableEnd, "}}")
}

func nextOpen(s string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '{')
		if i < 0 || from+i+1 >= len(s) {
			return -1
		}
		from += i + 1
		switch s[from] {
		case '{', '%', '#':
			return from - 1
		}
	}
}

// skipSpace moves over white space after a "-" at a closing delimiter.
func (l *lexer) skipSpace() {
	rest := l.src[l.pos:]
	l.advance(len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace)))
}

func (l *lexer) comment() error {
	i := strings.Index(l.src[l.pos+2:], "#}")
	if i < 0 {
		return syntaxError(l.line, "Missing end of comment tag")
	}
	strip := l.src[l.pos+i+1] == '-' && i > 1
	l.advance(i + 4)
	if strip {
		l.skipSpace()
	}
	return nil
}

var rawEnd = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{%([-+]?)\s*endraw\s*(-%\}\s*|\+?%\})`) })

func (l *lexer) raw() error {
	rest := l.src[l.pos:]
	m := rawEnd().FindStringSubmatchIndex(rest)
	if rest == "" { // which Jinja does not miss
		return nil
	}
	if m == nil {
		return syntaxError(l.line, "Missing end of raw directive")
	}
	text := rest[:m[0]]
	if rest[m[2]:m[3]] == "-" {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	if text != "" {
		l.emit(tokData, text)
	}
	l.advance(m[1])
	return nil
}

// tag reads the words between two delimiters.
func (l *lexer) tag(begin, end tokenKind, closer string) error {
	l.emit(begin, l.src[l.pos:l.pos+2])
	l.advance(2)
	if l.pos < len(l.src) && (l.src[l.pos] == '-' || l.src[l.pos] == '+') {
		l.advance(1)
	}
	var stack []byte
	for {
		l.skipSpace()
		rest := l.src[l.pos:]
		if rest == "" {
			return nil
		}
		if len(stack) == 0 {
			strip, n := closing(rest, closer, begin == tokBlockBegin)
			if n > 0 {
				l.emit(end, closer)
				l.advance(n)
				if strip {
					l.skipSpace()
				}
				return nil
			}
		}
		var err error
		if stack, err = l.word(rest, stack); err != nil {
			return err
		}
	}
}

// closing reports whether rest begins with a closing delimiter, its length, and whether it strips.
func closing(rest, closer string, plus bool) (strip bool, n int) {
	switch {
	case strings.HasPrefix(rest, closer):
		return false, 2
	case strings.HasPrefix(rest[1:], closer) && rest[0] == '-':
		return true, 3
	case strings.HasPrefix(rest[1:], closer) && rest[0] == '+' && plus:
		return false, 3
	}
	return false, 0
}

var (
	floatWord = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?i:(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+\-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+))`)
	})
	integerWord = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?i:0b(?:_?[0-1])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*)`)
	})
	operators = []string{"//", "**", "==", "!=", "<=", ">=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}
)

func (l *lexer) word(rest string, stack []byte) ([]byte, error) {
	c := rest[0]
	switch {
	case c >= '0' && c <= '9':
		return stack, l.number(rest)
	case c == '\'' || c == '"':
		return stack, l.str(rest)
	}
	if n := nameLen(rest); n > 0 {
		if !py.IsIdentifier(rest[:n]) {
			return stack, syntaxError(l.line, "Invalid character in identifier")
		}
		l.emit(tokName, rest[:n])
		l.advance(n)
		return stack, nil
	}
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		switch op {
		case "(", "[", "{":
			stack = append(stack, pairOf(op[0]))
		case ")", "]", "}":
			if len(stack) == 0 {
				return stack, syntaxError(l.line, "unexpected '%s'", op)
			}
			want := stack[len(stack)-1]
			if want != op[0] {
				return stack, syntaxError(l.line, "unexpected '%s', expected '%c'", op, want)
			}
			stack = stack[:len(stack)-1]
		}
		l.emit(tokOperator, op)
		l.advance(len(op))
		return stack, nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	s, err := py.Repr(py.Detached(py.Limits{}), string(r))
	if err != nil {
		return stack, err
	}
	return stack, syntaxError(l.line, "unexpected char %s at %d", s, utf8.RuneCountInString(l.src[:l.pos]))
}

func pairOf(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	}
	return '}'
}

func nameLen(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) {
			return i
		}
	}
	return len(s)
}

func (l *lexer) number(rest string) error {
	kind, m := tokFloat, ""
	if l.pos == 0 || l.src[l.pos-1] != '.' {
		m = floatWord().FindString(rest)
	}
	var v py.Value
	var err error
	if m == "" {
		kind, m = tokInteger, integerWord().FindString(rest)
		base := 10
		if len(m) > 1 && m[0] == '0' && unicode.IsLetter(rune(m[1])) {
			base = 0
		}
		v, err = py.ParseInt(m, base, false)
		if err != nil {
			return syntaxError(l.line, "the number %.40s... is too long", m)
		}
	} else if v, err = py.Float(nil, m); err != nil {
		return syntaxError(l.line, "%v", err)
	}
	l.out = append(l.out, token{kind: kind, val: m, num: v, line: l.line})
	l.advance(len(m))
	return nil
}

func (l *lexer) str(rest string) error {
	end := 1
	for end < len(rest) && rest[end] != rest[0] {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(rest) {
		return syntaxError(l.line, "unexpected char %s at %d", quoteChar(rest[0]), utf8.RuneCountInString(l.src[:l.pos]))
	}
	s, err := py.Unquote(rest[1:end], false)
	if err != nil {
		return syntaxError(l.line, "%s", unquoteMessage(err))
	}
	l.emit(tokString, s)
	l.advance(end + 1)
	return nil
}

func unquoteMessage(err error) string {
	if i := strings.Index(err.Error(), "truncated"); i >= 0 {
		return err.Error()[i:]
	}
	return err.Error()
}

func quoteChar(c byte) string {
	if c == '\'' {
		return `"'"`
	}
	return `'"'`
}
