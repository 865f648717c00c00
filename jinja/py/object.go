package py

// Value is anything a template can hold; see the package comment for the list.
type Value = any

// Type is a Python class. It is itself a value: it prints as <class 'x'> and may be callable.
type Type struct {
	Module string // "builtins", "pendulum.datetime"
	Name   string
	// New makes an instance; nil means that templates cannot.
	New func(th *Thread, a Args) (Value, error)
	// Attrs are the class attributes: constants and class methods.
	Attrs map[string]Value
	// Static says that the class is written in C: messages name such a class with its module.
	Static bool
}

// longName is what messages of the interpreter call the class.
func (t *Type) longName() string {
	if t.Static {
		return t.QualName()
	}
	return t.Name
}

// QualName is module.name as str(type) prints it, without "builtins.".
func (t *Type) QualName() string {
	if t.Module == "builtins" || t.Module == "" {
		return t.Name
	}
	return t.Module + "." + t.Name
}

// Type of a class is type.
func (t *Type) Type() *Type { return typeType }

// Repr is <class 'name'>.
func (t *Type) Repr(*Thread) (string, error) { return "<class '" + t.QualName() + "'>", nil }

// Attr looks among the class attributes.
func (t *Type) Attr(_ *Thread, name string) (Value, bool, error) {
	switch name {
	case "__name__":
		return t.Name, true, nil
	case "__module__":
		return t.Module, true, nil
	}
	v, ok := t.Attrs[name]
	return v, ok, nil
}

// Call makes an instance.
func (t *Type) Call(th *Thread, a Args) (Value, error) {
	if t.New == nil {
		return nil, TypeError("cannot create '%s' instances", t.QualName())
	}
	return t.New(th, a)
}

// Object is a value with its own class. The interfaces below are optional.
type Object interface {
	Type() *Type
}

// HasAttr has attributes; ok is false when there is none of that name.
type HasAttr interface {
	Attr(th *Thread, name string) (v Value, ok bool, err error)
}

// HasItem answers obj[key], with Python's errors.
type HasItem interface {
	Item(th *Thread, key Value) (Value, error)
}

// HasStr prints itself for str().
type HasStr interface {
	Str(th *Thread) (string, error)
}

// HasNumber answers int(), float() and the formats of numbers, or fails in its own way.
type HasNumber interface {
	Number(th *Thread) (Value, error)
}

// HasRepr prints itself for repr(), and for str() without HasStr.
type HasRepr interface {
	Repr(th *Thread) (string, error)
}

// Callable can be called.
type Callable interface {
	Call(th *Thread, a Args) (Value, error)
}

// Iterator gives the next value; ok is false at the end.
type Iterator func() (v Value, ok bool, err error)

// Iterable can be iterated.
type Iterable interface {
	Iter(th *Thread) (Iterator, error)
}

// Sized has a len().
type Sized interface {
	Len(th *Thread) (int, error)
}

// HasTruth answers bool(); objects without it are true, or true when Sized and not empty.
type HasTruth interface {
	Truth(th *Thread) (bool, error)
}

// Comparer answers ==, !=, <, <=, >, >=; ok is false when it does not know the other operand.
type Comparer interface {
	Compare(th *Thread, op string, other Value) (result Value, ok bool, err error)
}

// Operand answers binary operators; reflected means that the object is the right operand.
type Operand interface {
	Binary(th *Thread, op string, other Value, reflected bool) (result Value, ok bool, err error)
}

// UnaryOperand answers "-", "+", "abs".
type UnaryOperand interface {
	Unary(th *Thread, op string) (result Value, ok bool, err error)
}

// Container answers "in".
type Container interface {
	Contains(th *Thread, v Value) (bool, error)
}

// Hashed can be a key of a dict; the result is comparable and equal for equal values.
type Hashed interface {
	Hash() (any, error)
}

// HasFormat answers format(obj, spec).
type HasFormat interface {
	Format(th *Thread, spec string) (string, error)
}

// Args are the arguments of a call.
type Args struct {
	Pos []Value
	Kw  []KwArg
}

// KwArg is one keyword argument.
type KwArg struct {
	Name  string
	Value Value
}

// Func is a function made in Go. What it is called with is checked against nothing: use [Bind].
type Func struct {
	Name string
	Fn   func(th *Thread, a Args) (Value, error)
	// Owner is what a method is bound to; it only shows in the repr.
	Owner Value
	// Native marks a function of C rather than of Python, which shows in the repr.
	Native bool
}

// Type is that of a function or a bound method.
func (f *Func) Type() *Type {
	switch {
	case f.Native:
		return builtinFuncType
	case f.Owner != nil:
		return methodType
	}
	return functionType
}

// Repr names the function; addresses print as 0x7f0000000000, because they mean nothing here.
func (f *Func) Repr(th *Thread) (string, error) {
	switch {
	case f.Owner != nil && f.Native:
		return "<built-in method " + f.Name + " of " + TypeOf(f.Owner).longName() + " object at " + address + ">", nil
	case f.Owner != nil:
		r, err := Repr(th, f.Owner)
		return "<bound method " + TypeOf(f.Owner).Name + "." + f.Name + " of " + r + ">", err
	case f.Native:
		return "<built-in function " + f.Name + ">", nil
	}
	return "<function " + f.Name + " at " + address + ">", nil
}

// Call runs the function.
func (f *Func) Call(th *Thread, a Args) (Value, error) { return f.Fn(th, a) }

// address stands for the addresses that Python prints: stable, and plainly not real.
const address = "0x7f0000000000"

// Call calls fn.
func Call(th *Thread, fn Value, a Args) (Value, error) {
	c, ok := fn.(Callable)
	if !ok {
		return nil, TypeError("'%s' object is not callable", TypeOf(fn).longName())
	}
	if err := th.Step(); err != nil {
		return nil, err
	}
	if err := th.Enter(); err != nil {
		return nil, err
	}
	defer th.Leave()
	return c.Call(th, a)
}

// Default is how an object without a repr of its own prints.
func defaultRepr(v Value) string {
	return "<" + TypeOf(v).reprName() + " object at " + address + ">"
}

func (t *Type) reprName() string { return t.QualName() }
