package py

import (
	"cmp"
	"math/big"
	"strings"
)

// Equal is Python's a == b.
func Equal(th *Thread, a, b Value) (bool, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x == y, nil
		}
	case int:
		if y, ok := b.(int); ok {
			return x == y, nil
		}
	}
	v, err := Compare(th, "==", a, b)
	if err != nil {
		return false, err
	}
	return Truth(th, v)
}

// Compare is Python's a op b for ==, !=, <, <=, >, >=.
func Compare(th *Thread, op string, a, b Value) (Value, error) {
	if err := th.Step(); err != nil {
		return nil, err
	}
	if c, ok := a.(Comparer); ok {
		if v, known, err := c.Compare(th, op, b); known || err != nil {
			return v, err
		}
	}
	if c, ok := b.(Comparer); ok {
		if v, known, err := c.Compare(th, mirror(op), a); known || err != nil {
			return v, err
		}
	}
	if v, known, err := compareBuiltin(th, op, a, b); known || err != nil {
		return v, err
	}
	switch op {
	case "==":
		return Is(a, b), nil
	case "!=":
		return !Is(a, b), nil
	}
	return nil, TypeError("'%s' not supported between instances of '%s' and '%s'", op, TypeOf(a).longName(), TypeOf(b).longName())
}

// mirror swaps the operands: a < b is b > a.
func mirror(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}

// Ordered answers op for a three-way comparison.
func Ordered(op string, c int) bool {
	switch op {
	case "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// Is is Python's identity, where small and equal plain values are the same object.
func Is(a, b Value) bool {
	switch x := a.(type) {
	case Tuple:
		y, ok := b.(Tuple)
		return ok && len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
	case Slice:
		return false
	case *big.Int:
		y, ok := b.(*big.Int)
		return ok && x.Cmp(y) == 0
	}
	switch b.(type) {
	case Tuple, Slice:
		return false
	}
	return a == b
}

func compareBuiltin(th *Thread, op string, a, b Value) (Value, bool, error) {
	if IsNumber(a) && IsNumber(b) {
		return compareNumbers(op, a, b), true, nil
	}
	if x, ok := IsString(a); ok {
		if y, ok := IsString(b); ok {
			return Ordered(op, strings.Compare(x, y)), true, nil
		}
	}
	switch x := a.(type) {
	case Bytes:
		if y, ok := b.(Bytes); ok {
			return Ordered(op, cmp.Compare(x, y)), true, nil
		}
	case *List:
		if y, ok := b.(*List); ok {
			v, err := compareItems(th, op, x.Items, y.Items)
			return v, true, err
		}
	case Tuple:
		if y, ok := b.(Tuple); ok {
			v, err := compareItems(th, op, x, y)
			return v, true, err
		}
	case *Dict:
		if y, ok := b.(*Dict); ok && (op == "==" || op == "!=") {
			eq, err := equalDicts(th, x, y)
			return eq == (op == "=="), true, err
		}
	case *Range:
		if y, ok := b.(*Range); ok && (op == "==" || op == "!=") {
			n := x.Count()
			eq := n == y.Count() && (n == 0 || x.Start == y.Start && (n == 1 || x.Step == y.Step))
			return eq == (op == "=="), true, nil
		}
	}
	if x, ok := setItems(a); ok {
		if y, ok := setItems(b); ok {
			return compareSets(op, x, y), true, nil
		}
	}
	return nil, false, nil
}

func compareNumbers(op string, a, b Value) bool {
	x, okx := asBig(a)
	y, oky := asBig(b)
	if okx && oky {
		return Ordered(op, x.Cmp(y))
	}
	f, _ := AsFloat(a)
	g, _ := AsFloat(b)
	switch op { // not through Ordered: NaN is unequal to everything
	case "==":
		return f == g
	case "!=":
		return f != g
	case "<":
		return f < g
	case "<=":
		return f <= g
	case ">":
		return f > g
	}
	return f >= g
}

func compareItems(th *Thread, op string, a, b []Value) (Value, error) {
	if err := th.Enter(); err != nil {
		return nil, err
	}
	defer th.Leave()
	if len(a) != len(b) && (op == "==" || op == "!=") {
		return op == "!=", nil
	}
	for i := 0; i < len(a) && i < len(b); i++ {
		if eq, err := same(th, a[i], b[i]); err != nil {
			return nil, err
		} else if eq {
			continue
		}
		if op == "==" || op == "!=" {
			return op == "!=", nil
		}
		return Compare(th, op, a[i], b[i])
	}
	return Ordered(op, cmp.Compare(len(a), len(b))), nil
}

// same is how containers compare members: identity first.
func same(th *Thread, a, b Value) (bool, error) {
	if _, ok := a.(float64); !ok && Is(a, b) {
		return true, nil
	}
	return Equal(th, a, b)
}

func equalDicts(th *Thread, a, b *Dict) (bool, error) {
	if a.Count() != b.Count() {
		return false, nil
	}
	if err := th.Enter(); err != nil {
		return false, err
	}
	defer th.Leave()
	for k, v := range a.All {
		w, ok, err := b.Get(k)
		if err != nil || !ok {
			return false, err
		}
		if eq, err := same(th, v, w); err != nil || !eq {
			return false, err
		}
	}
	return true, nil
}

// setItems answers sets and the views that act as sets.
func setItems(v Value) (*Dict, bool) {
	switch x := v.(type) {
	case *Set:
		return &x.d, true
	case *DictView:
		if x.kind == dictKeysType {
			return x.d, true
		}
		if x.kind == dictItemsType {
			s, err := NewSet(x.Values()...)
			if err == nil {
				return &s.d, true
			}
		}
	}
	return nil, false
}

func compareSets(op string, a, b *Dict) bool {
	switch op {
	case "==":
		return a.Count() == b.Count() && subset(a, b)
	case "!=":
		return a.Count() != b.Count() || !subset(a, b)
	case "<":
		return a.Count() < b.Count() && subset(a, b)
	case "<=":
		return subset(a, b)
	case ">":
		return a.Count() > b.Count() && subset(b, a)
	}
	return subset(b, a)
}

func subset(a, b *Dict) bool {
	for h := range a.index {
		if _, ok := b.index[h]; !ok {
			return false
		}
	}
	return true
}

// Truth is Python's bool(v).
func Truth(th *Thread, v Value) (bool, error) {
	switch x := v.(type) {
	case nil:
		return false, nil
	case bool:
		return x, nil
	case int:
		return x != 0, nil
	case *big.Int:
		return x.Sign() != 0, nil
	case float64:
		return x != 0, nil
	case string:
		return x != "", nil
	case Markup:
		return x != "", nil
	case Bytes:
		return x != "", nil
	case Tuple:
		return len(x) > 0, nil
	case *List:
		return len(x.Items) > 0, nil
	case Complex:
		return x != 0, nil
	case HasTruth:
		return x.Truth(th)
	case Sized:
		n, err := x.Len(th)
		return n > 0, err
	}
	return true, nil
}

// Contains is Python's v in c.
func Contains(th *Thread, c, v Value) (bool, error) {
	if s, ok := IsString(c); ok {
		sub, ok := IsString(v)
		if !ok {
			if o, isObj := v.(Operand); isObj {
				if _, known, err := o.Binary(th, "in", c, false); known || err != nil {
					return false, err
				}
			}
			return false, TypeError("'in <string>' requires string as left operand, not %s", TypeOf(v).longName())
		}
		return strings.Contains(s, sub), nil
	}
	switch x := c.(type) {
	case Container:
		return x.Contains(th, v)
	case *Dict:
		_, ok, err := x.Get(v)
		return ok, err
	case *Set:
		return x.Has(v)
	case *DictView:
		if x.kind == dictKeysType {
			_, ok, err := x.d.Get(v)
			return ok, err
		}
	}
	it, err := Iter(th, c)
	if err != nil {
		if IsClass(err, "TypeError") {
			return false, TypeError("argument of type '%s' is not iterable", TypeOf(c).longName())
		}
		return false, err
	}
	for {
		m, ok, err := it()
		if err != nil || !ok {
			return false, err
		}
		if eq, err := same(th, m, v); err != nil || eq {
			return eq, err
		}
	}
}
