package py

import "math/big"

// method is a method of a builtin class.
type method func(th *Thread, self Value, a Args) (Value, error)

// methodsOf answers the methods of a builtin value.
func methodsOf(v Value) map[string]method {
	switch v.(type) {
	case string:
		return strMethods
	case Markup:
		return markupMethods
	case *List:
		return listMethods
	case Tuple:
		return tupleMethods
	case *Dict:
		return dictMethods
	case *Set:
		return setMethods
	case int, bool, *big.Int:
		return intMethods
	case float64:
		return floatMethods
	case Bytes:
		return bytesMethods
	case *Range:
		return rangeMethods
	}
	return nil
}

// properties answers the plain attributes of a builtin value.
func properties(v Value) map[string]func(Value) Value {
	switch v.(type) {
	case int, bool, *big.Int:
		return intProperties
	case float64:
		return floatProperties
	case *Range:
		return rangeProperties
	}
	return nil
}

var intProperties = map[string]func(Value) Value{
	"real":        func(v Value) Value { b, _ := asBig(v); return Norm(b) },
	"imag":        func(Value) Value { return 0 },
	"numerator":   func(v Value) Value { b, _ := asBig(v); return Norm(b) },
	"denominator": func(Value) Value { return 1 },
}

var floatProperties = map[string]func(Value) Value{
	"real": func(v Value) Value { return v },
	"imag": func(Value) Value { return 0.0 },
}

var rangeProperties = map[string]func(Value) Value{
	"start": func(v Value) Value { return v.(*Range).Start },
	"stop":  func(v Value) Value { return v.(*Range).Stop },
	"step":  func(v Value) Value { return v.(*Range).Step },
}

// fixed makes a method of C with min to max positional arguments.
func fixed(name string, minArgs, maxArgs int, fn func(th *Thread, self Value, a []Value) (Value, error)) method {
	return func(th *Thread, self Value, a Args) (Value, error) {
		args, err := BindNative(name, a, minArgs, maxArgs)
		if err != nil {
			return nil, err
		}
		return fn(th, self, args)
	}
}

// named makes a method that takes keywords.
func named(name string, fn func(th *Thread, self Value, a []Value) (Value, error), params ...string) method {
	return func(th *Thread, self Value, a Args) (Value, error) {
		args, err := Bind(name, a, params...)
		if err != nil {
			return nil, err
		}
		return fn(th, self, args)
	}
}

var intMethods = map[string]method{
	"bit_length": fixed("int.bit_length", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) {
		b, _ := asBig(v)
		return b.BitLen(), nil
	}),
	"bit_count": fixed("int.bit_count", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) {
		b, _ := asBig(v)
		n := 0
		for i := range b.BitLen() {
			n += int(new(big.Int).Abs(b).Bit(i))
		}
		return n, nil
	}),
	"conjugate":  fixed("int.conjugate", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) { b, _ := asBig(v); return Norm(b), nil }),
	"is_integer": fixed("int.is_integer", 0, 0, func(*Thread, Value, []Value) (Value, error) { return true, nil }),
	"as_integer_ratio": fixed("int.as_integer_ratio", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) {
		b, _ := asBig(v)
		return Tuple{Norm(b), 1}, nil
	}),
}

var floatMethods = map[string]method{
	"is_integer": fixed("float.is_integer", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) {
		_, acc := big.NewFloat(v.(float64)).Int(nil)
		return acc == big.Exact, nil
	}),
	"conjugate": fixed("float.conjugate", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) { return v, nil }),
	"as_integer_ratio": fixed("float.as_integer_ratio", 0, 0, func(_ *Thread, v Value, _ []Value) (Value, error) {
		r := new(big.Rat).SetFloat64(v.(float64))
		if r == nil {
			return nil, Errorf("OverflowError", "cannot convert Infinity to integer ratio")
		}
		return Tuple{Norm(r.Num()), Norm(r.Denom())}, nil
	}),
}

var rangeMethods = map[string]method{
	"index": fixed("range.index", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		items, err := Collect(th, self)
		if err != nil {
			return nil, err
		}
		s, err := Repr(th, a[0])
		if err != nil {
			return nil, err
		}
		return find(th, items, a, s+" is not in range")
	}),
	"count": fixed("range.count", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		items, err := Collect(th, self)
		if err != nil {
			return nil, err
		}
		return countIn(th, items, a[0])
	}),
}
