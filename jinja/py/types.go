package py

import "math/big"

func builtin(name string) *Type { return &Type{Module: "builtins", Name: name} }

// The classes of plain values. They never change.
var (
	typeType        = builtin("type")
	noneType        = builtin("NoneType")
	boolType        = builtin("bool")
	intType         = builtin("int")
	floatType       = builtin("float")
	strType         = builtin("str")
	bytesType       = builtin("bytes")
	listType        = builtin("list")
	tupleType       = builtin("tuple")
	dictType        = builtin("dict")
	setType         = builtin("set")
	rangeType       = builtin("range")
	complexType     = builtin("complex")
	ellipsisType    = builtin("ellipsis")
	sliceType       = builtin("slice")
	functionType    = builtin("function")
	methodType      = builtin("method")
	builtinFuncType = builtin("builtin_function_or_method")
	dictItemsType   = builtin("dict_items")
	dictKeysType    = builtin("dict_keys")
	dictValuesType  = builtin("dict_values")
	listRevType     = builtin("list_reverseiterator")
	generatorType   = builtin("generator")
	markupType      = &Type{Module: "markupsafe", Name: "Markup"}
)

// TypeOf answers the class of v.
func TypeOf(v Value) *Type {
	switch x := v.(type) {
	case nil:
		return noneType
	case bool:
		return boolType
	case int, *big.Int:
		return intType
	case float64:
		return floatType
	case string:
		return strType
	case Object:
		return x.Type()
	}
	return &Type{Module: "go", Name: "unknown"}
}

// Tuple is Python's tuple.
type Tuple []Value

// Type is tuple.
func (Tuple) Type() *Type { return tupleType }

// List is Python's list: shared and mutable.
type List struct{ Items []Value }

// NewList makes a list that owns items.
func NewList(items ...Value) *List { return &List{Items: items} }

// Type is list.
func (*List) Type() *Type { return listType }

// Bytes is Python's bytes.
type Bytes string

// Type is bytes.
func (Bytes) Type() *Type { return bytesType }

// Complex is Python's complex; it only exists as the result of a literal.
type Complex complex128

// Type is complex.
func (Complex) Type() *Type { return complexType }

type ellipsis struct{}

// Ellipsis is Python's "...".
var Ellipsis Value = ellipsis{}

func (ellipsis) Type() *Type                  { return ellipsisType }
func (ellipsis) Repr(*Thread) (string, error) { return "Ellipsis", nil }

// Range is Python's range.
type Range struct{ Start, Stop, Step int }

// Type is range.
func (*Range) Type() *Type { return rangeType }

// Count is how many numbers the range has.
func (r *Range) Count() int {
	switch {
	case r.Step > 0 && r.Start < r.Stop:
		return (r.Stop-r.Start-1)/r.Step + 1
	case r.Step < 0 && r.Start > r.Stop:
		return (r.Start-r.Stop-1)/-r.Step + 1
	}
	return 0
}

// Len is Count.
func (r *Range) Len(*Thread) (int, error) { return r.Count(), nil }

// Slice is the subscript a[start:stop:step]; absent parts are nil.
type Slice struct{ Start, Stop, Step Value }

// Type is slice.
func (Slice) Type() *Type { return sliceType }

// Generator is an iterator that can be walked once.
type Generator struct {
	next Iterator
	kind *Type
	name string
}

// NewGenerator wraps an iterator; name is what its repr says.
func NewGenerator(name string, next Iterator) *Generator {
	return &Generator{next: next, kind: generatorType, name: name}
}

// Type is generator or that of a reversed list.
func (g *Generator) Type() *Type { return g.kind }

// Iter continues where the last walk stopped.
func (g *Generator) Iter(*Thread) (Iterator, error) { return g.next, nil }

// Repr is <generator object name at 0x...>.
func (g *Generator) Repr(*Thread) (string, error) {
	if g.kind == generatorType {
		return "<generator object " + g.name + " at " + address + ">", nil
	}
	return defaultRepr(g), nil
}

// FromSlice makes an iterator of items.
func FromSlice(items []Value) Iterator {
	i := 0
	return func() (Value, bool, error) {
		if i >= len(items) {
			return nil, false, nil
		}
		i++
		return items[i-1], true, nil
	}
}

// Norm answers b as an int when it fits.
func Norm(b *big.Int) Value {
	if b.IsInt64() {
		return int(b.Int64())
	}
	return b
}

// AsInt answers v when it is an int or a bool that fits 64 bits.
func AsInt(v Value) (int, bool) {
	switch x := v.(type) {
	case int:
		return x, true
	case bool:
		if x {
			return 1, true
		}
		return 0, true
	case Inter:
		return x.Int(), true
	}
	return 0, false
}

// Inter is an object that counts as an int (a member of an IntEnum).
type Inter interface{ Int() int }

// AsIndex is [AsInt] with the error of an index that is no integer.
func AsIndex(v Value) (int, error) {
	i, ok := AsInt(v)
	if !ok {
		if b, isBig := v.(*big.Int); isBig {
			if b.Sign() < 0 {
				return -1 << 62, nil
			}
			return 1 << 62, nil
		}
		return 0, TypeError("'%s' object cannot be interpreted as an integer", TypeOf(v).longName())
	}
	return i, nil
}

func asBig(v Value) (*big.Int, bool) {
	if b, ok := v.(*big.Int); ok {
		return b, true
	}
	i, ok := AsInt(v)
	if !ok {
		return nil, false
	}
	return big.NewInt(int64(i)), true
}

// AsFloat answers any real number as a float.
func AsFloat(v Value) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case *big.Int:
		f, _ := new(big.Float).SetInt(x).Float64()
		return f, true
	}
	i, ok := AsInt(v)
	return float64(i), ok
}

// IsNumber reports whether v is an int, a float or a bool.
func IsNumber(v Value) bool {
	_, ok := AsFloat(v)
	return ok
}

// IsString answers the text of a str or Markup.
func IsString(v Value) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case Markup:
		return string(x), true
	case StrLike:
		return x.String(), true
	}
	return "", false
}

// StrLike is an object that is also a str (a member of a StrEnum).
type StrLike interface {
	Object
	String() string
}
