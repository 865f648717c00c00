package bag

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ignoreFile is the name of the files that list what is not a DAG file.
const ignoreFile = ".airflowignore"

// ignoreRule is one line of an .airflowignore.
type ignoreRule struct {
	re *regexp.Regexp
	// negate takes back what earlier rules ignore.
	negate bool
	// name matches the last element of a path instead of the path.
	name bool
	// folders wants a slash at the end of a folder's path.
	folders bool
	// base is the folder that paths are relative to, with a slash at its end, or empty.
	base string
}

// parseIgnore reads an .airflowignore of the folder base. Lines that cannot be used are
// left out and named in the error.
func parseIgnore(text, base string, syntax IgnoreSyntax) ([]ignoreRule, error) {
	if base != "" {
		base += "/"
	}
	var out []ignoreRule
	var errs []error
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(withoutRemark(line), "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		rule := globRule
		if syntax == IgnoreRegexp {
			rule = regexpRule
		}
		r, err := rule(line, base)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s%s:%d: %w", base, ignoreFile, i+1, err))
		} else if r.re != nil {
			out = append(out, r)
		}
	}
	return out, errors.Join(errs...)
}

// withoutRemark drops what follows a # that has no backslash before it: in Airflow,
// remarks may follow patterns.
func withoutRemark(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] != '\\') {
			return strings.TrimRight(line[:i], " \t")
		}
	}
	return line
}

// regexpRule reads a line that is searched for in paths relative to the topmost folder,
// wherever the .airflowignore is.
func regexpRule(line, _ string) (ignoreRule, error) {
	re, err := regexp.Compile(line)
	if err != nil {
		return ignoreRule{}, fmt.Errorf("the pattern %q cannot be used: %w: look-around and back-references are not supported", line, err)
	}
	return ignoreRule{re: re}, nil
}

// globRule reads a line of .gitignore's language; a rule without pattern says nothing.
func globRule(line, base string) (ignoreRule, error) {
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	var r ignoreRule
	if strings.HasPrefix(line, "!") {
		r.negate, line = true, line[1:]
	}
	r.folders = strings.HasSuffix(line, "/")
	line = strings.TrimRight(line, "/")
	if line == "" {
		return ignoreRule{}, nil
	}
	// A slash at the beginning or in the middle ties the pattern to the file's folder.
	if r.name = !strings.Contains(line, "/"); !r.name {
		r.base, line = base, strings.TrimPrefix(line, "/")
	}
	body, err := globBody(line)
	if err != nil {
		return ignoreRule{}, err
	}
	// A pattern stands for what is in the folder, too; with a slash, for nothing else.
	end := "(?:/.*)?$"
	if r.folders {
		end = "/.*$"
	}
	if r.re, err = regexp.Compile("(?s)^" + body + end); err != nil {
		return ignoreRule{}, fmt.Errorf("the pattern %q cannot be used: %w", line, err)
	}
	return r, nil
}

// globBody is the regular expression of a pattern.
func globBody(glob string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case strings.HasPrefix(glob[i:], "**/") && (i == 0 || glob[i-1] == '/'):
			b.WriteString("(?:.*/)?")
			i += 2
		case glob[i:] == "**" && (i == 0 || glob[i-1] == '/'):
			b.WriteString(".+")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case c == '\\' && i+1 < len(glob):
			i++
			b.WriteString(quote(glob[i]))
		case c == '[':
			set, n := globSet(glob[i:])
			if n == 0 {
				return "", fmt.Errorf("the pattern %q has a [ without ]: write \\[ for the character", glob)
			}
			b.WriteString(set)
			i += n - 1
		default:
			b.WriteString(quote(c))
		}
	}
	return b.String(), nil
}

// quote is a byte as a regular expression; those of other characters than ASCII's stay.
func quote(c byte) string {
	if c < 0x80 {
		return regexp.QuoteMeta(string(rune(c)))
	}
	return string([]byte{c})
}

// globSet reads the set that a pattern begins with and returns how long it is; 0 if it
// has no end. A ] at its beginning belongs to it.
func globSet(glob string) (string, int) {
	start := 1
	if strings.HasPrefix(glob[1:], "!") || strings.HasPrefix(glob[1:], "^") {
		start = 2
	}
	if start >= len(glob) {
		return "", 0
	}
	end := strings.IndexByte(glob[start+1:], ']')
	if end < 0 {
		return "", 0
	}
	end += start + 1
	body := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `&&`, `\&&`, `^`, `\^`).Replace(glob[start:end])
	if start == 2 {
		return "[^/" + body + "]", end + 1
	}
	return "[" + body + "]", end + 1
}

// ignored says whether rules, the outermost folder's first, exclude a path. The last
// rule that fits decides.
func ignored(rules []ignoreRule, path string, folder bool) bool {
	out := false
	for _, r := range rules {
		rel, inside := strings.CutPrefix(path, r.base)
		if !inside {
			continue
		}
		if r.name {
			rel = path[strings.LastIndexByte(path, '/')+1:]
		}
		if r.folders && folder {
			rel += "/"
		}
		if r.re.MatchString(rel) {
			out = !r.negate
		}
	}
	return out
}
