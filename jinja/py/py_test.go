package py

import (
	"context"
	"math"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func thread() *Thread { return NewThread(context.Background(), Limits{}) }

func TestRepr(t *testing.T) {
	t.Parallel()
	d := NewDict()
	d.SetStr("a", 1)
	d.SetStr("b", Tuple{"x"})
	loop := NewList(1)
	loop.Items = append(loop.Items, loop)
	big1, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	for _, c := range []struct {
		v    Value
		want string
	}{
		{nil, "None"}, {true, "True"}, {-5, "-5"}, {big1, "123456789012345678901234567890"},
		{1.0, "1.0"}, {1e16, "1e+16"}, {1e15, "1000000000000000.0"}, {0.0001, "0.0001"}, {0.00001, "1e-05"}, {1e100, "1e+100"},
		{"it's", `"it's"`}, {`"'`, `'"\''`}, {"a\n\x00é\u200b", `'a\n\x00é\u200b'`},
		{Tuple{}, "()"}, {Tuple{1}, "(1,)"}, {NewList(nil, "x", Tuple{1, 2}), "[None, 'x', (1, 2)]"},
		{d, "{'a': 1, 'b': ('x',)}"}, {d.Items(), "dict_items([('a', 1), ('b', ('x',))])"}, {&Set{}, "set()"},
		{loop, "[1, [...]]"}, {Bytes("a\xff'"), `b"a\xff'"`}, {&Range{0, 5, 1}, "range(0, 5)"}, {Complex(complex(1, 2)), "(1+2j)"},
		{Markup("<"), "Markup('<')"}, {boolType, "<class 'bool'>"}, {markupType, "<class 'markupsafe.Markup'>"},
	} {
		got, err := Repr(thread(), c.v)
		if err != nil || got != c.want {
			t.Errorf("Repr(%#v) = %s, %v; want %s", c.v, got, err, c.want)
		}
	}
}

func TestPercentAndFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format string
		arg    Value
		want   string
	}{
		{"%05.2f", 3.14159, "03.14"}, {"%5s|%-5s|", Tuple{"a", "b"}, "    a|b    |"}, {"%+d % d %x %X %#o", Tuple{5, 5, 255, 255, 8}, "+5  5 ff FF 0o10"},
		{"%e %g %G", Tuple{12345.678, 1e-10, 1e20}, "1.234568e+04 1e-10 1E+20"}, {"%%", Tuple{}, "%"}, {"%r", "a", "'a'"}, {"%.2s", "abc", "ab"},
		{"%*d", Tuple{5, 3}, "    3"}, {"%c%c", Tuple{65, "b"}, "Ab"}, {"%i", 3.9, "3"}, {"%5.1f%%", 99.55, " 99.5%"}, {"%s", NewList(1), "[1]"},
	} {
		got, err := Percent(thread(), c.format, c.arg)
		if err != nil || got != c.want {
			t.Errorf("%q %% %v = %q, %v; want %q", c.format, c.arg, got, err, c.want)
		}
	}
	for _, c := range []struct {
		v          Value
		spec, want string
	}{
		{1234567, ",", "1,234,567"}, {1234567.891, ",.2f", "1,234,567.89"}, {5, "05d", "00005"}, {-5, "05d", "-0005"}, {255, "#x", "0xff"},
		{255, "#010b", "0b11111111"}, {"a", ">5", "    a"}, {"a", "*^5", "**a**"}, {3.14159, ".3", "3.14"}, {0.5, ".0%", "50%"}, {1e20, "", "1e+20"},
		{1234, "08,", "0,001,234"}, {12, "+d", "+12"}, {1.5, "g", "1.5"}, {10.0, ".1", "1e+01"}, {65, "c", "A"}, {123456, "_", "123_456"}, {math.Copysign(0, -1), "z.1f", "0.0"},
		{true, "", "True"}, {true, "d", "1"}, {"abc", ".2", "ab"}, {3, ".1f", "3.0"},
	} {
		got, err := FormatValue(thread(), c.v, c.spec)
		if err != nil || got != c.want {
			t.Errorf("format(%v, %q) = %q, %v; want %q", c.v, c.spec, got, err, c.want)
		}
	}
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"5": "5", "-5": "-5", "1,2": "(1, 2)", "[1,\n2]": "[1, 2]", "'a' \"b\"": "'ab'", "{'a': 1}": "{'a': 1}", "{1, 2}": "{1, 2}",
		"1+2j": "(1+2j)", "b'x'": "b'x'", "...": "Ellipsis", "0x10": "16", "1e3": "1000.0", "()": "()", "(1,)": "(1,)", "\n5": "5", "5 # c": "5", "True": "True",
		"1_000": "1000", "set()": "set()", "r'\\n'": `'\\n'`, "5.": "5.0", ".5": "0.5", "00": "0",
	} {
		v, err := Literal(thread(), in)
		if err != nil {
			t.Errorf("Literal(%q): %v", in, err)
			continue
		}
		if got, _ := Repr(thread(), v); got != want {
			t.Errorf("Literal(%q) = %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", " 5", "\t5", "05", "1 + 1", "true", "null", "#c", "[1", "1 2", "'a", "a", "-'a'", "--5", "1__0", "{1: 2", "f'x'", "(1, 2", "[[[", "2024-01-01", "'\n'", "-True"} {
		if v, err := Literal(thread(), in); err == nil {
			t.Errorf("Literal(%q) = %v, want an error", in, v)
		}
	}
}

func TestFailuresReadAsPythons(t *testing.T) {
	t.Parallel()
	th := thread()
	bin := func(op string, a, b Value) error { _, err := Binary(th, op, a, b); return err }
	cmpErr := func(op string, a, b Value) error { _, err := Compare(th, op, a, b); return err }
	pct := func(s string, a Value) error { _, err := Percent(th, s, a); return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{bin("+", "a", 1), `TypeError: can only concatenate str (not "int") to str`},
		{bin("+", 1, "a"), "TypeError: unsupported operand type(s) for +: 'int' and 'str'"},
		{bin("**", 1, "a"), "TypeError: unsupported operand type(s) for ** or pow(): 'int' and 'str'"},
		{bin("*", "a", 1.5), "TypeError: can't multiply sequence by non-int of type 'float'"},
		{bin("/", 1, 0), "ZeroDivisionError: division by zero"},
		{cmpErr("<", nil, 1), "TypeError: '<' not supported between instances of 'NoneType' and 'int'"},
		{pct("%d", "a"), "TypeError: %d format: a real number is required, not str"},
		{pct("%s", Tuple{}), "TypeError: not enough arguments for format string"},
		{pct("a", 1), "TypeError: not all arguments converted during string formatting"},
		{pct("%y", 1), "ValueError: unsupported format character 'y' (0x79) at index 1"},
		{bin("*", "a", 1<<40), "the template needs more than 268435456 bytes, which is the limit"},
		{bin("**", 10, 1<<40), "the template needs more than 268435456 bytes, which is the limit"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
}

func TestDictKeysThatAreEqual(t *testing.T) {
	t.Parallel()
	d := NewDict()
	for i, k := range []Value{1, 1.0, true, "1", Tuple{1, "a"}, Tuple{1.0, "a"}, nil} {
		if err := d.Set(k, i); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := Repr(thread(), d)
	if diff := cmp.Diff("{1: 2, '1': 3, (1, 'a'): 5, None: 6}", got); diff != "" {
		t.Error(diff)
	}
	if err := d.Set(NewList(), 1); err == nil || err.Error() != "TypeError: unhashable type: 'list'" {
		t.Errorf("got %v", err)
	}
}
