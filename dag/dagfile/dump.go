package dagfile

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// dump is the YAML that dag-factory appends to a DAG's documentation: the file's
// default block and the DAG, as PyYAML writes them.
func (b *dagBuilder) dump() string {
	block := &dict{}
	if b.block != nil {
		for _, e := range b.block.dict.entries {
			block.set(e.key, e.val)
		}
	}
	if block.find("default_args") < 0 {
		block.set(newText(pos{}, "default_args"), newDict(pos{}, &dict{}))
	}
	own := &dict{}
	for _, e := range b.own.dict.entries {
		if e.name() == "task_groups" && e.val.kind == kindDict && len(e.val.dict.entries) == 0 {
			continue
		}
		own.set(e.key, e.val)
	}
	w := &yamlWriter{}
	w.document("default", newDict(pos{}, block))
	w.b.WriteByte('\n')
	w.document(b.d.ID, newDict(pos{}, own))
	return w.b.String()
}

// dumpWidth is where PyYAML begins to break lines.
const dumpWidth = 80

// maxDump bounds the documentation of a DAG.
const maxDump = 1 << 20

// yamlWriter writes block YAML in PyYAML's style.
type yamlWriter struct {
	b      strings.Builder
	column int
}

func (w *yamlWriter) document(name string, n *node) {
	d := &dict{}
	d.set(newText(pos{}, name), n)
	w.mapping(d, 0)
}

func (w *yamlWriter) write(s string) {
	w.b.WriteString(s)
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		w.column = utf8.RuneCountInString(s[i+1:])
		return
	}
	w.column += utf8.RuneCountInString(s)
}

func (w *yamlWriter) newline(indent int) { w.write("\n" + strings.Repeat(" ", indent)) }

// mapping writes a dict whose first key stands where the writer is.
func (w *yamlWriter) mapping(d *dict, indent int) {
	for i, e := range d.entries {
		if i > 0 {
			w.write(strings.Repeat(" ", indent))
		}
		w.scalar(e.key, indent, true)
		w.write(":")
		w.value(e.val, indent, false)
		if w.b.Len() > maxDump {
			return
		}
	}
}

// value writes what follows "key:" or "-", and ends the line.
func (w *yamlWriter) value(n *node, indent int, inList bool) {
	tag, n := plainForm(n)
	switch {
	case n.kind == kindDict && len(n.dict.entries) > 0:
		w.write(tag)
		if inList && tag == "" {
			w.write(" ")
		} else {
			w.newline(indent + 2)
		}
		w.mapping(n.dict, indent+2)
	case n.kind == kindList && len(n.list) > 0:
		w.write(tag)
		if inList {
			indent += 2
		}
		if inList && tag == "" {
			w.write(" ")
		} else {
			w.newline(indent)
		}
		w.list(n.list, indent)
	default:
		w.write(tag + " ")
		switch n.kind {
		case kindDict:
			w.write("{}")
		case kindList:
			w.write("[]")
		default:
			w.scalar(n, indent+2, false)
		}
		w.write("\n")
	}
}

func (w *yamlWriter) list(list []*node, indent int) {
	for i, v := range list {
		if i > 0 {
			w.write(strings.Repeat(" ", indent))
		}
		w.write("-")
		w.value(v, indent, true)
		if w.b.Len() > maxDump {
			return
		}
	}
}

// plainForm is what an object is written as: a timedelta as Python's dump has it,
// others the way their author wrote them.
func plainForm(n *node) (tag string, form *node) {
	if n.kind != kindObject {
		return "", n
	}
	if d, ok := n.val.(time.Duration); ok {
		us := d.Microseconds()
		const day = 86_400_000_000
		days := us / day
		if us -= days * day; us < 0 {
			us += day
			days--
		}
		part := func(v int64) *node {
			return &node{kind: kindInt, val: v, text: strconv.FormatInt(v, 10)}
		}
		return " !!python/object/apply:datetime.timedelta", newList(n.at, []*node{part(days), part(us / 1_000_000), part(us % 1_000_000)})
	}
	if n.raw != nil {
		return "", newDict(n.at, n.raw)
	}
	return "", newText(n.at, n.text)
}

// scalar writes a value on the rest of the line; continuation lines have the indent.
func (w *yamlWriter) scalar(n *node, indent int, key bool) {
	switch n.kind {
	case kindNull:
		w.write("null")
	case kindBool:
		w.write(strings.ToLower(pythonText(n)))
	case kindInt, kindTime:
		w.write(pythonText(n))
	case kindFloat:
		w.write(yamlFloatText(n.val.(float64)))
	default:
		w.text(n.text, indent, key)
	}
}

func yamlFloatText(f float64) string {
	s := pythonFloat(f)
	switch s {
	case "inf":
		return ".inf"
	case "-inf":
		return "-.inf"
	case "nan":
		return ".nan"
	}
	if !strings.Contains(s, ".") {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return s
}

func (w *yamlWriter) text(s string, indent int, key bool) {
	a := analyze(s)
	kind, _ := resolvePlain(s)
	switch {
	case kind == kindText && s != "=" && s != "<<" && a.plain && !(key && a.lines):
		w.folded(s, indent, key, false)
	case a.single && !(key && a.lines):
		w.write("'")
		w.folded(s, indent, key, true)
		w.write("'")
	default:
		w.write(`"`)
		w.double(s, indent, key)
		w.write(`"`)
	}
}

// analysis says in which styles a text can be written.
type analysis struct{ plain, single, lines bool }

func analyze(s string) analysis {
	a := analysis{plain: true, single: true}
	if s == "" {
		return a
	}
	if strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") || strings.ContainsRune("#,[]{}&*!|>'\"%@`", rune(s[0])) {
		a.plain = false
	}
	var before rune
	runes := []rune(s)
	for i, r := range runes {
		lastOne := i == len(runes)-1
		blankNext := lastOne || isBlank(runes[i+1])
		switch {
		case i == 0 && (r == '?' || r == ':' || r == '-') && blankNext,
			i > 0 && r == ':' && blankNext,
			i > 0 && r == '#' && isBlank(before):
			a.plain = false
		}
		switch {
		case isBreak(r):
			a.plain, a.lines = false, true
			if before == ' ' && i > 0 {
				a.single = false
			}
			if i == 0 || lastOne {
				a.plain = false
			}
		case r == ' ':
			if i == 0 || lastOne {
				a.plain = false
			}
			if i > 0 && isBreak(before) {
				a.plain, a.single = false, false
			}
		}
		if !isBreak(r) && !printable(r) || r == '\u0085' {
			a.plain, a.single = false, false
		}
		before = r
	}
	return a
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

func isBlank(r rune) bool {
	return r == 0 || r == ' ' || r == '\t' || r == '\r' || isBreak(r)
}

func printable(r rune) bool {
	return r >= 0x20 && r <= 0x7e || r >= 0xa0 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd && r != 0xfeff || r >= 0x10000 && r < 0x10ffff
}

// folded writes a plain or single-quoted text: single spaces beyond the width become
// line breaks, and line breaks are doubled.
func (w *yamlWriter) folded(s string, indent int, key, quoted bool) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == ' ':
			end := i
			for end < len(s) && s[end] == ' ' {
				end++
			}
			if end == i+1 && w.column > dumpWidth && !key && (!quoted || i > 0 && end < len(s)) {
				w.newline(indent)
			} else {
				w.write(s[i:end])
			}
			i = end
		case isBreak(r):
			if r == '\n' {
				w.write("\n")
			}
			for i < len(s) {
				if r, size = utf8.DecodeRuneInString(s[i:]); !isBreak(r) {
					break
				}
				w.write(s[i : i+size])
				i += size
			}
			w.column = 0
			w.write(strings.Repeat(" ", indent))
		default:
			end := i + size
			for end < len(s) {
				r, size = utf8.DecodeRuneInString(s[end:])
				if r == ' ' || isBreak(r) {
					break
				}
				end += size
			}
			word := s[i:end]
			if quoted {
				word = strings.ReplaceAll(word, "'", "''")
			}
			w.write(word)
			i = end
		}
	}
}

// double writes a double-quoted text, broken with backslashes beyond the width.
func (w *yamlWriter) double(s string, indent int, key bool) {
	runes := []rune(s)
	start := 0
	for end := 0; end <= len(runes); end++ {
		plain := end < len(runes) && runes[end] != '"' && runes[end] != '\\' && !isBreak(runes[end]) &&
			printable(runes[end]) && runes[end] < 0x10000
		if !plain {
			w.write(string(runes[start:end]))
			start = end
			if end < len(runes) {
				w.write(escape(runes[end]))
				start = end + 1
			}
		}
		if end > 0 && end < len(runes)-1 && (runes[end] == ' ' || start >= end) && w.column+end-start > dumpWidth && !key {
			if start < end {
				w.write(string(runes[start:end]))
				start = end
			}
			w.write(`\`)
			w.newline(indent)
			if runes[start] == ' ' {
				w.write(`\`)
			}
		}
	}
}

func escape(r rune) string {
	const short = "\x00\x07\x08\x09\x0a\x0b\x0c\x0d\x1b\"\\\u0085\u00a0\u2028\u2029"
	names := []rune(`0abtnvfre"\N_LP`)
	for i, c := range []rune(short) {
		if c == r {
			return `\` + string(names[i])
		}
	}
	hex := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	switch {
	case r <= 0xff:
		return `\x` + strings.Repeat("0", 2-len(hex)) + hex
	case r <= 0xffff:
		return `\u` + strings.Repeat("0", 4-len(hex)) + hex
	default:
		return `\U` + strings.Repeat("0", 8-len(hex)) + hex
	}
}
