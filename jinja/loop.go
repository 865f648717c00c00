package jinja

import "github.com/updraft-dev/updraft/jinja/py"

// loop is the variable of that name inside a for.
type loop struct {
	f     *frame // around the loop
	stmt  *forStmt
	iter  py.Iterator
	depth int // from 0

	index   int // from 0; -1 before the first
	length  int // -1 until known
	source  py.Value
	cur     py.Value
	prev    py.Value
	hasPrev bool
	ahead   []py.Value
	changed py.Value
	hasChg  bool
}

var loopType = &py.Type{Module: "jinja2.runtime", Name: "LoopContext"}

// Type is jinja2.runtime.LoopContext.
func (l *loop) Type() *py.Type { return loopType }

// Repr is <LoopContext 1/3>.
func (l *loop) Repr(th *py.Thread) (string, error) {
	n, err := l.Len(th)
	return "<LoopContext " + itoa(l.index+1) + "/" + itoa(n) + ">", err
}

// peek answers the next item without taking it.
func (l *loop) peek() (py.Value, bool, error) {
	if len(l.ahead) == 0 {
		v, ok, err := l.iter()
		if err != nil || !ok {
			return nil, false, err
		}
		l.ahead = append(l.ahead, v)
	}
	return l.ahead[0], true, nil
}

func (l *loop) next() (bool, error) {
	v, ok, err := l.peek()
	if err != nil || !ok {
		return false, err
	}
	l.ahead = l.ahead[1:]
	l.prev, l.hasPrev = l.cur, l.index >= 0
	l.cur = v
	l.index++
	return true, nil
}

// Len is loop.length: it walks what has no length.
func (l *loop) Len(th *py.Thread) (int, error) {
	if l.length >= 0 {
		return l.length, nil
	}
	if l.source != nil {
		if n, err := py.Len(th, l.source); err == nil {
			l.length = n
			return n, nil
		}
	}
	for {
		v, ok, err := l.iter()
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		if err := th.Alloc(16); err != nil {
			return 0, err
		}
		l.ahead = append(l.ahead, v)
	}
	l.length = l.index + 1 + len(l.ahead)
	return l.length, nil
}

// Attr answers loop.index and its kin.
func (l *loop) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "index":
		return l.index + 1, true, nil
	case "index0":
		return l.index, true, nil
	case "depth":
		return l.depth + 1, true, nil
	case "depth0":
		return l.depth, true, nil
	case "first":
		return l.index == 0, true, nil
	case "last":
		_, more, err := l.peek()
		return !more, true, err
	case "length", "revindex", "revindex0":
		n, err := l.Len(th)
		switch name {
		case "revindex":
			n -= l.index
		case "revindex0":
			n -= l.index + 1
		}
		return n, true, err
	case "previtem":
		if !l.hasPrev {
			return l.f.run.undefinedHint("there is no previous item", ""), true, nil
		}
		return l.prev, true, nil
	case "nextitem":
		v, ok, err := l.peek()
		if err == nil && !ok {
			return l.f.run.undefinedHint("there is no next item", ""), true, nil
		}
		return v, true, err
	case "cycle":
		return &py.Func{Name: "cycle", Owner: l, Fn: l.cycle}, true, nil
	case "changed":
		return &py.Func{Name: "changed", Owner: l, Fn: l.didChange}, true, nil
	}
	return nil, false, nil
}

func (l *loop) cycle(_ *py.Thread, a py.Args) (py.Value, error) {
	if len(a.Pos) == 0 {
		return nil, py.TypeError("no items for cycling given")
	}
	return a.Pos[l.index%len(a.Pos)], nil
}

func (l *loop) didChange(th *py.Thread, a py.Args) (py.Value, error) {
	now := py.Tuple(a.Pos)
	if l.hasChg {
		eq, err := py.Equal(th, l.changed, now)
		if err != nil || eq {
			return false, err
		}
	}
	l.changed, l.hasChg = now, true
	return true, nil
}

// Call runs a recursive loop's body over other items.
func (l *loop) Call(th *py.Thread, a py.Args) (py.Value, error) {
	if !l.stmt.recursive {
		return nil, py.TypeError("The loop must have the 'recursive' marker to be called recursively.")
	}
	args, err := py.Bind("LoopContext.__call__", a, "iterable")
	if err != nil {
		return nil, err
	}
	v, err := l.f.run.capture(func() error { return l.stmt.over(l.f, args[0], l.depth+1) })
	if s, ok := v.(string); ok && l.f.run.autoescape {
		return py.Markup(s), err
	}
	return v, err
}

func (s *forStmt) exec(f *frame) error {
	v, err := s.iter.eval(f)
	if err != nil {
		return at(err, f.page.tmpl.name, s.line)
	}
	return at(s.over(f, v, 0), f.page.tmpl.name, s.line)
}

// over runs the loop over the items of v.
func (s *forStmt) over(f *frame, v py.Value, depth int) error {
	th := f.run.th
	if err := th.Enter(); err != nil {
		return err
	}
	defer th.Leave()
	it, err := py.Iter(th, v)
	if err != nil {
		return err
	}
	l := &loop{f: f, stmt: s, iter: it, depth: depth, index: -1, length: -1, source: v}
	if s.test != nil {
		l.source, l.iter = nil, s.filtered(f, it)
	}
	for {
		ok, err := l.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := th.Step(); err != nil {
			return err
		}
		in := f.child()
		in.vars.set("loop", l)
		if err := in.assign(s.target, l.cur); err != nil {
			return err
		}
		if err := in.exec(s.body); err != nil {
			return err
		}
	}
	if l.index < 0 && s.otherwise != nil {
		return f.child().exec(s.otherwise)
	}
	return nil
}

// filtered lets through the items that pass the loop's test, which cannot see the loop.
func (s *forStmt) filtered(f *frame, it py.Iterator) py.Iterator {
	return func() (py.Value, bool, error) {
		for {
			v, ok, err := it()
			if err != nil || !ok {
				return nil, false, err
			}
			if err := f.run.th.Step(); err != nil {
				return nil, false, err
			}
			in := f.child()
			if err := in.assign(s.target, v); err != nil {
				return nil, false, err
			}
			keep, err := s.test.eval(in)
			if err != nil {
				return nil, false, err
			}
			t, err := py.Truth(f.run.th, keep)
			if err != nil {
				return nil, false, err
			}
			if t {
				return v, true, nil
			}
		}
	}
}
