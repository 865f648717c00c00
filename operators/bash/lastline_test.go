package bash

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLastLine compares with splitting the whole output, however it is cut into writes.
func FuzzLastLine(f *testing.F) {
	for _, s := range []string{"", "a", "a\n", "a\nb", "a\n\n", "\n", "a\r\n", "x\n y \n"} {
		f.Add(s, 1)
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, output string, step int) {
		if step <= 0 || !utf8.ValidString(output) {
			return
		}
		l := &lastLine{to: io.Discard}
		for rest := output; rest != ""; {
			n := min(step, len(rest))
			if _, err := io.WriteString(l, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
		if got, want := l.text(), strings.TrimRight(lines[len(lines)-1], " \t\r\n\v\f"); got != want {
			t.Errorf("last line of %q is %q, want %q", output, got, want)
		}
	})
}

func TestLineTooLong(t *testing.T) {
	t.Parallel()
	l := &lastLine{to: io.Discard}
	chunk := strings.Repeat("x", 1<<20)
	for range maxLine/len(chunk) + 1 {
		_, _ = io.WriteString(l, chunk)
	}
	if !l.tooLong() {
		t.Error("a line above the bound was kept")
	}
	_, _ = io.WriteString(l, "\nend")
	if l.tooLong() || l.text() != "end" {
		t.Errorf("after it the last line is %q", l.text())
	}
	l = &lastLine{to: io.Discard}
	if l.fallback("from before"); l.text() != "from before" {
		t.Errorf("without output the last line is %q", l.text())
	}
}
