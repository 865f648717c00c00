package py

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Unquote replaces the escapes of a string literal, without its quotes, by what they mean. Unknown
// escapes stay as they are. Halves of a surrogate pair are joined; half a pair alone is an error.
func Unquote(s string, isBytes bool) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	high := rune(0)
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b = append(b, s[i])
			i++
			continue
		}
		r, n, err := escape(s[i:], isBytes)
		if err != nil {
			return "", err
		}
		i += n
		switch {
		case r < 0: // not an escape, or a joined line
			if r == keep {
				b = append(b, s[i-n:i]...)
			}
		case isBytes:
			b = append(b, byte(r))
		case high != 0:
			full := utf16.DecodeRune(high, r)
			if full == utf8.RuneError {
				return "", loneSurrogate(high)
			}
			b, high = utf8.AppendRune(b, full), 0
		case r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(s[i:], `\u`):
			high = r
		case utf16.IsSurrogate(r):
			return "", loneSurrogate(r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return string(b), nil
}

func loneSurrogate(r rune) error {
	return Errorf("UnicodeEncodeError", "'utf-8' codec can't encode character '\\u%04x': surrogates not allowed", r)
}

const (
	keep = -1 // the text stands for itself
	skip = -2 // the text stands for nothing
)

// escape reads one escape and answers its rune and its length.
func escape(s string, isBytes bool) (rune, int, error) {
	if len(s) < 2 {
		return 0, 0, Errorf("UnicodeDecodeError", "'unicodeescape' codec can't decode bytes in position 0-0: \\ at end of string")
	}
	switch c := s[1]; c {
	case '\n':
		return skip, 2, nil
	case '\\', '\'', '"':
		return rune(c), 2, nil
	case 'a':
		return 7, 2, nil
	case 'b':
		return 8, 2, nil
	case 'f':
		return 12, 2, nil
	case 'n':
		return 10, 2, nil
	case 'r':
		return 13, 2, nil
	case 't':
		return 9, 2, nil
	case 'v':
		return 11, 2, nil
	case 'x':
		return hexEscape(s, 2, `\xXX`)
	case 'u', 'U':
		if isBytes {
			return keep, 2, nil
		}
		if c == 'u' {
			return hexEscape(s, 4, `\uXXXX`)
		}
		return hexEscape(s, 8, `\UXXXXXXXX`)
	case 'N':
		if isBytes {
			return keep, 2, nil
		}
		return 0, 0, ValueError("the escape \\N{name} is not supported in templates here")
	}
	if s[1] >= '0' && s[1] <= '7' {
		end := 2
		for end < len(s) && end < 4 && s[end] >= '0' && s[end] <= '7' {
			end++
		}
		n, err := strconv.ParseInt(s[1:end], 8, 32)
		return rune(n), end, err
	}
	return keep, 2, nil
}

func hexEscape(s string, n int, form string) (rune, int, error) {
	bad := Errorf("UnicodeDecodeError", "'unicodeescape' codec can't decode bytes in position 0-%d: truncated %s escape", min(len(s), 2+n)-2, form)
	if len(s) < 2+n {
		return 0, 0, bad
	}
	r, err := strconv.ParseUint(s[2:2+n], 16, 32)
	if err != nil {
		return 0, 0, bad
	}
	if r > utf8.MaxRune {
		return 0, 0, Errorf("UnicodeDecodeError", "'unicodeescape' codec can't decode bytes in position 0-9: illegal Unicode character")
	}
	return rune(r), 2 + n, nil
}
