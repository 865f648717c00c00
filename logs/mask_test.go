package logs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/logs"
)

// pieces runs text through a masker, cut at the places given.
func pieces(secrets []string, text string, cuts ...int) string {
	var m logs.Masker
	m.Add(secrets...)
	var b strings.Builder
	from := 0
	for _, c := range append(cuts, len(text)) {
		b.Write(m.Next([]byte(text[from:c])))
		from = c
	}
	b.Write(m.Rest())
	return b.String()
}

func TestMasker(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		secrets []string
		text    string
		want    string
	}{
		{name: "none", text: "hello", want: "hello"},
		{name: "one", secrets: []string{"hunter2"}, text: "pw=hunter2;", want: "pw=***;"},
		{name: "at both ends", secrets: []string{"hunter2"}, text: "hunter2-hunter2", want: "***-***"},
		{name: "side by side", secrets: []string{"hunter2"}, text: "hunter2hunter2", want: "******"},
		{name: "almost", secrets: []string{"hunter2"}, text: "hunter hunter", want: "hunter hunter"},
		{name: "again after a false start", secrets: []string{"aaaab"}, text: "aaaaaab", want: "aa***"},
		{name: "too short", secrets: []string{"abcd", ""}, text: "abcd", want: "abcd"},
		{name: "just long enough", secrets: []string{"abcde"}, text: "abcde", want: "***"},
		{name: "longest first", secrets: []string{"secret", "secret-and-more"}, text: "secret-and-more, secret-and", want: "***, ***-and"},
		{name: "one inside another", secrets: []string{"inner", "outer-inner-outer"}, text: "outer-inner-outer inner outer-inner", want: "*** *** outer-***"},
		{name: "overlapping", secrets: []string{"abcdef", "efghij"}, text: "abcdefghij", want: "***"},
		{name: "overlapping itself", secrets: []string{"ababab"}, text: "xababababx", want: "x***x"},
		{name: "several lines", secrets: []string{"-----BEGIN\nkey\n-----END"}, text: "a\n-----BEGIN\nkey\n-----END\nb\n", want: "a\n***\nb\n"},
		{name: "bytes", secrets: []string{"\xff\xfe\xfd\x00\x01"}, text: "\xff\xff\xfe\xfd\x00\x01\x01", want: "\xff***\x01"},
		{name: "longer than a window may move", secrets: []string{strings.Repeat("x", 300) + "y"}, text: strings.Repeat("x", 301) + "yz", want: "x***z"},
		{name: "colours stay", secrets: []string{"hunter2"}, text: "\x1b[31mhunter2\x1b[0m", want: "\x1b[31m***\x1b[0m"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for a := range len(tt.text) + 1 {
				for b := a; b <= len(tt.text); b += max(1, len(tt.text)/20) {
					if got := pieces(tt.secrets, tt.text, a, b); got != tt.want {
						t.Fatalf("cut at %d and %d: got %q, want %q", a, b, got, tt.want)
					}
				}
			}
			var m logs.Masker
			m.Add(tt.secrets...)
			if got := m.String(tt.text); got != tt.want {
				t.Errorf("String: got %q, want %q", got, tt.want)
			}
		})
	}
}

// slowMask masks by looking at each place for each secret.
func slowMask(secrets []string, text string) string {
	hidden := make([]int, len(text)) // 1 hidden, 2 hidden and the first of its mask
	end := 0
	for i := range text {
		for _, s := range secrets {
			if !logs.Maskable(s) || !strings.HasPrefix(text[i:], s) {
				continue
			}
			if i >= end {
				hidden[i] = 2
			}
			for j := max(i, end); j < i+len(s); j++ {
				hidden[j] = max(hidden[j], 1)
			}
			end = max(end, i+len(s))
		}
	}
	var b strings.Builder
	for i, h := range hidden {
		switch h {
		case 0:
			b.WriteByte(text[i])
		case 2:
			b.WriteString(logs.Mask)
		}
	}
	return b.String()
}

func TestMaskerAgainstSlowOne(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab\n"[r.IntN(3)%(2+r.IntN(2))]
		}
		return string(b)
	}
	for range 20000 {
		var secrets []string
		for range 1 + r.IntN(4) {
			secrets = append(secrets, word(4+r.IntN(6)))
		}
		text := word(r.IntN(60))
		a := r.IntN(len(text) + 1)
		b := a + r.IntN(len(text)-a+1)
		if got, want := pieces(secrets, text, a, b), slowMask(secrets, text); got != want {
			t.Fatalf("secrets %q, text %q cut at %d and %d: got %q, want %q", secrets, text, a, b, got, want)
		}
	}
}

func FuzzMasker(f *testing.F) {
	f.Add("secret", "another secret", "this is a secret, and another secret", uint(5))
	f.Add("aaaaa", "aaaaaaaa", "aaaaaaaaaaaaaaab", uint(7))
	f.Add("a\nb\nc", "\xff\xff\xff\xff\xff", "a\nb\nc\xff\xff\xff\xff\xff", uint(1))
	f.Fuzz(func(t *testing.T, s1, s2, text string, cut uint) {
		c := int(cut % uint(len(text)+1))
		if got, want := pieces([]string{s1, s2}, text, c), slowMask([]string{s1, s2}, text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestMaskerHoldsLittle(t *testing.T) {
	t.Parallel()
	var m logs.Masker
	m.Add("aaaaa")
	in, out := 0, 0
	for range 1000 {
		out += len(m.Next([]byte(strings.Repeat("a", 1000))))
		in += 1000
	}
	if rest := m.Rest(); out == 0 || strings.Contains(string(rest), "a") {
		t.Errorf("of %d bytes without an end, %d came out, and then %.40q", in, out, rest)
	}
}

// benchSecrets are ten secrets such as connections hold.
func benchSecrets() (s []string) {
	for i := range 10 {
		s = append(s, fmt.Sprintf("%02dpA$$w0rd-of-a-connection-%d", i, i*7919))
	}
	return s
}

const benchLine = "[2026-01-02T03:04:05.678+00:00] INFO - Task instance wrote 1234 rows to table public.events in 0.532 seconds\n"

func BenchmarkMasker(b *testing.B) {
	for _, lines := range []int{1, 300} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			var m logs.Masker
			m.Add(benchSecrets()...)
			p := []byte(strings.Repeat(benchLine, lines))
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				m.Next(p)
			}
		})
	}
}
