package jinja

// expression reads an expression with an inline if.
func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	// Unknown filters in an inline if fail only when they are used.
	unknown := len(p.unknown)
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	for p.isName("if") {
		line := p.next().line
		test, err := p.or()
		if err != nil {
			return nil, err
		}
		c := &condExpr{test: test, then: e, line: line}
		if p.skipName("else") {
			if c.otherwise, err = p.expression(); err != nil {
				return nil, err
			}
		}
		p.unknown = p.unknown[:unknown]
		e = c
	}
	return e, nil
}

func (p *parser) or() (expr, error) {
	left, err := p.and()
	for err == nil && p.skipName("or") {
		var right expr
		if right, err = p.and(); err == nil {
			left = &logicExpr{left: left, right: right, or: true}
		}
	}
	return left, err
}

func (p *parser) and() (expr, error) {
	left, err := p.not()
	for err == nil && p.skipName("and") {
		var right expr
		if right, err = p.not(); err == nil {
			left = &logicExpr{left: left, right: right}
		}
	}
	return left, err
}

func (p *parser) not() (expr, error) {
	if p.skipName("not") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		e, err := p.not()
		return &notExpr{e}, err
	}
	return p.compare()
}

func (p *parser) compareOp() string {
	t := p.cur()
	if t.kind == tokOperator {
		switch t.val {
		case "==", "!=", "<", "<=", ">", ">=":
			p.next()
			return t.val
		}
	}
	if p.skipName("in") {
		return "in"
	}
	if p.isName("not") && p.look().kind == tokName && p.look().val == "in" {
		p.next()
		p.next()
		return "not in"
	}
	return ""
}

func (p *parser) compare() (expr, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{first: first}
	for {
		op := p.compareOp()
		if op == "" {
			break
		}
		e, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.rest = append(c.rest, compareTo{op, e})
	}
	if len(c.rest) == 0 {
		return first, nil
	}
	return c, nil
}

// binary reads operators of one level, from the left.
func (p *parser) binary(operand func() (expr, error), ops ...string) (expr, error) {
	left, err := operand()
	if err != nil {
		return nil, err
	}
	for {
		op := ""
		for _, o := range ops {
			if p.isOp(o) {
				op = o
			}
		}
		if op == "" {
			return left, nil
		}
		p.next()
		right, err := operand()
		if err != nil {
			return nil, err
		}
		left = &binaryExpr{op: op, left: left, right: right}
	}
}

func (p *parser) sum() (expr, error) { return p.binary(p.concat, "+", "-") }

func (p *parser) concat() (expr, error) {
	first, err := p.product()
	if err != nil || !p.isOp("~") {
		return first, err
	}
	c := &concatExpr{parts: []expr{first}}
	for p.skipOp("~") {
		e, err := p.product()
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, e)
	}
	return c, nil
}

func (p *parser) product() (expr, error) { return p.binary(p.power, "*", "/", "//", "%") }

// power is left-associative and binds less than the signs: that is Jinja, not Python.
func (p *parser) power() (expr, error) {
	return p.binary(func() (expr, error) { return p.unary(true) }, "**")
}

func (p *parser) unary(filters bool) (e expr, err error) {
	switch {
	case p.isOp("-"), p.isOp("+"):
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		op := p.next().val
		if e, err = p.unary(false); err != nil {
			return nil, err
		}
		e = &unaryExpr{op, e}
	default:
		if e, err = p.primary(false); err != nil {
			return nil, err
		}
	}
	if e, err = p.postfix(e); err != nil || !filters {
		return e, err
	}
	return p.filters(e)
}

func (p *parser) primary(namespace bool) (expr, error) {
	t := p.cur()
	switch t.kind {
	case tokName:
		p.next()
		switch t.val {
		case "true", "True":
			return &constExpr{true}, nil
		case "false", "False":
			return &constExpr{false}, nil
		case "none", "None":
			return &constExpr{nil}, nil
		}
		if namespace && p.skipOp(".") {
			a, err := p.expectKind(tokName)
			return &nsRef{t.val, a.val}, err
		}
		return &nameExpr{name: t.val}, nil
	case tokString:
		s := ""
		for p.cur().kind == tokString {
			s += p.next().val
		}
		return &constExpr{s}, nil
	case tokInteger, tokFloat:
		p.next()
		return &constExpr{t.num}, nil
	}
	switch {
	case p.skipOp("("):
		e, err := p.tuple(tupleRule{condexpr: true, parens: true})
		if err != nil {
			return nil, err
		}
		return e, p.expectOp(")")
	case p.skipOp("["):
		return p.list()
	case p.skipOp("{"):
		return p.dict()
	}
	return nil, p.fail(t.line, "unexpected %s", quoted(t.describe()))
}

// tupleRule says how expressions with commas are read.
type tupleRule struct {
	condexpr  bool   // inline ifs are allowed
	simple    bool   // only what can be assigned to
	namespace bool   // ns.attr can be assigned to
	parens    bool   // an empty tuple is allowed
	end       string // a name that also ends the tuple
}

func (p *parser) tupleEnd(r tupleRule) bool {
	t := p.cur()
	return t.kind == tokVariableEnd || t.kind == tokBlockEnd || p.isOp(")") || r.end != "" && p.isName(r.end)
}

func (p *parser) tuple(r tupleRule) (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	one := p.or
	switch {
	case r.simple:
		one = func() (expr, error) { return p.primary(r.namespace) }
	case r.condexpr:
		one = p.expression
	}
	var args []expr
	for {
		if len(args) > 0 && !p.skipOp(",") {
			return args[0], nil
		}
		if p.tupleEnd(r) {
			break
		}
		e, err := one()
		if err != nil {
			return nil, err
		}
		args = append(args, e)
		if !p.isOp(",") {
			if len(args) == 1 {
				return e, nil
			}
			break
		}
	}
	if len(args) == 0 && !r.parens {
		return nil, p.fail(p.cur().line, "Expected an expression, got %s", quoted(p.cur().describe()))
	}
	return &tupleExpr{args}, nil
}

func (p *parser) list() (expr, error) {
	l := &listExpr{}
	for !p.isOp("]") {
		if len(l.items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		if p.isOp("]") {
			break
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, e)
	}
	return l, p.expectOp("]")
}

func (p *parser) dict() (expr, error) {
	d := &dictExpr{}
	for !p.isOp("}") {
		if len(d.keys) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		if p.isOp("}") {
			break
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expectOp(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys, d.values = append(d.keys, k), append(d.values, v)
	}
	return d, p.expectOp("}")
}

// postfix reads attributes, subscripts and calls.
func (p *parser) postfix(e expr) (expr, error) {
	var err error
	for n := 0; ; n++ {
		if n > maxNesting {
			return nil, p.fail(p.cur().line, "more than %d attributes in a row", maxNesting)
		}
		switch {
		case p.isOp("."):
			e, err = p.attribute(e)
		case p.isOp("["):
			e, err = p.subscript(e)
		case p.isOp("("):
			e, err = p.call(e)
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) attribute(e expr) (expr, error) {
	line := p.next().line
	t := p.next()
	switch t.kind {
	case tokName:
		return &attrExpr{e, t.val, line}, nil
	case tokInteger:
		return &itemExpr{e, &constExpr{t.num}, line}, nil
	}
	return nil, p.fail(t.line, "expected name or number")
}

func (p *parser) subscript(e expr) (expr, error) {
	line := p.next().line
	var args []expr
	for !p.isOp("]") {
		if len(args) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		a, err := p.subscribed()
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	p.next()
	if len(args) == 1 {
		return &itemExpr{e, args[0], line}, nil
	}
	return &itemExpr{e, &tupleExpr{args}, line}, nil
}

// subscribed reads what stands between brackets: a key or a slice.
func (p *parser) subscribed() (expr, error) {
	s := &sliceExpr{}
	var err error
	if !p.isOp(":") {
		if s.start, err = p.expression(); err != nil || !p.isOp(":") {
			return s.start, err
		}
	}
	p.next()
	if !p.isOp(":") && !p.isOp("]") && !p.isOp(",") {
		if s.stop, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.skipOp(":") && !p.isOp("]") && !p.isOp(",") {
		if s.step, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return s, nil
}
