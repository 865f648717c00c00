package bag

import (
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
	// folders only matches folders.
	folders bool
	// base is the folder of the file, relative with a slash at its end, or empty.
	base string
}

// parseIgnore reads an .airflowignore of the folder base.
func parseIgnore(text, base string, syntax IgnoreSyntax) ([]ignoreRule, error) {
	if base != "" {
		base += "/"
	}
	var out []ignoreRule
	for i, line := range strings.Split(text, "\n") {
		var r ignoreRule
		var ok bool
		var err error
		if syntax == IgnoreRegexp {
			r, ok, err = regexpRule(line)
		} else {
			r, ok, err = globRule(line)
		}
		if err != nil {
			return out, fmt.Errorf("%s%s:%d: %w", base, ignoreFile, i+1, err)
		}
		if ok {
			r.base = base
			out = append(out, r)
		}
	}
	return out, nil
}

var ignoreRemark = regexp.MustCompile(`\s*#.*`)

func regexpRule(line string) (ignoreRule, bool, error) {
	line = strings.TrimSpace(ignoreRemark.ReplaceAllString(line, ""))
	if line == "" {
		return ignoreRule{}, false, nil
	}
	re, err := regexp.Compile(line)
	if err != nil {
		return ignoreRule{}, false, fmt.Errorf("bad regular expression: %w", err)
	}
	return ignoreRule{re: re}, true, nil
}

// globRule reads a line of .gitignore's language.
func globRule(line string) (ignoreRule, bool, error) {
	line = strings.TrimSuffix(line, "\r")
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if line == "" || line[0] == '#' {
		return ignoreRule{}, false, nil
	}
	var r ignoreRule
	if line[0] == '!' {
		r.negate, line = true, line[1:]
	}
	if strings.HasSuffix(line, "/") {
		r.folders, line = true, strings.TrimSuffix(line, "/")
	}
	if line == "" {
		return ignoreRule{}, false, nil
	}
	// A slash at the beginning or in the middle ties the pattern to the file's folder.
	pattern := "(?:.*/)?"
	if strings.Contains(line, "/") {
		pattern, line = "", strings.TrimPrefix(line, "/")
	}
	body, err := globBody(line)
	if err != nil {
		return ignoreRule{}, false, err
	}
	r.re, err = regexp.Compile("^" + pattern + body + "$")
	return r, err == nil, err
}

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
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		case c == '[':
			end := strings.IndexByte(glob[i+1:], ']')
			if end < 0 {
				return "", fmt.Errorf("the pattern %q has a [ without ]", glob)
			}
			set := glob[i+1 : i+1+end]
			if strings.HasPrefix(set, "!") {
				set = "^" + set[1:]
			}
			b.WriteString("[" + strings.ReplaceAll(set, `\`, `\\`) + "]")
			i += end + 1
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
	return b.String(), nil
}

// ignored says whether rules, the outermost folder's first, exclude a path.
func ignored(rules []ignoreRule, path string, folder bool, syntax IgnoreSyntax) bool {
	out := false
	for _, r := range rules {
		rel, inside := strings.CutPrefix(path, r.base)
		if !inside || r.folders && !folder {
			continue
		}
		if r.re.MatchString(rel) {
			out = !r.negate
			if out && syntax == IgnoreRegexp {
				return true
			}
		}
	}
	return out
}
