package jinja

import "github.com/updraft-dev/updraft/jinja/py"

// expr is a node that has a value.
type expr interface {
	eval(f *frame) (py.Value, error)
}

// stmt is a node that writes or changes the scope.
type stmt interface {
	exec(f *frame) error
}

type (
	constExpr struct{ v py.Value }
	nameExpr  struct{ name string }
	tupleExpr struct{ items []expr }
	listExpr  struct{ items []expr }
	dictExpr  struct{ keys, values []expr }

	attrExpr struct {
		value expr
		name  string
		line  int
	}
	itemExpr struct {
		value, key expr
		line       int
	}
	sliceExpr struct{ start, stop, step expr }

	kwExpr struct {
		name  string
		value expr
	}
	// argList is the arguments of a call as written.
	argList struct {
		pos            []expr
		kw             []kwExpr
		star, starStar expr
	}
	callExpr struct {
		fn   expr
		args argList
		line int
	}
	// filterExpr applies a filter; no value means that a block's text is filtered.
	filterExpr struct {
		value expr
		name  string
		args  argList
		fn    filterFunc
		line  int
	}
	testExpr struct {
		value expr
		name  string
		args  argList
		fn    filterFunc
		line  int
	}

	logicExpr struct {
		left, right expr
		or          bool
	}
	notExpr   struct{ value expr }
	unaryExpr struct {
		op    string
		value expr
	}
	binaryExpr struct {
		op          string
		left, right expr
	}
	concatExpr struct{ parts []expr }
	compareTo  struct {
		op    string
		value expr
	}
	compareExpr struct {
		first expr
		rest  []compareTo
	}
	condExpr struct {
		test, then, otherwise expr
		line                  int
	}
	// nsRef is the target ns.attr of a set.
	nsRef struct{ name, attr string }
)

type (
	dataStmt   struct{ text string }
	outputStmt struct {
		expr expr
		line int
		// folded is the text of an expression that is constant; native mode needs to know it.
		folded   string
		isFolded bool
	}
	groupStmt struct{ body []stmt }
	doStmt    struct {
		expr expr
		line int
	}
	ifStmt struct {
		test            expr
		body, otherwise []stmt
		line            int
	}
	forStmt struct {
		target, iter, test expr
		body, otherwise    []stmt
		recursive          bool
		line               int
	}
	setStmt struct {
		target, expr expr
		line         int
	}
	setBlockStmt struct {
		target, filter expr
		body           []stmt
		line           int
	}
	withStmt struct {
		targets, values []expr
		body            []stmt
	}
	autoescapeStmt struct {
		on   expr
		body []stmt
	}
	blockStmt struct {
		name             string
		body             []stmt
		scoped, required bool
		line             int
	}
	extendsStmt struct {
		template expr
		line     int
	}
	includeStmt struct {
		template                   expr
		ignoreMissing, withContext bool
		line                       int
	}
	importName struct{ name, as string }
	// importStmt is "import x as y", or "from x import names".
	importStmt struct {
		template    expr
		as          string
		names       []importName
		withContext bool
		line        int
	}
	macroParam struct {
		name string
		def  expr
	}
	macroDef struct {
		name                    string
		params                  []macroParam
		body                    []stmt
		varargs, kwargs, caller bool
		line                    int
	}
	macroStmt struct{ macro *macroDef }
	callStmt  struct {
		call  *callExpr
		macro *macroDef
		line  int
	}
	filterStmt struct {
		filter expr
		body   []stmt
		line   int
	}
)
