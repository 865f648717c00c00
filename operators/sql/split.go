package sql

import (
	"strings"
	"unicode"
)

// dialect is what has to be known of a database to read its SQL.
type dialect struct {
	// backslash escapes within quotes; in Postgres only within E'...'.
	backslash bool
	// backtick and bracket quote names; dollar quotes texts ($tag$...$tag$).
	backtick, bracket, dollar bool
	// hash begins a comment; dash needs a blank after -- for one; nested comments.
	hash, dash, nested bool
}

func sqliteDialect() dialect   { return dialect{backtick: true, bracket: true} }
func postgresDialect() dialect { return dialect{dollar: true, nested: true} }
func mysqlDialect() dialect    { return dialect{backslash: true, backtick: true, hash: true, dash: true} }

// token is a piece of SQL. Its text is not copied.
type token struct {
	kind tokenKind
	text string
}

type tokenKind uint8

const (
	tokenBlank   tokenKind = iota // blanks and comments
	tokenQuoted                   // quoted texts and names
	tokenWord                     // keywords, names, numbers
	tokenPunct                    // one character of anything else
	tokenLiteral                  // a whole $tag$ text
)

const blanks = " \t\n\r\f\v"

// next cuts the first token off a text that is not empty. What is opened and never
// closed goes to the end: the database will say what is wrong.
func (d dialect) next(s string) token {
	switch c := s[0]; {
	case strings.IndexByte(blanks, c) >= 0:
		return token{tokenBlank, s[:len(s)-len(strings.TrimLeft(s, blanks))]}
	case d.hash && c == '#', strings.HasPrefix(s, "--") && (!d.dash || len(s) == 2 || strings.IndexByte(blanks, s[2]) >= 0):
		if i := strings.IndexByte(s, '\n'); i >= 0 {
			return token{tokenBlank, s[:i+1]}
		}
		return token{tokenBlank, s}
	case strings.HasPrefix(s, "/*"):
		return token{tokenBlank, d.comment(s)}
	case c == '\'':
		return token{tokenQuoted, quoted(s, c, d.backslash)}
	case (c == 'E' || c == 'e') && d.dollar && len(s) > 1 && s[1] == '\'':
		return token{tokenQuoted, s[:1+len(quoted(s[1:], '\'', true))]}
	case c == '"':
		return token{tokenQuoted, quoted(s, c, d.backslash)}
	case c == '`' && d.backtick:
		return token{tokenQuoted, quoted(s, c, false)}
	case c == '[' && d.bracket:
		if i := strings.IndexByte(s, ']'); i >= 0 {
			return token{tokenQuoted, s[:i+1]}
		}
		return token{tokenQuoted, s}
	case c == '$' && d.dollar:
		if text := dollarQuoted(s); text != "" {
			return token{tokenLiteral, text}
		}
	case wordByte(c):
		i := 1
		for i < len(s) && (wordByte(s[i]) || s[i] == '$') {
			i++
		}
		return token{tokenWord, s[:i]}
	}
	return token{tokenPunct, s[:1]}
}

func wordByte(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func quoted(s string, q byte, backslash bool) string {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && backslash:
			i++
		case s[i] == q && i+1 < len(s) && s[i+1] == q:
			i++
		case s[i] == q:
			return s[:i+1]
		}
	}
	return s
}

func (d dialect) comment(s string) string {
	depth := 1
	for i := 2; i < len(s)-1; i++ {
		switch {
		case s[i] == '*' && s[i+1] == '/':
			i++
			if depth--; depth == 0 {
				return s[:i+1]
			}
		case d.nested && s[i] == '/' && s[i+1] == '*':
			i++
			depth++
		}
	}
	return s
}

// dollarQuoted is the text in dollar quotes at the beginning of s, or empty.
func dollarQuoted(s string) string {
	end := strings.IndexByte(s[1:], '$')
	if end < 0 {
		return ""
	}
	tag := s[:end+2]
	for i, r := range tag[1 : len(tag)-1] {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return "" // $1 and the like
		}
	}
	if i := strings.Index(s[len(tag):], tag); i >= 0 {
		return s[:len(tag)+i+len(tag)]
	}
	return s
}

// split cuts a text into statements at semicolons: not those in quotes, comments and
// the bodies of triggers and procedures. Pieces without any statement are left out.
//
// It is our own because the libraries that know SQL well are each a parser of one
// dialect that refuses the others (TiDB's and Vitess's of MySQL, pg_query of Postgres,
// which needs cgo), while only the lexical rules matter here.
func (d dialect) split(text string) []string {
	var out []string
	var st statement
	start, begin := 0, -1 // of the piece, and of its first token that is not blank
	for i := 0; i < len(text); {
		t := d.next(text[i:])
		if t.kind == tokenPunct && t.text == ";" && st.depth == 0 {
			if begin >= 0 {
				out = append(out, strings.Trim(text[start:i], blanks))
			}
			start, begin, st = i+1, -1, statement{}
		} else if t.kind != tokenBlank {
			if begin < 0 {
				begin = i
			}
			st.see(t)
		}
		i += len(t.text)
	}
	if begin >= 0 {
		out = append(out, strings.Trim(text[start:], blanks))
	}
	return out
}

// statement follows the nesting of BEGIN and END in the body of a trigger or procedure.
type statement struct {
	words int
	// create: it begins with CREATE; body: it creates something with a body.
	create, body bool
	depth        int
	// ended: the word before was END, which IF, LOOP and so on continue.
	ended bool
}

func (s *statement) see(t token) {
	if t.kind != tokenWord {
		s.ended = false
		return
	}
	s.words++
	word := strings.ToUpper(t.text)
	switch word {
	case "CREATE":
		s.create = s.create || s.words == 1
	case "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT":
		s.body = s.body || s.create
	case "BEGIN", "CASE", "IF", "LOOP", "WHILE", "REPEAT":
		s.open(word)
	case "END":
		if s.body && s.depth > 0 {
			s.depth--
		}
	}
	s.ended = word == "END"
}

// open begins a block, or is the second word of an END that has ended one. IF and its
// like do not nest here: END IF is told from END by the word that follows.
func (s *statement) open(word string) {
	switch {
	case !s.body:
	case s.ended && word == "CASE": // END CASE has ended the CASE already
	case s.ended: // END IF: the END was not of a BEGIN
		s.depth++
	case word == "BEGIN" || word == "CASE" && s.depth > 0:
		s.depth++
	}
}

// firstWord is the first keyword of a statement, in capitals.
func (d dialect) firstWord(text string) string {
	for text != "" {
		t := d.next(text)
		if t.kind == tokenWord {
			return strings.ToUpper(t.text)
		}
		if t.kind != tokenBlank && t.text != "(" {
			return ""
		}
		text = text[len(t.text):]
	}
	return ""
}

// questionMarks counts the placeholders ?; ok is false if there are numbered ones.
func (d dialect) questionMarks(text string) (n int, ok bool) {
	for text != "" {
		t := d.next(text)
		text = text[len(t.text):]
		if t.kind == tokenPunct && t.text == "?" {
			n++
			if text != "" && text[0] >= '0' && text[0] <= '9' {
				return 0, false
			}
		}
	}
	return n, true
}
