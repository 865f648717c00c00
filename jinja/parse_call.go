package jinja

import "errors"

func (p *parser) call(e expr) (expr, error) {
	line := p.cur().line
	a, err := p.callArgs()
	return &callExpr{fn: e, args: a, line: line}, err
}

var errCall = errors.New("invalid syntax for function call expression")

func (p *parser) callArgs() (argList, error) {
	var a argList
	line := p.next().line
	for first := true; !p.isOp(")"); first = false {
		if !first {
			if err := p.expectOp(","); err != nil {
				return a, err
			}
			if p.isOp(")") {
				break
			}
		}
		if err := p.callArg(&a); errors.Is(err, errCall) {
			return a, p.fail(line, "%s", errCall.Error())
		} else if err != nil {
			return a, err
		}
	}
	return a, p.expectOp(")")
}

func (p *parser) callArg(a *argList) (err error) {
	switch {
	case p.skipOp("*"):
		if a.star != nil || a.starStar != nil {
			return errCall
		}
		a.star, err = p.expression()
	case p.skipOp("**"):
		if a.starStar != nil {
			return errCall
		}
		a.starStar, err = p.expression()
	case p.cur().kind == tokName && p.look().kind == tokOperator && p.look().val == "=":
		if a.starStar != nil {
			return errCall
		}
		name := p.next().val
		p.next()
		var e expr
		e, err = p.expression()
		a.kw = append(a.kw, kwExpr{name, e})
	default:
		if a.star != nil || a.starStar != nil || len(a.kw) > 0 {
			return errCall
		}
		var e expr
		e, err = p.expression()
		a.pos = append(a.pos, e)
	}
	return err
}

// filters reads filters, tests, and calls of their results.
func (p *parser) filters(e expr) (expr, error) {
	var err error
	for {
		switch {
		case p.isOp("|"):
			e, err = p.filter(e, false)
		case p.isName("is"):
			e, err = p.test(e)
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

func (p *parser) dotted() (string, error) {
	t, err := p.expectKind(tokName)
	name := t.val
	for err == nil && p.skipOp(".") {
		t, err = p.expectKind(tokName)
		name += "." + t.val
	}
	return name, err
}

// filter reads "| name(args)" as often as it comes; inline means that the first "|" is left out.
func (p *parser) filter(e expr, inline bool) (expr, error) {
	for n := 0; p.isOp("|") || inline; n++ {
		if n > maxNesting {
			return nil, p.fail(p.cur().line, "more than %d filters in a row", maxNesting)
		}
		if !inline {
			p.next()
		}
		inline = false
		line := p.cur().line
		name, err := p.dotted()
		if err != nil {
			return nil, err
		}
		f := &filterExpr{value: e, name: name, line: line}
		if p.isOp("(") {
			if f.args, err = p.callArgs(); err != nil {
				return nil, err
			}
		}
		f.fn = p.env.filter(name)
		if f.fn == nil && p.soft == 0 {
			p.unknown = append(p.unknown, assertion(line, "No filter named %s.", quoted(name)))
		}
		e = f
	}
	return e, nil
}

func (p *parser) test(e expr) (expr, error) {
	line := p.next().line
	negated := p.skipName("not")
	name, err := p.dotted()
	if err != nil {
		return nil, err
	}
	t := &testExpr{value: e, name: name, line: line}
	if p.isOp("(") {
		t.args, err = p.callArgs()
	} else if p.startsArgument() {
		if p.isName("is") {
			return nil, p.fail(p.cur().line, "You cannot chain multiple tests with is")
		}
		var arg expr
		if arg, err = p.primary(false); err == nil {
			if arg, err = p.postfix(arg); err == nil {
				t.args.pos = []expr{arg}
			}
		}
	}
	if err != nil {
		return nil, err
	}
	t.fn = p.env.test(name)
	if t.fn == nil && p.soft == 0 {
		p.unknown = append(p.unknown, assertion(line, "No test named %s.", quoted(name)))
	}
	if negated {
		return &notExpr{t}, nil
	}
	return t, nil
}

// startsArgument reports whether a test's argument follows without parentheses.
func (p *parser) startsArgument() bool {
	switch p.cur().kind {
	case tokName:
		return !p.isName("else") && !p.isName("or") && !p.isName("and")
	case tokString, tokInteger, tokFloat:
		return true
	}
	return p.isOp("[") || p.isOp("{")
}
