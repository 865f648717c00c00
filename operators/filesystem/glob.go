package filesystem

import (
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// glob goes through the paths that match a pattern as Python's glob does: a wildcard
// does not match a leading dot, [!a] is a set's opposite, and ** stands for any number
// of folders if recursive, else for *. Folders that cannot be read are empty.
func glob(pattern string, recursive bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		parts := strings.Split(strings.TrimPrefix(filepath.Clean(pattern), "/"), "/")
		match("/", parts, recursive, yield)
	}
}

// match goes through what matches the parts below a folder; false ends the search.
func match(dir string, parts []string, recursive bool, yield func(string) bool) bool {
	if len(parts) == 0 {
		if _, err := os.Lstat(dir); err != nil {
			return true
		}
		return yield(dir)
	}
	part, rest := parts[0], parts[1:]
	switch {
	case part == "**" && recursive:
		return deep(dir, rest, yield)
	case !strings.ContainsAny(part, "*?["):
		return match(filepath.Join(dir, part), rest, recursive, yield)
	}
	wildcard := translate(part)
	for _, e := range list(dir) {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".") {
			continue
		}
		if ok, err := filepath.Match(wildcard, name); err != nil || !ok {
			continue
		}
		if !match(filepath.Join(dir, name), rest, recursive, yield) {
			return false
		}
	}
	return true
}

// deep matches the parts in a folder and in all folders below it that are not hidden.
func deep(dir string, parts []string, yield func(string) bool) bool {
	if !match(dir, parts, true, yield) {
		return false
	}
	for _, e := range list(dir) {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if !deep(path, parts, yield) {
				return false
			}
		case len(parts) == 0 && !yield(path):
			return false
		}
	}
	return true
}

func list(dir string) []os.DirEntry {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	return entries
}

// translate writes a part of Python's pattern as one of Go's.
func translate(part string) string {
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		switch c := part[i]; c {
		case '\\':
			b.WriteString(`\\`)
		case '[':
			end := setEnd(part, i)
			if end < 0 {
				b.WriteString(`\[`) // never closed: it stands for itself
				continue
			}
			set := part[i+1 : end]
			b.WriteByte('[')
			if rest, not := strings.CutPrefix(set, "!"); not {
				b.WriteByte('^')
				set = rest
			} else if strings.HasPrefix(set, "^") {
				b.WriteByte('\\')
			}
			for j := range len(set) {
				if set[j] == '\\' || set[j] == ']' {
					b.WriteByte('\\')
				}
				b.WriteByte(set[j])
			}
			b.WriteByte(']')
			i = end
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// setEnd is where the set that begins at i ends, or -1. A bracket right at its begin
// belongs to it.
func setEnd(part string, i int) int {
	j := i + 1
	if j < len(part) && part[j] == '!' {
		j++
	}
	if j < len(part) && part[j] == ']' {
		j++
	}
	if end := strings.IndexByte(part[min(j, len(part)):], ']'); end >= 0 {
		return j + end
	}
	return -1
}
