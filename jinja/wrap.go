package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/jinja/py"
)

func wordwrap(r *run, a []py.Value) (py.Value, error) {
	width, err := intArg(a[1], 79)
	if err != nil {
		return nil, err
	}
	long, err := truth(r, py.Or(a[2], true))
	if err != nil {
		return nil, err
	}
	hyphens, err := truth(r, py.Or(a[4], true))
	if err != nil {
		return nil, err
	}
	sep := "\n"
	if v := py.Or(a[3], nil); v != nil {
		if sep, err = text(r, v); err != nil {
			return nil, err
		}
	}
	s, ok := py.IsString(a[0])
	if !ok {
		_, err := method(r, a[0], "splitlines")
		return nil, err
	}
	if width <= 0 && s != "" {
		return nil, py.ValueError("invalid width %d (must be > 0)", width)
	}
	var out []string
	for _, line := range py.SplitLines(s, false) {
		out = append(out, strings.Join(wrapLine(line, width, long, hyphens), sep))
	}
	res := strings.Join(out, sep)
	return res, r.th.Alloc(len(res))
}

// wrapLine breaks one line into lines of at most width characters. Blanks inside lines stay, those around
// a break go.
func wrapLine(line string, width int, long, hyphens bool) []string {
	chunks := wrapChunks(line, hyphens)
	var lines []string
	for len(chunks) > 0 {
		var cur []string
		n := 0
		if len(lines) > 0 && strings.TrimSpace(chunks[0]) == "" {
			chunks = chunks[1:]
		}
		for len(chunks) > 0 && n+utf8.RuneCountInString(chunks[0]) <= width {
			n += utf8.RuneCountInString(chunks[0])
			cur = append(cur, chunks[0])
			chunks = chunks[1:]
		}
		if len(chunks) > 0 && utf8.RuneCountInString(chunks[0]) > width {
			switch {
			case long:
				room := max(width-n, 1)
				rest := []rune(chunks[0])
				cut := room
				if hyphens { // break behind a hyphen when there is one
					if i := strings.LastIndexByte(string(rest[:room]), '-'); i > 0 && strings.Trim(string(rest[:room])[:i], "-") != "" {
						cut = utf8.RuneCountInString(string(rest[:room])[:i]) + 1
					}
				}
				cur = append(cur, string(rest[:cut]))
				chunks[0] = string(rest[cut:])
			case len(cur) == 0:
				cur = append(cur, chunks[0])
				chunks = chunks[1:]
			}
		}
		if k := len(cur); k > 0 && strings.TrimSpace(cur[k-1]) == "" {
			cur = cur[:k-1]
		}
		if len(cur) > 0 {
			lines = append(lines, strings.Join(cur, ""))
		}
	}
	return lines
}

// wrapChunks splits a line into words and blanks; words also behind hyphens between letters.
func wrapChunks(line string, hyphens bool) []string {
	var out []string
	for line != "" {
		blank := unicode.IsSpace(firstRune(line))
		i := strings.IndexFunc(line, func(c rune) bool { return unicode.IsSpace(c) != blank })
		if i < 0 {
			i = len(line)
		}
		word := line[:i]
		line = line[i:]
		if blank || !hyphens {
			out = append(out, word)
			continue
		}
		out = append(out, hyphenated(word)...)
	}
	return out
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func hyphenated(word string) []string {
	var out []string
	runes := []rune(word)
	start := 0
	for i := 2; i < len(runes)-1; i++ {
		if runes[i] == '-' && unicode.IsLetter(runes[i-1]) && isWord(runes[i-2]) && unicode.IsLetter(runes[i+1]) && i-start >= 2 {
			out = append(out, string(runes[start:i+1]))
			start = i + 1
		}
	}
	return append(out, string(runes[start:]))
}

// pprint prints a value over several lines when it is wider than 80 characters.
func pprint(r *run, a []py.Value) (py.Value, error) {
	p := &prettyPrinter{r: r}
	err := p.print(a[0], 0, 0)
	return p.b.String(), err
}

const prettyWidth = 80

type prettyPrinter struct {
	r *run
	b strings.Builder
}

// print writes v at a column; tail is what must still fit behind it.
func (p *prettyPrinter) print(v py.Value, column, tail int) error {
	s, err := p.sorted(v)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(s) <= prettyWidth-column-tail {
		p.b.WriteString(s)
		return nil
	}
	if err := p.r.th.Enter(); err != nil {
		return err
	}
	defer p.r.th.Leave()
	switch x := v.(type) {
	case *py.Dict:
		return p.dict(x, column, tail)
	case *py.List:
		return p.items(x.Items, "[", "]", column, tail)
	case py.Tuple:
		end := ")"
		if len(x) == 1 {
			end = ",)"
		}
		return p.items(x, "(", end, column, tail)
	}
	p.b.WriteString(s)
	return nil
}

// sorted is the repr with the keys of dicts in order.
func (p *prettyPrinter) sorted(v py.Value) (string, error) {
	d, ok := v.(*py.Dict)
	if !ok {
		return py.Repr(p.r.th, v)
	}
	s, err := sortedDict(p.r, d)
	if err != nil {
		return "", err
	}
	return py.Repr(p.r.th, s)
}

func sortedDict(r *run, d *py.Dict) (*py.Dict, error) {
	keys := d.Keys()
	if err := py.Sort(r.th, keys, false, func(v py.Value) (py.Value, error) { return v, nil }); err != nil {
		if !py.IsClass(err, "TypeError") {
			return nil, err
		}
		return d, nil
	}
	out := py.NewDict()
	for _, k := range keys {
		v, _, err := d.Get(k)
		if err != nil {
			return nil, err
		}
		if err := out.Set(k, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *prettyPrinter) dict(d *py.Dict, column, tail int) error {
	d, err := sortedDict(p.r, d)
	if err != nil {
		return err
	}
	p.b.WriteString("{")
	i := 0
	for k, v := range d.All {
		if i > 0 {
			p.b.WriteString(",\n" + strings.Repeat(" ", column+1))
		}
		i++
		key, err := py.Repr(p.r.th, k)
		if err != nil {
			return err
		}
		p.b.WriteString(key + ": ")
		after := 1
		if i == d.Count() {
			after = tail + 1
		}
		if err := p.print(v, column+1+utf8.RuneCountInString(key)+2, after); err != nil {
			return err
		}
	}
	p.b.WriteString("}")
	return nil
}

func (p *prettyPrinter) items(items []py.Value, open, end string, column, tail int) error {
	p.b.WriteString(open)
	for i, v := range items {
		if i > 0 {
			p.b.WriteString(",\n" + strings.Repeat(" ", column+1))
		}
		after := 1
		if i == len(items)-1 {
			after = tail + 1
		}
		if err := p.print(v, column+1, after); err != nil {
			return err
		}
	}
	p.b.WriteString(end)
	return nil
}
