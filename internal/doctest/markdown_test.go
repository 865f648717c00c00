package doctest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the folder of the module, as seen from this one.
const root = "../.."

// document is one Markdown file.
type document struct {
	// name is its path below root.
	name     string
	headings []heading
	blocks   []block
	links    []link
}

// heading is a heading with the line it is on.
type heading struct {
	level int
	text  string
}

// block is a fenced block. Its info string is a language and words about it, such as
// "yaml fragment".
type block struct {
	line int
	info string
	text string
}

func (b block) language() string { l, _, _ := strings.Cut(b.info, " "); return l }
func (b block) about() string    { _, a, _ := strings.Cut(b.info, " "); return a }

// link is the target of a link or picture.
type link struct {
	line   int
	target string
}

var (
	linkTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeSpan   = regexp.MustCompile("`[^`]*`")
)

// documents reads all Markdown files of the root and of docs/.
func documents(t *testing.T) []document {
	t.Helper()
	var out []document
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files match %s: %v", pattern, err)
		}
		for _, f := range files {
			name, err := filepath.Rel(root, f)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, readDocument(t, filepath.ToSlash(name)))
		}
	}
	return out
}

func readDocument(t *testing.T, name string) document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	d := document{name: name}
	var open *block
	var fence string
	for i, line := range strings.Split(string(raw), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open != nil && trimmed == fence:
			d.blocks = append(d.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(trimmed, "```"):
			info := strings.TrimLeft(trimmed, "`")
			fence = trimmed[:len(trimmed)-len(info)]
			open = &block{line: i + 2, info: strings.TrimSpace(info)}
		default:
			d.prose(i+1, line)
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: the block does not end", name, open.line)
	}
	return d
}

func (d *document) prose(number int, line string) {
	if text := strings.TrimLeft(line, "#"); text != line && strings.HasPrefix(text, " ") {
		d.headings = append(d.headings, heading{level: len(line) - len(text), text: strings.TrimSpace(text)})
	}
	for _, m := range linkTarget.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
		d.links = append(d.links, link{line: number, target: m[1]})
	}
}

// section returns the text below a heading, down to the next of its level or above.
func section(t *testing.T, name, title string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	level := 0
	for line := range strings.Lines(string(raw)) {
		text := strings.TrimLeft(line, "#")
		n := len(line) - len(text)
		if n > 0 && strings.HasPrefix(text, " ") {
			if level > 0 && n <= level {
				break
			}
			if strings.TrimSpace(text) == title {
				level = n
			}
		}
		if level > 0 {
			b.WriteString(line)
		}
	}
	if level == 0 {
		t.Fatalf("%s has no section %q", name, title)
	}
	return b.String()
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)

// anchor is what GitHub makes of a heading.
func anchor(text string) string {
	text = strings.ToLower(strings.ReplaceAll(text, "`", ""))
	return strings.ReplaceAll(notInAnchor.ReplaceAllString(text, ""), " ", "-")
}

// generated are the documents that `make docs` writes; internal/gendocs tests that they
// are there and up to date.
var generated = []string{"docs/operators.md", "docs/cli.md", "docs/configuration.md"}

// TestLinks: every relative link leads to a file, and to a heading if it names one.
func TestLinks(t *testing.T) {
	t.Parallel()
	docs := documents(t)
	for _, d := range docs {
		for _, l := range d.links {
			if strings.Contains(l.target, "://") || strings.HasPrefix(l.target, "mailto:") {
				continue
			}
			file, fragment, _ := strings.Cut(l.target, "#")
			name := d.name
			if file != "" {
				name = filepath.ToSlash(filepath.Join(filepath.Dir(d.name), file))
			}
			if _, err := os.Stat(filepath.Join(root, name)); err != nil && !slices.Contains(generated, name) {
				t.Errorf("%s:%d: the link %s leads nowhere", d.name, l.line, l.target)
				continue
			}
			if fragment == "" {
				continue
			}
			i := slices.IndexFunc(docs, func(o document) bool { return o.name == name })
			if i < 0 || !slices.ContainsFunc(docs[i].headings, func(h heading) bool { return anchor(h.text) == fragment }) {
				t.Errorf("%s:%d: %s has no heading for #%s", d.name, l.line, name, fragment)
			}
		}
	}
}
