package jinja

import (
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

// builtinGlobals are range, dict, lipsum, cycler, joiner and namespace.
func builtinGlobals(e *Environment) map[string]py.Value {
	return map[string]py.Value{
		"range":     &py.Func{Name: "range", Fn: e.makeRange},
		"dict":      &py.Type{Module: "builtins", Name: "dict", New: makeDict},
		"lipsum":    &py.Func{Name: "generate_lorem_ipsum", Fn: e.lipsum},
		"cycler":    cyclerType,
		"joiner":    joinerType,
		"namespace": namespaceType,
	}
}

func makeDict(th *py.Thread, a py.Args) (py.Value, error) {
	d := py.NewDict()
	return d, py.UpdateDict(th, d, "dict", a)
}

func (e *Environment) makeRange(th *py.Thread, a py.Args) (py.Value, error) {
	if len(a.Pos) == 0 {
		return nil, py.TypeError("range expected at least 1 argument, got 0")
	}
	args, err := py.BindNative("range", a, 1, 3)
	if err != nil {
		return nil, err
	}
	n := [3]int{0, 0, 1}
	for i, v := range args {
		if v == py.Missing {
			continue
		}
		if u, ok := v.(*Undefined); ok {
			return nil, u.fail()
		}
		if n[i], err = py.AsIndex(v); err != nil {
			return nil, err
		}
	}
	r := &py.Range{Start: n[0], Stop: n[1], Step: n[2]}
	if len(a.Pos) == 1 {
		r.Start, r.Stop = 0, n[0]
	}
	if r.Step == 0 {
		return nil, py.ValueError("range() arg 3 must not be zero")
	}
	if limit := e.cfg.MaxRange; limit > 0 && r.Count() > limit {
		return nil, py.Errorf("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", limit)
	}
	return r, nil
}

// words are what lipsum is made of.
//
//nolint:misspell // it is no English
const words = `a ac accumsan ad adipiscing aenean aliquam aliquet amet ante aptent arcu at auctor augue bibendum blandit class commodo
condimentum congue consectetuer consequat conubia convallis cras cubilia cum curabitur curae cursus dapibus diam dictum dictumst dignissim
dis dolor donec dui duis egestas eget eleifend elementum elit enim erat eros est et etiam eu euismod facilisi facilisis fames faucibus
felis fermentum feugiat fringilla fusce gravida habitant habitasse hac hendrerit hymenaeos iaculis id imperdiet in inceptos integer interdum
ipsum justo lacinia lacus laoreet lectus leo libero ligula litora lobortis lorem luctus maecenas magna magnis malesuada massa mattis mauris
metus mi molestie mollis montes morbi mus nam nascetur natoque nec neque netus nibh nisi nisl non nonummy nostra nulla nullam nunc odio orci
ornare parturient pede pellentesque penatibus per pharetra phasellus placerat platea porta porttitor posuere potenti praesent pretium primis
proin pulvinar purus quam quis quisque rhoncus ridiculus risus rutrum sagittis sapien scelerisque sed sem semper senectus sit sociis sociosqu
sodales sollicitudin suscipit suspendisse taciti tellus tempor tempus tincidunt torquent tortor tristique turpis ullamcorper ultrices
ultricies urna ut varius vehicula vel velit venenatis vestibulum vitae vivamus viverra volutpat vulputate`

// lipsum makes paragraphs of filler text, from the environment's random numbers.
func (e *Environment) lipsum(th *py.Thread, a py.Args) (py.Value, error) {
	args, err := py.Bind("generate_lorem_ipsum", a, "n?", "html?", "min?", "max?")
	if err != nil {
		return nil, err
	}
	if e.cfg.Random == nil {
		return nil, errNoRandom
	}
	n, _ := py.AsInt(py.Or(args[0], 5))
	low, _ := py.AsInt(py.Or(args[2], 20))
	high, _ := py.AsInt(py.Or(args[3], 100))
	html, err := py.Truth(th, py.Or(args[1], true))
	if err != nil {
		return nil, err
	}
	if high <= low {
		return nil, py.ValueError("empty range for randrange()")
	}
	list := strings.Fields(words)
	var paragraphs []string
	for range n {
		p := e.paragraph(list, low+e.cfg.Random(high-low))
		if err := th.Alloc(len(p)); err != nil {
			return nil, err
		}
		if html {
			p = "<p>" + p + "</p>"
		}
		paragraphs = append(paragraphs, p)
	}
	if html {
		return py.Markup(strings.Join(paragraphs, "\n")), nil
	}
	return strings.Join(paragraphs, "\n\n"), nil
}

func (e *Environment) paragraph(list []string, n int) string {
	var b strings.Builder
	capital := true
	for i := range n {
		w := list[e.cfg.Random(len(list))]
		if capital {
			w = strings.ToUpper(w[:1]) + w[1:]
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
		capital = false
		switch {
		case i == n-1:
			b.WriteByte('.')
		case i%15 == 14:
			b.WriteByte('.')
			capital = true
		case i%6 == 5:
			b.WriteByte(',')
		}
	}
	return b.String()
}
