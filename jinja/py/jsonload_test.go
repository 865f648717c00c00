package py

import (
	"errors"
	"testing"
)

func TestLoadJSON(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`{"b": 1, "a": [1, 2.0, null, true, "x"]}`, "{'b': 1, 'a': [1, 2.0, None, True, 'x']}"},
		{` 5 `, "5"}, {`-0`, "0"}, {`1e3`, "1000.0"}, {`123456789012345678901234567890`, "123456789012345678901234567890"},
		{`"\u00e9\n\ud83d\ude00"`, `'é\n😀'`}, {`[NaN, Infinity, -Infinity]`, "[nan, inf, -inf]"}, {`{"a": 1, "a": 2}`, "{'a': 2}"},
		{``, "!! Expecting value: line 1 column 1 (char 0)"},
		{`oops`, "!! Expecting value: line 1 column 1 (char 0)"},
		{`[1, `, "!! Expecting value: line 1 column 5 (char 4)"},
		{`{"a" 1}`, "!! Expecting ':' delimiter: line 1 column 6 (char 5)"},
		{`{a: 1}`, "!! Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"},
		{`[1 2]`, "!! Expecting ',' delimiter: line 1 column 4 (char 3)"},
		{"1\n2", "!! Extra data: line 2 column 1 (char 2)"},
		{`"abc`, "!! Unterminated string starting at: line 1 column 1 (char 0)"},
	} {
		v, err := LoadJSON(thread(), c[0])
		got := ""
		if e := (*Error)(nil); errors.As(err, &e) {
			got = "!! " + e.Msg
		} else if got, err = Repr(thread(), v); err != nil {
			t.Fatal(err)
		}
		if got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

func FuzzLoadJSON(f *testing.F) {
	for _, s := range []string{`{"a": [1, 2.5e3, "x\u00e9"]}`, `[[[`, `"\ud83d`, "-", "1e999", "nul"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := LoadJSON(NewThread(t.Context(), Limits{}), s); err == nil {
			if _, err := DumpJSON(NewThread(t.Context(), Limits{}), v, JSONOptions{}); err != nil {
				t.Errorf("%q cannot be written again: %v", s, err)
			}
		}
	})
}
