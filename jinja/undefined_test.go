package jinja

import (
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/jinja/py"
)

// TestUndefinedUse holds what a strict undefined value does where a default would be easy to slip in.
func TestUndefinedUse(t *testing.T) {
	t.Parallel()
	e := NewEnvironment(Config{})
	const fails = "!! UndefinedError: 'u' is undefined"
	for _, c := range [][2]string{
		{"{{ u | int }}", fails},
		{"{{ u | int(3) }}", fails},
		{"{{ u | float }}", fails},
		{"{{ u | filesizeformat }}", fails},
		{"{{ '%d' % u }}", fails},
		{"{{ '%.1f' % u }}", fails},
		{"{{ u | list }}", fails},
		{"{{ u is filter }}", fails},
		{"{{ u is divisibleby 3 }}", fails},
		{"{{ u is sequence }}", "False"},
		{"{{ u is number }}", "False"},
		{"{{ u | abs }}", "!! TypeError: bad operand type for abs(): 'StrictUndefined'"},
		{"{{ u | round }}", "!! TypeError: type StrictUndefined doesn't define __round__ method"},
		{"{{ u | round(1, 'ceil') }}", fails},
		{"{{ u | default(5) | int }}", "5"},
	} {
		if got := render(t, e, c[0], nil); got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

func TestFilterCorners(t *testing.T) {
	t.Parallel()
	e := NewEnvironment(Config{})
	for _, c := range [][2]string{
		{"{{ -0.5 | round(0, 'ceil') }}", "0.0"},
		{"{{ 'a' | round(0, 'floor') }}", "!! TypeError: must be real number, not str"},
		{"{{ -0.5 | filesizeformat }}", "0 Bytes"},
		{"{{ [1, 2, 3] | slice(3, 'f') | list }}", "[[1, 'f'], [2, 'f'], [3, 'f']]"},
		{"{{ '<' | e | list }}", "['&', 'l', 't', ';']"},
		{"{{ [] is test }}", "!! TypeError: unhashable type: 'list'"},
		{"{{ 5 | indent }}", "!! TypeError: unsupported operand type(s) for +=: 'int' and 'str'"},
	} {
		if got := render(t, e, c[0], nil); got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

// TestNativeOrder: values of native mode fail where Jinja prints them.
func TestNativeOrder(t *testing.T) {
	t.Parallel()
	e := NewEnvironment(Config{Native: true})
	for _, c := range [][2]string{
		{"{{ u }}", "'u' is undefined"},
		{"{{ u }}{{ loop.index }}", "'loop' is undefined"},
		{"{{ u }}{{ 1 }}{{ loop.index }}", "'u' is undefined"},
		{"{% raw %}{{ {} }}{% endraw %}", "unhashable type"},
	} {
		tmpl, err := e.Parse(c[0])
		if err != nil {
			t.Fatal(err)
		}
		if v, err := tmpl.Render(t.Context(), nil); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, %v, want %s", c[0], v, err, c[1])
		}
	}
	for _, c := range [][2]string{
		{"{% set v %}{{ u }}{% endset %}{{ v is defined }}", "False"},
		{"{% raw %}{{ {} }} {% {% endraw %}", "{{ {} }} {%"},
	} {
		tmpl, err := e.Parse(c[0])
		if err != nil {
			t.Fatal(err)
		}
		v, err := tmpl.Render(t.Context(), nil)
		if s, _ := py.Str(py.Detached(py.Limits{}), v); err != nil || strings.TrimSpace(s) != c[1] {
			t.Errorf("%s: %v, %v, want %s", c[0], v, err, c[1])
		}
	}
}

// FuzzRender: no template makes the engine panic, run on or write without bound.
func FuzzRender(f *testing.F) {
	for _, s := range []string{
		"{{ a }}", "{% for x in a recursive %}{{ loop(x) }}{% endfor %}", "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "{{ 'a' * 10**9 }}",
		"{{ 10 ** 10 ** 10 }}", "{{ '%*d' % (10**9, 1) }}", "{{ '{:>999999999}'.format(1) }}", "{% set x = [] %}{% do x.append(x) %}{{ x }}",
		"{{ range(10**9) | list }}", "{% raw %}{{{% endraw %}", "{#-#}{%- if a -%}", "{{ ''.join(['a']) | attr('__class__') }}", "{% include 'x' %}", "{{ a[::-1] | map('upper') | join }}",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, src string, native bool) {
		e := NewEnvironment(Config{
			Native: native, Loader: mapLoader{"x": "{{ a }}"}, MaxOutput: 1 << 16,
			Limits: py.Limits{Steps: 20_000, Bytes: 1 << 20, Depth: 50},
		})
		tmpl, err := e.Parse(src)
		if err != nil {
			return
		}
		v, err := tmpl.Render(t.Context(), MapVars{"a": py.NewList("x", 1, py.NewList())})
		if s, ok := v.(string); err == nil && ok && len(s) > 1<<20 {
			t.Errorf("%q wrote %d bytes", src, len(s))
		}
	})
}
