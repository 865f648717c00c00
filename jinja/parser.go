package jinja

import (
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

// parser builds the tree of a template. Its messages are Jinja's.
type parser struct {
	env  *Environment
	toks []token
	i    int
	// seen is the last token that was looked at.
	seen int

	ends [][]string // the tags each open block waits for
	tags []string   // the names of the open tags

	blocks  map[string]*blockStmt
	unknown []error // what Jinja finds only after parsing: filters and tests that do not exist, blocks twice
	soft    int     // > 0 inside an if: there, unknown filters and tests fail only when used
	inBlock int     // > 0 anywhere but at the top level
	depth   int
}

// maxNesting bounds expressions in expressions and blocks in blocks.
const maxNesting = 150

func (p *parser) cur() token { return p.toks[p.i] }

func (p *parser) look() token {
	at := min(p.i+1, len(p.toks)-1)
	p.seen = max(p.seen, at)
	return p.toks[at]
}

func (p *parser) next() token {
	t := p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
		p.seen = max(p.seen, p.i)
	}
	return t
}

func (p *parser) fail(line int, format string, args ...any) error {
	return syntaxError(line, format, args...)
}

func assertion(line int, format string, args ...any) error {
	return &located{err: py.Errorf(classAssertion, format, args...), line: line}
}

func (p *parser) isOp(op string) bool {
	t := p.cur()
	return t.kind == tokOperator && t.val == op
}

func (p *parser) isName(name string) bool {
	t := p.cur()
	return t.kind == tokName && t.val == name
}

func (p *parser) skipOp(op string) bool {
	if p.isOp(op) {
		p.next()
		return true
	}
	return false
}

func (p *parser) skipName(name string) bool {
	if p.isName(name) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expected(what string) error {
	t := p.cur()
	if t.kind == tokEOF {
		return p.fail(t.line, "unexpected end of template, expected %s.", quoted(what))
	}
	return p.fail(t.line, "expected token %s, got %s", quoted(what), quoted(t.describe()))
}

func quoted(s string) string {
	r, err := py.Repr(py.Detached(py.Limits{}), s)
	if err != nil {
		return "'" + s + "'"
	}
	return r
}

func (p *parser) expectOp(op string) error {
	if !p.skipOp(op) {
		return p.expected(op)
	}
	return nil
}

func (p *parser) expectName(name string) error {
	if !p.skipName(name) {
		return p.expected(name)
	}
	return nil
}

func (p *parser) expectKind(k tokenKind) (token, error) {
	if p.cur().kind != k {
		return token{}, p.expected(describeKind(k))
	}
	return p.next(), nil
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > maxNesting {
		return p.fail(p.cur().line, "the template is nested more than %d levels deep", maxNesting)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// atEnd reports whether the current token is one of the tags.
func (p *parser) atTag(tags []string) bool {
	t := p.cur()
	if t.kind != tokName {
		return false
	}
	for _, name := range tags {
		if t.val == name {
			return true
		}
	}
	return false
}

// body reads statements up to one of the end tags, or to the end of the template when there are none.
func (p *parser) body(ends []string) ([]stmt, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if ends != nil {
		p.ends = append(p.ends, ends)
		defer func() { p.ends = p.ends[:len(p.ends)-1] }()
	}
	var out []stmt
	for {
		t := p.cur()
		switch t.kind {
		case tokEOF:
			return out, nil
		case tokData:
			p.next()
			out = append(out, &dataStmt{text: t.val})
		case tokVariableBegin:
			p.next()
			e, err := p.tuple(tupleRule{condexpr: true})
			if err != nil {
				return nil, err
			}
			if _, err := p.expectKind(tokVariableEnd); err != nil {
				return nil, err
			}
			out = append(out, &outputStmt{expr: e, line: t.line})
		case tokBlockBegin:
			p.next()
			if ends != nil && p.atTag(ends) {
				return out, nil
			}
			s, err := p.statement()
			if err != nil {
				return nil, err
			}
			if s != nil {
				out = append(out, s)
			}
			if _, err := p.expectKind(tokBlockEnd); err != nil {
				return nil, err
			}
		default:
			return nil, p.fail(t.line, "unexpected %s", quoted(t.describe()))
		}
	}
}

// statements reads ":"? "%}" body up to one of the end tags, which stays the current token.
func (p *parser) statements(ends ...string) ([]stmt, error) {
	p.skipOp(":")
	if _, err := p.expectKind(tokBlockEnd); err != nil {
		return nil, err
	}
	out, err := p.body(ends)
	if err != nil {
		return nil, err
	}
	if p.cur().kind == tokEOF {
		p.ends = append(p.ends, ends)
		err := p.unknownTag("", p.cur().line)
		p.ends = p.ends[:len(p.ends)-1]
		return nil, err
	}
	return out, nil
}

// closed is statements with one end tag, which it skips.
func (p *parser) closed(end string) ([]stmt, error) {
	out, err := p.statements(end)
	if err != nil {
		return nil, err
	}
	p.next()
	return out, nil
}

// unknownTag says what was found and what was looked for; no name means the end of the template.
func (p *parser) unknownTag(name string, line int) error {
	msg := "Unexpected end of template."
	if name != "" {
		msg = "Encountered unknown tag " + quoted(name) + "."
	}
	if n := len(p.ends); n > 0 {
		var looking []string
		for _, e := range p.ends[n-1] {
			looking = append(looking, quoted(e))
		}
		known := false
		for _, ends := range p.ends {
			for _, e := range ends {
				known = known || name != "" && e == name
			}
		}
		list := strings.Join(looking, " or ")
		if known {
			msg += " You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for " + list + "."
		} else {
			msg += " Jinja was looking for the following tags: " + list + "."
		}
	}
	if n := len(p.tags); n > 0 {
		msg += " The innermost block that needs to be closed is " + quoted(p.tags[n-1]) + "."
	}
	return p.fail(line, "%s", msg)
}

func (p *parser) statement() (stmt, error) {
	t := p.cur()
	if t.kind != tokName {
		return nil, p.fail(t.line, "tag name expected")
	}
	parse := p.statementOf(t.val)
	if parse == nil {
		return nil, p.unknownTag(t.val, t.line)
	}
	p.tags = append(p.tags, t.val)
	p.next()
	s, err := parse(t.line)
	if err != nil {
		return nil, err
	}
	p.tags = p.tags[:len(p.tags)-1]
	return s, nil
}

func (p *parser) statementOf(tag string) func(line int) (stmt, error) {
	switch tag {
	case "for":
		return p.forStatement
	case "if":
		return p.ifStatement
	case "block":
		return p.blockStatement
	case "extends":
		return p.extendsStatement
	case "print":
		return p.printStatement
	case "macro":
		return p.macroStatement
	case "include":
		return p.includeStatement
	case "from":
		return p.fromStatement
	case "import":
		return p.importStatement
	case "set":
		return p.setStatement
	case "with":
		return p.withStatement
	case "autoescape":
		return p.autoescapeStatement
	case "call":
		return p.callStatement
	case "filter":
		return p.filterStatement
	case "do":
		return p.doStatement
	}
	return nil
}
