package s3

import "testing"

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"s3://b/a/k.txt", "s3://b/a/k.txt"},
		{"S3A://b/k", "s3://b/k"},
		{"s3n://b//k", "s3://b/k"},
		{"s3://b", "s3://b/"},
		{"s3://b/k?x=1#y", "s3://b/k?x=1#y"},
		{"https://s3.eu-west-1.amazonaws.com/b/a/k", "s3://b/a/k"},
		{"https://b.s3.eu-west-1.amazonaws.com/a/k", "s3://b/a/k"},
		{"https://example.com/b/k", ""}, {"s3:///k", ""}, {"k", ""}, {"", ""}, {"https://s3.eu-west-1.amazonaws.com/b", ""},
	} {
		l, err := parseURL(tt.text)
		if got := l.String(); err == nil && got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%q: got %s, %v, want %s", tt.text, got, err, tt.want)
		}
	}
}

// The answers are those of Python's fnmatch.
func TestWildcard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, key string
		want         bool
	}{
		{"a/*.csv", "a/b/c.csv", true}, {"a/*.csv", "a/b.csv.gz", false}, {"a?c", "a/c", true}, {"a?c", "ac", false},
		{"[ab]1", "b1", true}, {"[!ab]1", "b1", false}, {"[!ab]1", "c1", true}, {"[0-9]x", "5x", true}, {"[]]x", "]x", true}, {"[!]]x", "]x", false},
		{"[a", "[a", true}, {"[^a]x", "^x", true}, {"[^a]x", "bx", false}, {"a.c", "abc", false}, {"a*", "a\nb", true}, {"ü*", "übung", true}, {"", "", true},
	} {
		re, err := wildcard(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if got := re.MatchString(tt.key); got != tt.want {
			t.Errorf("%s on %q: got %v", tt.pattern, tt.key, got)
		}
	}
	for pattern, want := range map[string]string{"a/b*c": "a/b", "a[1]": "a", "abc": "abc", "?": ""} {
		if got := fixed(pattern); got != want {
			t.Errorf("%s: fixed part %q, want %q", pattern, got, want)
		}
	}
}
