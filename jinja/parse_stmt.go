package jinja

import "strings"

// target reads what can be assigned to: a name, ns.attr, or several of them.
func (p *parser) target(r tupleRule) (expr, error) {
	line := p.cur().line
	r.simple = true
	e, err := p.tuple(r)
	if err != nil {
		return nil, err
	}
	if kind := unassignable(e); kind != "" {
		return nil, p.fail(line, "can't assign to %s", quoted(kind))
	}
	return e, nil
}

// unassignable names the kind of an expression that cannot be assigned to.
func unassignable(e expr) string {
	switch x := e.(type) {
	case *nameExpr, *nsRef:
		return ""
	case *tupleExpr:
		for _, i := range x.items {
			if unassignable(i) != "" {
				return "tuple"
			}
		}
		return ""
	case *constExpr:
		return "const"
	case *listExpr:
		return "list"
	case *dictExpr:
		return "dict"
	}
	return "expression"
}

// nameTarget reads one name.
func (p *parser) nameTarget() (string, error) {
	t, err := p.expectKind(tokName)
	if err != nil {
		return "", err
	}
	switch t.val {
	case "true", "false", "none", "True", "False", "None":
		return "", p.fail(t.line, "can't assign to 'name'")
	}
	return t.val, nil
}

func (p *parser) forStatement(line int) (stmt, error) {
	s := &forStmt{line: line}
	var err error
	if s.target, err = p.target(tupleRule{end: "in"}); err != nil {
		return nil, err
	}
	if n, ok := s.target.(*nameExpr); ok && n.name == "loop" {
		p.unknown = append(p.unknown, assertion(line, "Can't assign to special loop variable in for-loop"))
	}
	if err = p.expectName("in"); err != nil {
		return nil, err
	}
	if s.iter, err = p.tuple(tupleRule{end: "recursive"}); err != nil {
		return nil, err
	}
	if p.skipName("if") {
		if s.test, err = p.expression(); err != nil {
			return nil, err
		}
	}
	s.recursive = p.skipName("recursive")
	restore := p.hard()
	defer restore()
	if s.body, err = p.statements("endfor", "else"); err != nil {
		return nil, err
	}
	if p.next().val == "endfor" {
		return s, nil
	}
	s.otherwise, err = p.closed("endfor")
	return s, err
}

// hard enters a scope in which unknown filters are errors at once, until the answer is called.
func (p *parser) hard() (restore func()) {
	soft := p.soft
	p.soft = 0
	p.inBlock++
	return func() {
		p.soft = soft
		p.inBlock--
	}
}

func (p *parser) ifStatement(line int) (stmt, error) {
	p.soft++
	p.inBlock++
	defer func() {
		p.soft--
		p.inBlock--
	}()
	first := &ifStmt{line: line}
	for s := first; ; {
		var err error
		if s.test, err = p.tuple(tupleRule{}); err != nil {
			return nil, err
		}
		if s.body, err = p.statements("elif", "else", "endif"); err != nil {
			return nil, err
		}
		switch t := p.next(); t.val {
		case "elif":
			next := &ifStmt{line: t.line}
			s.otherwise = []stmt{next}
			s = next
		case "else":
			s.otherwise, err = p.closed("endif")
			return first, err
		default:
			return first, nil
		}
	}
}

func (p *parser) withStatement(int) (stmt, error) {
	s := &withStmt{}
	for p.cur().kind != tokBlockEnd {
		if len(s.targets) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		// One target each: a comma separates assignments here.
		e, err := p.primary(false)
		if err != nil {
			return nil, err
		}
		if kind := unassignable(e); kind != "" {
			return nil, p.fail(p.cur().line, "can't assign to %s", quoted(kind))
		}
		if err := p.expectOp("="); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.targets, s.values = append(s.targets, e), append(s.values, v)
	}
	defer p.hard()()
	var err error
	s.body, err = p.closed("endwith")
	return s, err
}

func (p *parser) autoescapeStatement(int) (stmt, error) {
	s := &autoescapeStmt{}
	var err error
	if s.on, err = p.expression(); err != nil {
		return nil, err
	}
	defer p.hard()()
	s.body, err = p.closed("endautoescape")
	return s, err
}

func (p *parser) blockStatement(line int) (stmt, error) {
	t, err := p.expectKind(tokName)
	if err != nil {
		return nil, err
	}
	s := &blockStmt{name: t.val, line: line}
	s.scoped = p.skipName("scoped")
	s.required = p.skipName("required")
	if p.isOp("-") {
		return nil, p.fail(p.cur().line, "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.")
	}
	if p.blocks[s.name] != nil {
		p.unknown = append(p.unknown, assertion(line, "block %s defined twice", quoted(s.name)))
	}
	p.blocks[s.name] = s
	restore := p.hard()
	s.body, err = p.closed("endblock")
	restore()
	if err != nil {
		return nil, err
	}
	if s.required {
		for _, b := range s.body {
			if d, ok := b.(*dataStmt); !ok || strings.TrimSpace(d.text) != "" {
				return nil, p.fail(line, "Required blocks can only contain comments or whitespace")
			}
		}
	}
	p.skipName(s.name)
	return s, nil
}

func (p *parser) extendsStatement(line int) (stmt, error) {
	if p.inBlock > p.soft { // an if is no scope of its own
		p.unknown = append(p.unknown, assertion(line, "cannot use extend from a non top-level scope"))
	}
	e, err := p.expression()
	return &extendsStmt{template: e, line: line}, err
}

// contextRule reads "with context" or "without context".
func (p *parser) contextRule(def bool) (with, found bool) {
	if (p.isName("with") || p.isName("without")) && p.look().kind == tokName && p.look().val == "context" {
		with = p.next().val == "with"
		p.next()
		return with, true
	}
	return def, false
}

func (p *parser) includeStatement(line int) (stmt, error) {
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	s := &includeStmt{template: e, line: line}
	if p.isName("ignore") && p.look().val == "missing" {
		s.ignoreMissing = true
		p.next()
		p.next()
	}
	s.withContext, _ = p.contextRule(true)
	return s, nil
}

func (p *parser) importStatement(line int) (stmt, error) {
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expectName("as"); err != nil {
		return nil, err
	}
	s := &importStmt{template: e, line: line}
	if s.as, err = p.nameTarget(); err != nil {
		return nil, err
	}
	s.withContext, _ = p.contextRule(false)
	return s, nil
}

func (p *parser) fromStatement(line int) (stmt, error) {
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expectName("import"); err != nil {
		return nil, err
	}
	s := &importStmt{template: e, line: line}
	for first := true; ; first = false {
		if !first {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		if with, found := p.contextRule(false); found {
			s.withContext = with
			return s, nil
		}
		name, err := p.nameTarget()
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, "_") {
			return nil, assertion(line, "names starting with an underline can not be imported")
		}
		n := importName{name, name}
		if p.skipName("as") {
			if n.as, err = p.nameTarget(); err != nil {
				return nil, err
			}
		}
		s.names = append(s.names, n)
		if with, found := p.contextRule(false); found {
			s.withContext = with
			return s, nil
		}
		if !p.isOp(",") {
			return s, nil
		}
	}
}

func (p *parser) signature(m *macroDef) error {
	if err := p.expectOp("("); err != nil {
		return err
	}
	for !p.isOp(")") {
		if len(m.params) > 0 {
			if err := p.expectOp(","); err != nil {
				return err
			}
		}
		name, err := p.nameTarget()
		if err != nil {
			return err
		}
		var def expr
		if p.skipOp("=") {
			if def, err = p.expression(); err != nil {
				return err
			}
		} else if n := len(m.params); n > 0 && m.params[n-1].def != nil {
			return p.fail(p.cur().line, "non-default argument follows default argument")
		}
		m.params = append(m.params, macroParam{name, def})
	}
	p.next()
	return nil
}

// macroBody reads a body and notes which of the special names it uses.
func (p *parser) macroBody(m *macroDef, end string) (err error) {
	from := p.i
	defer p.hard()()
	if m.body, err = p.closed(end); err != nil {
		return err
	}
	for i, t := range p.toks[from:p.i] {
		if t.kind != tokName || i > 0 && isDot(p.toks[from+i-1]) {
			continue
		}
		switch t.val {
		case "varargs":
			m.varargs = true
		case "kwargs":
			m.kwargs = true
		case "caller":
			m.caller = true
		}
	}
	return nil
}

func isDot(t token) bool { return t.kind == tokOperator && t.val == "." }

func (p *parser) macroStatement(line int) (stmt, error) {
	m := &macroDef{line: line}
	var err error
	if m.name, err = p.nameTarget(); err != nil {
		return nil, err
	}
	if err := p.signature(m); err != nil {
		return nil, err
	}
	return &macroStmt{m}, p.macroBody(m, "endmacro")
}

func (p *parser) callStatement(line int) (stmt, error) {
	m := &macroDef{line: line, name: "caller"}
	if p.isOp("(") {
		if err := p.signature(m); err != nil {
			return nil, err
		}
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	c, ok := e.(*callExpr)
	if !ok {
		return nil, p.fail(line, "expected call")
	}
	return &callStmt{call: c, macro: m, line: line}, p.macroBody(m, "endcall")
}

func (p *parser) filterStatement(line int) (stmt, error) {
	e, err := p.filter(nil, true)
	if err != nil {
		return nil, err
	}
	defer p.hard()()
	s := &filterStmt{filter: e, line: line}
	s.body, err = p.closed("endfilter")
	return s, err
}

func (p *parser) printStatement(line int) (stmt, error) {
	s := &groupStmt{}
	for p.cur().kind != tokBlockEnd {
		if len(s.body) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		s.body = append(s.body, &outputStmt{expr: e, line: line})
	}
	return s, nil
}

func (p *parser) doStatement(line int) (stmt, error) {
	e, err := p.tuple(tupleRule{condexpr: true})
	return &doStmt{e, line}, err
}

func (p *parser) setStatement(line int) (stmt, error) {
	target, err := p.target(tupleRule{namespace: true})
	if err != nil {
		return nil, err
	}
	if p.skipOp("=") {
		e, err := p.tuple(tupleRule{condexpr: true})
		return &setStmt{target: target, expr: e, line: line}, err
	}
	s := &setBlockStmt{target: target, line: line}
	if p.isOp("|") {
		if s.filter, err = p.filter(nil, false); err != nil {
			return nil, err
		}
	}
	defer p.hard()()
	s.body, err = p.closed("endset")
	return s, err
}
