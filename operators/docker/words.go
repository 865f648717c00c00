package docker

import (
	"errors"
	"strings"
)

// split splits a command as Python's shlex does. One that begins with a bracket is a list
// of texts as Python, or JSON, writes it.
func split(text string) ([]string, error) {
	if s := strings.TrimSpace(text); strings.HasPrefix(s, "[") {
		return listOf(s)
	}
	var words []string
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inWord = c, true
		case c == quote:
			quote = 0
		case c == '\\' && escapes(quote, text[i+1:]):
			i++
			word.WriteByte(text[i])
			inWord = true
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// escapes says whether a backslash hides what follows: between double quotes it does so
// for itself and the quote only.
func escapes(quote byte, rest string) bool {
	switch {
	case rest == "":
		return false
	case quote == 0:
		return true
	}
	return quote == '"' && (rest[0] == '"' || rest[0] == '\\')
}

var errNoList = errors.New("it begins with [ but is no list of texts: write ['program', 'argument']")

// listOf reads a list of texts in single or double quotes.
func listOf(s string) ([]string, error) {
	s = strings.TrimSpace(s[1:])
	var out []string
	for !strings.HasPrefix(s, "]") {
		if s == "" || (s[0] != '\'' && s[0] != '"') {
			return nil, errNoList
		}
		text, rest, ok := quoted(s)
		if !ok {
			return nil, errNoList
		}
		out, s = append(out, text), strings.TrimSpace(rest)
		if more, ok := strings.CutPrefix(s, ","); ok {
			s = strings.TrimSpace(more)
		} else if !strings.HasPrefix(s, "]") {
			return nil, errNoList
		}
	}
	if strings.TrimSpace(s[1:]) != "" {
		return nil, errNoList
	}
	return out, nil
}

// quoted reads the text at the beginning of s, with its simple escapes.
func quoted(s string) (text, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return b.String(), s[i+1:], true
		case c == '\\' && i+1 < len(s):
			i++
			if j := strings.IndexByte(`nrt\'"`, s[i]); j >= 0 {
				b.WriteByte("\n\r\t\\'\""[j])
			} else {
				b.WriteString(`\` + s[i:i+1])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// variables reads lines of NAME=value, as files of the kind .env have them: with comments,
// an export in front, and quotes around the value.
func variables(text string) (map[string]string, error) {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, errors.New("a line is not NAME=value")
		}
		value = strings.TrimSpace(value)
		if value != "" && (value[0] == '\'' || value[0] == '"') {
			text, _, closed := quoted(value)
			if !closed {
				return nil, errors.New("the value of " + name + " has a quote that is not closed")
			}
			value = text
		} else if before, _, found := strings.Cut(value, " #"); found {
			value = strings.TrimSpace(before)
		}
		out[name] = value
	}
	return out, nil
}
