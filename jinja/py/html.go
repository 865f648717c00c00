package py

import (
	"html"
	"strings"
)

// Unescape turns HTML's entities into characters.
func Unescape(s string) string { return html.UnescapeString(s) }

// StripTags removes comments and tags, and makes every run of white space one blank.
func StripTags(s string) string {
	s = cut(s, "<!--", "-->")
	s = cut(s, "<", ">")
	return Unescape(strings.Join(strings.FieldsFunc(s, isSpace), " "))
}

// cut removes everything from open to end; what is not closed stays.
func cut(s, open, end string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, open)
		if i < 0 {
			break
		}
		j := strings.Index(s[i:], end)
		if j < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i+j+len(end):]
	}
	b.WriteString(s)
	return b.String()
}
