package jinja

import "github.com/updraft-dev/updraft/jinja/py"

// fold finds printed expressions that are constant. Jinja prints those when it compiles a template, which
// native mode can see: what is printed is text that is read again as a literal.
func fold(t *Template) {
	r := newRun(py.Detached(py.Limits{Steps: 10_000, Bytes: 1 << 20, Depth: 50}), t.env, nil)
	f := r.rootFrame(t)
	foldBody(f, t.body)
}

func foldBody(f *frame, body []stmt) {
	for _, s := range body {
		switch x := s.(type) {
		case *outputStmt:
			foldOutput(f, x)
		case *groupStmt:
			foldBody(f, x.body)
		case *ifStmt:
			foldBody(f, x.body)
			foldBody(f, x.otherwise)
		case *forStmt:
			foldBody(f, x.body)
			foldBody(f, x.otherwise)
		case *setBlockStmt:
			foldBody(f, x.body)
		case *withStmt:
			foldBody(f, x.body)
		case *autoescapeStmt:
			foldBody(f, x.body)
		case *blockStmt:
			foldBody(f, x.body)
		case *macroStmt:
			foldBody(f, x.macro.body)
		case *callStmt:
			foldBody(f, x.macro.body)
		case *filterStmt:
			foldBody(f, x.body)
		}
	}
}

func foldOutput(f *frame, s *outputStmt) {
	if !isConst(s.expr) {
		return
	}
	v, err := s.expr.eval(f)
	if err != nil || !safeRepr(v) {
		return
	}
	if text, err := py.Str(f.run.th, v); err == nil {
		s.folded, s.isFolded = text, true
	}
}

// safeRepr reports whether Jinja would write the value into the code it compiles.
func safeRepr(v py.Value) bool {
	switch x := v.(type) {
	case py.Tuple:
		return allSafe(x)
	case *py.List:
		return allSafe(x.Items)
	case *py.Set:
		return allSafe(x.Items())
	case *py.Dict:
		for k, e := range x.All {
			if !safeRepr(k) || !safeRepr(e) {
				return false
			}
		}
		return true
	case nil, bool, int, float64, string, py.Markup, *py.Range, py.Complex:
		return true
	}
	return py.IsNumber(v)
}

func allSafe(items []py.Value) bool {
	for _, v := range items {
		if !safeRepr(v) {
			return false
		}
	}
	return true
}

func isConst(e expr) bool {
	switch x := e.(type) {
	case nil:
		return true
	case *constExpr:
		return true
	case *tupleExpr:
		return allConst(x.items)
	case *listExpr:
		return allConst(x.items)
	case *dictExpr:
		return allConst(x.keys) && allConst(x.values)
	case *attrExpr:
		return isConst(x.value)
	case *itemExpr:
		return isConst(x.value) && isConst(x.key)
	case *sliceExpr:
		return (x.start == nil || isConst(x.start)) && (x.stop == nil || isConst(x.stop)) && (x.step == nil || isConst(x.step))
	case *filterExpr:
		return x.value != nil && x.fn != nil && !contextFilters[x.name] && isConst(x.value) && constArgs(x.args)
	case *testExpr:
		return x.fn != nil && isConst(x.value) && constArgs(x.args)
	case *logicExpr:
		return isConst(x.left) && isConst(x.right)
	case *notExpr:
		return isConst(x.value)
	case *unaryExpr:
		return isConst(x.value)
	case *binaryExpr:
		return isConst(x.left) && isConst(x.right)
	case *concatExpr:
		return allConst(x.parts)
	case *compareExpr:
		for _, c := range x.rest {
			if !isConst(c.value) {
				return false
			}
		}
		return isConst(x.first)
	case *condExpr:
		return x.otherwise != nil && isConst(x.test) && isConst(x.then) && isConst(x.otherwise)
	}
	return false
}

func allConst(items []expr) bool {
	for _, e := range items {
		if !isConst(e) {
			return false
		}
	}
	return true
}

func constArgs(a argList) bool {
	for _, k := range a.kw {
		if !isConst(k.value) {
			return false
		}
	}
	return allConst(a.pos) && (a.star == nil || isConst(a.star)) && (a.starStar == nil || isConst(a.starStar))
}

// contextFilters see the rendering's context, so that they are never constant.
var contextFilters = map[string]bool{
	"random": true, "map": true, "select": true, "reject": true, "selectattr": true, "rejectattr": true,
}
