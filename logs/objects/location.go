package objects

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrefix is how long a prefix may be, so that all keys fit into MaxKey bytes.
const maxPrefix = 200

// Location is what the URL of a storage of objects says.
type Location struct {
	// Host is what stands first: a bucket, or the address of a server.
	Host string
	// Path is what follows, without slashes at its ends.
	Path string
	// Values are the parameters.
	Values url.Values
	// MaxSize is the parameter max_size, in bytes, or 0.
	MaxSize int64
}

// ParseURL reads a URL with a scheme, with no parameters but max_size and these. want is
// what a right one looks like, for those who wrote a wrong one.
func ParseURL(raw, scheme, want string, params ...string) (Location, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Location{}, fmt.Errorf("logs %q: %w: want %s", raw, err, want)
	}
	if u.Scheme != scheme || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return Location{}, fmt.Errorf("logs %q: want %s", raw, want)
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Location{}, fmt.Errorf("logs %q: %w: want %s", raw, err, want)
	}
	l := Location{Host: u.Host, Path: strings.Trim(u.Path, "/"), Values: values}
	params = append(params, "max_size")
	for k := range values {
		if !slices.Contains(params, k) {
			return Location{}, fmt.Errorf("logs %q has an unknown parameter %q: use %s", raw, k, strings.Join(params, ", "))
		}
	}
	if s := values.Get("max_size"); s != "" {
		if l.MaxSize, err = strconv.ParseInt(s, 10, 64); err != nil {
			return Location{}, fmt.Errorf("logs %q: max_size is %q: use a number of bytes", raw, s)
		}
	}
	if err := CheckPrefix(l.Path); err != nil {
		return Location{}, fmt.Errorf("logs %q: %w", raw, err)
	}
	return l, nil
}

// CheckPrefix checks what all keys are to begin with; empty is allowed.
func CheckPrefix(prefix string) error {
	bad := ""
	switch {
	case len(prefix) > maxPrefix:
		bad = fmt.Sprintf("has %d bytes, at most %d are possible", len(prefix), maxPrefix)
	case !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl):
		bad = "has characters that cannot be printed"
	}
	if prefix != "" {
		for part := range strings.SplitSeq(prefix, "/") {
			if part == "" || part == "." || part == ".." {
				bad = "has an empty part, or . or .."
			}
		}
	}
	if bad != "" {
		return fmt.Errorf("the prefix %q %s: use a path like team/logs", prefix, bad)
	}
	return nil
}
