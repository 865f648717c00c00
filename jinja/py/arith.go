package py

import (
	"math"
	"math/big"
	"strings"
)

// Binary is Python's a op b for + - * / // % **, |, &, ^.
func Binary(th *Thread, op string, a, b Value) (Value, error) {
	if err := th.Step(); err != nil {
		return nil, err
	}
	if x, ok := a.(int); ok {
		if y, ok := b.(int); ok {
			if v, done := smallInts(op, x, y); done {
				return v, nil
			}
		}
	}
	if o, ok := a.(Operand); ok {
		if v, known, err := o.Binary(th, op, b, false); known || err != nil {
			return v, err
		}
	}
	if o, ok := b.(Operand); ok {
		if v, known, err := o.Binary(th, op, a, true); known || err != nil {
			return v, err
		}
	}
	if IsNumber(a) && IsNumber(b) {
		if v, known, err := numbers(th, op, a, b); known || err != nil {
			return v, err
		}
	}
	if v, known, err := sequences(th, op, a, b); known || err != nil {
		return v, err
	}
	return nil, operandError(op, a, b)
}

func operandError(op string, a, b Value) error {
	if op == "+" {
		switch TypeOf(a) {
		case strType, listType, tupleType:
			n := TypeOf(a).Name
			return TypeError("can only concatenate %s (not \"%s\") to %s", n, TypeOf(b).longName(), n)
		}
	}
	if op == "*" {
		if isSequence(a) {
			return TypeError("can't multiply sequence by non-int of type '%s'", TypeOf(b).longName())
		}
		if isSequence(b) {
			return TypeError("can't multiply sequence by non-int of type '%s'", TypeOf(a).longName())
		}
	}
	if op == "**" {
		op = "** or pow()"
	}
	return TypeError("unsupported operand type(s) for %s: '%s' and '%s'", op, TypeOf(a).longName(), TypeOf(b).longName())
}

func isSequence(v Value) bool {
	switch v.(type) {
	case string, *List, Tuple, Bytes:
		return true
	}
	return false
}

// smallInts is the fast way for what cannot overflow.
func smallInts(op string, x, y int) (Value, bool) {
	const safe = 1 << 31
	if x < -safe || x > safe || y < -safe || y > safe {
		return nil, false
	}
	switch op {
	case "+":
		return x + y, true
	case "-":
		return x - y, true
	case "*":
		return x * y, true
	}
	return nil, false
}

func numbers(th *Thread, op string, a, b Value) (Value, bool, error) {
	x, okx := asBig(a)
	y, oky := asBig(b)
	if okx && oky {
		return integers(th, op, x, y)
	}
	f, _ := AsFloat(a)
	g, _ := AsFloat(b)
	return floats(op, f, g)
}

func integers(th *Thread, op string, x, y *big.Int) (Value, bool, error) {
	z := new(big.Int)
	switch op {
	case "+":
		return Norm(z.Add(x, y)), true, nil
	case "-":
		return Norm(z.Sub(x, y)), true, nil
	case "*":
		if err := th.Alloc((x.BitLen() + y.BitLen()) / 8); err != nil {
			return nil, true, err
		}
		return Norm(z.Mul(x, y)), true, nil
	case "/":
		if y.Sign() == 0 {
			return nil, true, Errorf("ZeroDivisionError", "division by zero")
		}
		f, _ := new(big.Rat).SetFrac(x, y).Float64()
		if math.IsInf(f, 0) {
			return nil, true, Errorf("OverflowError", "integer division result too large for a float")
		}
		return f, true, nil
	case "//", "%":
		if y.Sign() == 0 {
			return nil, true, Errorf("ZeroDivisionError", "%s", zeroDivision(op))
		}
		q, m := floorDiv(x, y)
		if op == "//" {
			return Norm(q), true, nil
		}
		return Norm(m), true, nil
	case "**":
		v, err := power(th, x, y)
		return v, true, err
	case "|":
		return Norm(z.Or(x, y)), true, nil
	case "&":
		return Norm(z.And(x, y)), true, nil
	case "^":
		return Norm(z.Xor(x, y)), true, nil
	}
	return nil, false, nil
}

func zeroDivision(op string) string {
	if op == "%" {
		return "integer modulo by zero"
	}
	return "integer division or modulo by zero"
}

func floorDiv(x, y *big.Int) (q, m *big.Int) {
	q, m = new(big.Int).QuoRem(x, y, new(big.Int))
	if m.Sign() != 0 && (m.Sign() < 0) != (y.Sign() < 0) {
		q.Sub(q, big.NewInt(1))
		m.Add(m, y)
	}
	return q, m
}

func power(th *Thread, x, y *big.Int) (Value, error) {
	if y.Sign() < 0 {
		if x.Sign() == 0 {
			return nil, Errorf("ZeroDivisionError", "0.0 cannot be raised to a negative power")
		}
		f, _ := AsFloat(x)
		g, _ := AsFloat(y)
		return math.Pow(f, g), nil
	}
	if x.BitLen() > 1 {
		if !y.IsInt64() || y.Int64() > int64(1<<32)/int64(x.BitLen()) {
			return nil, &LimitError{What: "bytes", Limit: th.limits.Bytes}
		}
		if err := th.Alloc(x.BitLen() * int(y.Int64()) / 8); err != nil {
			return nil, err
		}
	}
	if x.BitLen() <= 1 { // 0, 1, -1: the exponent may be huge
		switch {
		case y.Sign() == 0 || x.Sign() > 0 || x.Sign() < 0 && y.Bit(0) == 0:
			return 1, nil
		}
		return x.Sign(), nil
	}
	return Norm(new(big.Int).Exp(x, y, nil)), nil
}

func floats(op string, f, g float64) (Value, bool, error) {
	switch op {
	case "+":
		return f + g, true, nil
	case "-":
		return f - g, true, nil
	case "*":
		return f * g, true, nil
	case "/":
		if g == 0 {
			return nil, true, Errorf("ZeroDivisionError", "float division by zero")
		}
		return f / g, true, nil
	case "//", "%":
		if g == 0 {
			msg := "float floor division by zero"
			if op == "%" {
				msg = "float modulo"
			}
			return nil, true, Errorf("ZeroDivisionError", "%s", msg)
		}
		q, m := floatDivMod(f, g)
		if op == "//" {
			return q, true, nil
		}
		return m, true, nil
	case "**":
		return floatPower(f, g)
	}
	return nil, false, nil
}

func floatDivMod(f, g float64) (q, m float64) {
	m = math.Mod(f, g)
	q = (f - m) / g
	switch {
	case m != 0 && (m < 0) != (g < 0):
		m += g
		q--
	case m == 0:
		m = math.Copysign(0, g)
	}
	if q == 0 {
		return math.Copysign(0, f/g), m
	}
	floor := math.Floor(q)
	if q-floor > 0.5 {
		floor++
	}
	return floor, m
}

func floatPower(f, g float64) (Value, bool, error) {
	if f == 0 && g < 0 {
		return nil, true, Errorf("ZeroDivisionError", "0.0 cannot be raised to a negative power")
	}
	if f < 0 && g != math.Trunc(g) && !math.IsInf(f, 0) && !math.IsInf(g, 0) {
		return nil, true, ValueError("a negative number to a fractional power is a complex number, which templates do not support here")
	}
	r := math.Pow(f, g)
	if math.IsInf(r, 0) && !math.IsInf(f, 0) && !math.IsInf(g, 0) {
		return nil, true, Errorf("OverflowError", "(34, 'Numerical result out of range')")
	}
	return r, true, nil
}

func sequences(th *Thread, op string, a, b Value) (Value, bool, error) {
	switch op {
	case "+":
		return concat(th, a, b)
	case "*":
		if n, ok := AsInt(b); ok && isSequence(a) {
			v, err := repeat(th, a, n)
			return v, true, err
		}
		if n, ok := AsInt(a); ok && isSequence(b) {
			v, err := repeat(th, b, n)
			return v, true, err
		}
	case "%":
		if s, ok := a.(string); ok {
			v, err := Percent(th, s, b)
			return v, true, err
		}
	case "|", "&", "-", "^":
		if x, ok := a.(*Dict); ok && op == "|" {
			if y, ok := b.(*Dict); ok {
				c := x.Copy()
				for k, v := range y.All {
					_ = c.Set(k, v) // hashed before
				}
				return c, true, nil
			}
		}
		return setOperation(op, a, b)
	}
	return nil, false, nil
}

func concat(th *Thread, a, b Value) (Value, bool, error) {
	switch x := a.(type) {
	case string:
		if y, ok := IsString(b); ok {
			return x + y, true, th.Alloc(len(x) + len(y))
		}
	case Bytes:
		if y, ok := b.(Bytes); ok {
			return x + y, true, th.Alloc(len(x) + len(y))
		}
	case *List:
		if y, ok := b.(*List); ok {
			return &List{Items: joinItems(x.Items, y.Items)}, true, th.Alloc(16 * (len(x.Items) + len(y.Items)))
		}
	case Tuple:
		if y, ok := b.(Tuple); ok {
			return Tuple(joinItems(x, y)), true, th.Alloc(16 * (len(x) + len(y)))
		}
	}
	return nil, false, nil
}

func joinItems(a, b []Value) []Value {
	out := make([]Value, 0, len(a)+len(b))
	return append(append(out, a...), b...)
}

func repeat(th *Thread, v Value, n int) (Value, error) {
	n = max(n, 0)
	size := func(l, each int) error {
		if l > 0 && n > math.MaxInt/l/each {
			return Errorf("MemoryError", "")
		}
		return th.Alloc(l * each * n)
	}
	switch x := v.(type) {
	case string:
		if err := size(len(x), 1); err != nil {
			return nil, err
		}
		return strings.Repeat(x, n), nil
	case Bytes:
		if err := size(len(x), 1); err != nil {
			return nil, err
		}
		return Bytes(strings.Repeat(string(x), n)), nil
	case *List:
		if err := size(len(x.Items), 16); err != nil {
			return nil, err
		}
		return &List{Items: repeatItems(x.Items, n)}, nil
	}
	t := v.(Tuple)
	if err := size(len(t), 16); err != nil {
		return nil, err
	}
	return Tuple(repeatItems(t, n)), nil
}

func repeatItems(items []Value, n int) []Value {
	if len(items) == 0 {
		return nil
	}
	out := make([]Value, 0, len(items)*n)
	for range n {
		out = append(out, items...)
	}
	return out
}

func setOperation(op string, a, b Value) (Value, bool, error) {
	x, okx := setItems(a)
	y, oky := setItems(b)
	if !okx || !oky {
		return nil, false, nil
	}
	out := &Set{}
	for k := range x.All {
		_, in, err := y.Get(k)
		if err != nil {
			return nil, true, err
		}
		if op == "|" || in == (op == "&") {
			_ = out.Add(k) // hashed before
		}
	}
	if op == "|" || op == "^" {
		for k := range y.All {
			if _, in, err := x.Get(k); err == nil && (op == "|" || !in) {
				_ = out.Add(k)
			}
		}
	}
	return out, true, nil
}

// Unary is Python's -v or +v.
func Unary(th *Thread, op string, v Value) (Value, error) {
	if o, ok := v.(UnaryOperand); ok {
		if r, known, err := o.Unary(th, op); known || err != nil {
			return r, err
		}
	}
	if f, ok := v.(float64); ok {
		if op == "-" {
			return -f, nil
		}
		return f, nil
	}
	if b, ok := asBig(v); ok {
		if op == "-" {
			return Norm(new(big.Int).Neg(b)), nil
		}
		return Norm(b), nil
	}
	return nil, TypeError("bad operand type for unary %s: '%s'", op, TypeOf(v).longName())
}

// Abs is Python's abs(v).
func Abs(th *Thread, v Value) (Value, error) {
	if o, ok := v.(UnaryOperand); ok {
		if r, known, err := o.Unary(th, "abs"); known || err != nil {
			return r, err
		}
	}
	if f, ok := v.(float64); ok {
		return math.Abs(f), nil
	}
	if b, ok := asBig(v); ok {
		return Norm(new(big.Int).Abs(b)), nil
	}
	return nil, TypeError("bad operand type for abs(): '%s'", TypeOf(v).longName())
}
