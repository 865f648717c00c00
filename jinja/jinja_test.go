package jinja

import (
	"context"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/jinja/py"
)

// mapLoader supplies templates from a map.
type mapLoader map[string]string

func (m mapLoader) Load(name string) (string, error) {
	s, ok := m[name]
	if !ok {
		return "", ErrNotFound
	}
	return s, nil
}

func render(t *testing.T, e *Environment, src string, vars MapVars) string {
	t.Helper()
	tmpl, err := e.Parse(src)
	if err == nil {
		var s string
		if s, err = tmpl.RenderText(context.Background(), vars); err == nil {
			return s
		}
	}
	class, msg, ok := Exception(err)
	if !ok {
		return "ERROR " + err.Error()
	}
	return "!! " + class[strings.LastIndexByte(class, '.')+1:] + ": " + msg
}

func TestStatements(t *testing.T) {
	t.Parallel()
	e := NewEnvironment(Config{Loader: mapLoader{
		"base": "<{% block a %}base{% endblock %}|{% block b %}{{ x }}{% endblock %}>",
		"mid":  "{% extends 'base' %}{% block a %}mid {{ super() }}{% endblock %}",
		"lib":  "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{% set v = 5 %}",
		"inc":  "[{{ x }}{{ y }}]",
	}})
	vars := MapVars{"x": 1, "seq": py.NewList(1, 2, 3)}
	for _, c := range [][2]string{
		{"{% for i in seq %}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}", "1,2,3"},
		{"{% for i in [] %}x{% else %}none{% endfor %}", "none"},
		{"{% for i in seq if i > 1 %}{{ loop.index }}{{ i }} {% endfor %}", "12 23 "},
		{"{% for n in [[1,[[2,[]]]]] recursive %}{{ n[0] }}({{ loop(n[1]) }}){% endfor %}", "1(2())"},
		{"{% set y = 2 %}{% include 'inc' %}", "[12]"},
		{"{% for y in seq %}{% include 'inc' %}{% endfor %}", "[11][12][13]"},
		{"{% extends 'mid' %}{% set x = 7 %}junk{% block a %}top {{ super() }}{% endblock %}", "<top mid base|7>"},
		{"{% import 'lib' as l %}{{ l.m(1) }}{{ l.v }}", "1-25"},
		{"{% from 'lib' import m as k, v %}{{ k(3, b=4) }}{{ v }}", "3-45"},
		{"{% macro f() %}<{{ caller(1) }}>{% endmacro %}{% call(n) f() %}{{ n }}{{ x }}{% endcall %}", "<11>"},
		{"{% set x %}a{{ x }}{% endset %}{{ x }}", "a1"},
		{"{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB"},
		{"a {%- if true -%} b {%- endif -%} c", "abc"},
		{"{% raw %}{{ x }}{% endraw %}", "{{ x }}"},
		{"{% with a = 1 %}{{ a }}{% endwith %}{{ a }}", "1!!"},
		{"{% include 'nope' %}", "!! TemplateNotFound: nope"},
		{"{% include 'nope' ignore missing %}ok", "ok"},
		{"{% autoescape true %}{{ '<' }}{{ '<'|safe }}{% endautoescape %}{{ '<' }}", "&lt;<<"},
		{"{% autoescape true %}{% block b %}{{ '<' }}{% endblock %}{{ '<' }}{% endautoescape %}", "<&lt;"},
		{"a{% raw %}", "a"},
		// The first fault in reading order counts, whoever finds it.
		{"{% nope %}{{ ! }}", "!! TemplateSyntaxError: Encountered unknown tag 'nope'."},
		{"{{ 1 2 }}{{ ! }}", "!! TemplateSyntaxError: expected token 'end of print statement', got 'integer'"},
		{"{{ 1 }}{{ ! }}{% nope %}", "!! TemplateSyntaxError: unexpected char '!' at 10"},
		{"{{ ( }}", "!! TemplateSyntaxError: unexpected '}', expected ')'"},
		{"{{ self.b() }}{% block b %}B{% endblock %}", "BB"},
		{"{% print x, 2 %}", "12"},
		{"{{ 'x' if false else 5|nope }}", "!! TemplateRuntimeError: No filter named 'nope'."},
	} {
		want := c[1]
		got := render(t, e, c[0], vars)
		if want == "1!!" {
			want = "!! UndefinedError: 'a' is undefined"
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, want)
		}
	}
}
