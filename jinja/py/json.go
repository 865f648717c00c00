package py

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSONOptions are the arguments of json.dumps.
type JSONOptions struct {
	Indent   string // "" with no Pretty means one line
	Pretty   bool
	SortKeys bool
	ASCII    bool   // ensure_ascii
	ItemSep  string // "" means ", " (or "," when Pretty)
	KeySep   string // "" means ": "
	NoNaN    bool   // allow_nan=False
	SkipKeys bool
	Default  func(th *Thread, v Value) (Value, error)
}

type jsonWriter struct {
	th *Thread
	o  JSONOptions
	b  strings.Builder
}

// DumpJSON is json.dumps.
func DumpJSON(th *Thread, v Value, o JSONOptions) (string, error) {
	if o.ItemSep == "" {
		o.ItemSep = ", "
		if o.Pretty {
			o.ItemSep = ","
		}
	}
	if o.KeySep == "" {
		o.KeySep = ": "
	}
	w := &jsonWriter{th: th, o: o}
	if err := w.value(v, 0); err != nil {
		return "", err
	}
	return w.b.String(), nil
}

func (w *jsonWriter) value(v Value, depth int) error {
	if err := w.th.Step(); err != nil {
		return err
	}
	if s, ok := IsString(v); ok {
		w.str(s)
		return w.th.Alloc(len(s))
	}
	switch x := v.(type) {
	case nil:
		w.b.WriteString("null")
		return nil
	case bool:
		w.b.WriteString(strconv.FormatBool(x))
		return nil
	case float64:
		s, err := w.float(x)
		w.b.WriteString(s)
		return err
	case Tuple:
		return w.list(x, depth)
	case *List:
		return w.list(x.Items, depth)
	case *Dict:
		return w.dict(x, depth)
	}
	if b, ok := asBig(v); ok {
		s, err := bigString(w.th, b)
		w.b.WriteString(s)
		return err
	}
	if w.o.Default != nil {
		r, err := w.o.Default(w.th, v)
		if err != nil {
			return err
		}
		if err := w.th.Enter(); err != nil {
			return err
		}
		defer w.th.Leave()
		return w.value(r, depth)
	}
	return TypeError("Object of type %s is not JSON serializable", TypeOf(v).Name)
}

func (w *jsonWriter) float(x float64) (string, error) {
	switch {
	case !math.IsNaN(x) && !math.IsInf(x, 0):
		return FloatRepr(x), nil
	case w.o.NoNaN:
		return "", ValueError("Out of range float values are not JSON compliant: %s", FloatRepr(x))
	case math.IsNaN(x):
		return "NaN", nil
	case x > 0:
		return "Infinity", nil
	}
	return "-Infinity", nil
}

func (w *jsonWriter) newline(depth int) {
	if w.o.Pretty {
		w.b.WriteByte('\n')
		w.b.WriteString(strings.Repeat(w.o.Indent, depth))
	}
}

func (w *jsonWriter) list(items []Value, depth int) error {
	if len(items) == 0 {
		w.b.WriteString("[]")
		return nil
	}
	if err := w.th.Enter(); err != nil {
		return err
	}
	defer w.th.Leave()
	w.b.WriteByte('[')
	for i, v := range items {
		if i > 0 {
			w.b.WriteString(w.o.ItemSep)
		}
		w.newline(depth + 1)
		if err := w.value(v, depth+1); err != nil {
			return err
		}
	}
	w.newline(depth)
	w.b.WriteByte(']')
	return nil
}

func (w *jsonWriter) dict(d *Dict, depth int) error {
	if d.Count() == 0 {
		w.b.WriteString("{}")
		return nil
	}
	if err := w.th.Enter(); err != nil {
		return err
	}
	defer w.th.Leave()
	keys := d.Keys()
	if w.o.SortKeys {
		if err := Sort(w.th, keys, false, func(v Value) (Value, error) { return v, nil }); err != nil {
			return err
		}
	}
	w.b.WriteByte('{')
	first := true
	for _, k := range keys {
		name, ok, err := w.key(k)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if !first {
			w.b.WriteString(w.o.ItemSep)
		}
		first = false
		w.newline(depth + 1)
		w.str(name)
		w.b.WriteString(w.o.KeySep)
		v, _, err := d.Get(k)
		if err != nil {
			return err
		}
		if err := w.value(v, depth+1); err != nil {
			return err
		}
	}
	w.newline(depth)
	w.b.WriteByte('}')
	return nil
}

func (w *jsonWriter) key(k Value) (string, bool, error) {
	if s, ok := IsString(k); ok {
		return s, true, nil
	}
	switch x := k.(type) {
	case nil:
		return "null", true, nil
	case bool:
		return strconv.FormatBool(x), true, nil
	case float64:
		s, err := w.float(x)
		return s, true, err
	}
	if b, ok := asBig(k); ok {
		return b.String(), true, nil
	}
	if w.o.SkipKeys {
		return "", false, nil
	}
	return "", false, TypeError("keys must be str, int, float, bool or None, not %s", TypeOf(k).Name)
}

func (w *jsonWriter) str(s string) {
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b.WriteByte('\\')
			w.b.WriteByte(byte(r))
		case r == '\n':
			w.b.WriteString(`\n`)
		case r == '\r':
			w.b.WriteString(`\r`)
		case r == '\t':
			w.b.WriteString(`\t`)
		case r == '\b':
			w.b.WriteString(`\b`)
		case r == '\f':
			w.b.WriteString(`\f`)
		case r < ' ' || r == 0x7f && false:
			fmt.Fprintf(&w.b, `\u%04x`, r)
		case r < utf8.RuneSelf || !w.o.ASCII:
			w.b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&w.b, `\u%04x`, r)
		}
	}
	w.b.WriteByte('"')
}
