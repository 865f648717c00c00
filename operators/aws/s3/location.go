package s3

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/updraft-dev/updraft/task"
)

// location is where an object is.
type location struct{ bucket, key string }

func (l location) String() string { return "s3://" + l.bucket + "/" + l.key }

// locate makes the location of a bucket and a key, or of a URL alone.
func locate(a *task.Attempt, bucketArg, bucket, keyArg, key string) (location, error) {
	if v, given := a.Args[bucketArg]; !given || v == nil {
		l, err := parseURL(key)
		if err != nil {
			return l, task.Misconfigured(fmt.Errorf("argument %s: %w (or set %s)", keyArg, err, bucketArg))
		}
		return l, nil
	}
	if u, err := url.Parse(key); err == nil && (u.Scheme != "" || u.Host != "") {
		return location{}, task.Misconfigured(fmt.Errorf("argument %s is a URL: with %s write only the key", keyArg, bucketArg))
	}
	return location{bucket, key}, nil
}

// argument reads the location that a pair of arguments names.
func argument(a *task.Attempt, bucketArg, keyArg string) (location, error) {
	bucket, err := task.Get(a, bucketArg, "")
	if err != nil {
		return location{}, err
	}
	key, err := task.Get(a, keyArg, "")
	if err != nil {
		return location{}, err
	}
	return locate(a, bucketArg, bucket, keyArg, key)
}

var scheme = regexp.MustCompile(`(?i)^s3[na]?://`)

// parseURL reads s3://bucket/key (s3n and s3a as well), and the two forms of https.
func parseURL(text string) (location, error) {
	bad := fmt.Errorf("%q is no s3://bucket/key", text)
	if m := scheme.FindString(text); m != "" {
		bucket, key, _ := strings.Cut(text[len(m):], "/")
		if bucket == "" {
			return location{}, bad
		}
		return location{bucket, strings.TrimLeft(key, "/")}, nil
	}
	rest, ok := strings.CutPrefix(text, "https://")
	host, path, _ := strings.Cut(rest, "/")
	labels := strings.Split(host, ".")
	switch {
	case !ok || len(labels) < 3:
		return location{}, bad
	case labels[0] == "s3": // https://s3.region.amazonaws.com/bucket/key
		bucket, key, ok := strings.Cut(path, "/")
		if !ok || bucket == "" {
			return location{}, bad
		}
		return location{bucket, key}, nil
	case labels[1] == "s3": // https://bucket.s3.region.amazonaws.com/key
		return location{labels[0], path}, nil
	}
	return location{}, bad
}

// wildcard makes a regular expression of a pattern as Python's fnmatch reads it: * and ?
// also stand for a slash.
func wildcard(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString(`.*`)
			i++
		case '?':
			b.WriteByte('.')
			i++
		case '[':
			set, n := class(pattern[i:])
			b.WriteString(set)
			i += n
		default:
			end := i + 1
			for end < len(pattern) && !strings.ContainsRune("*?[", rune(pattern[end])) {
				end++
			}
			b.WriteString(regexp.QuoteMeta(pattern[i:end]))
			i = end
		}
	}
	b.WriteString(`\z`)
	return regexp.Compile(b.String())
}

// class reads a set such as [a-z] or [!0-9], and says how long it is; a bracket without an
// end is itself.
func class(s string) (string, int) {
	from := 1
	if strings.HasPrefix(s[from:], "!") {
		from++
	}
	if strings.HasPrefix(s[from:], "]") {
		from++ // a bracket that comes first is a member
	}
	end := strings.IndexByte(s[from:], ']')
	if end < 0 {
		return `\[`, 1
	}
	end += from
	members, not := strings.CutPrefix(s[1:end], "!")
	members = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `^`, `\^`).Replace(members)
	if not {
		members = "^" + members
	}
	return "[" + members + "]", end + 1
}

// fixed is the part of a pattern before the first wildcard: what S3 can look up.
func fixed(pattern string) string {
	if i := strings.IndexAny(pattern, "[*?"); i >= 0 {
		return pattern[:i]
	}
	return pattern
}
