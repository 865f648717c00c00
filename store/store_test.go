package store_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/store"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, want string }{
		{"a", ""}, {"ü/任务 🚀", ""}, {strings.Repeat("任", store.MaxName), ""},
		{"", "dag id is empty: invalid"},
		{"a\x00", `dag id "a\x00" has a NUL character: invalid`},
		{"\xff", `dag id "\xff" is not UTF-8: invalid`},
		{strings.Repeat("x", store.MaxName+1), `dag id "` + strings.Repeat("x", 40) + `"… has 1001 characters, at most 1000 are allowed: invalid`},
	}
	for _, tt := range tests {
		err := store.CheckName("dag id", tt.name)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, store.ErrInvalid) || err.Error() != tt.want) {
			t.Errorf("CheckName(%.20q) = %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestNanos(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	if got := store.Nanos(at); got != at.UnixNano() {
		t.Errorf("Nanos(%s) = %d", at, got)
	}
	if got := store.Nanos(time.Time{}); got != math.MinInt64 {
		t.Errorf("Nanos of the zero time = %d", got)
	}
	if got := store.Nanos(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); got != math.MaxInt64 {
		t.Errorf("Nanos of the year 9999 = %d", got)
	}
}

func FuzzToken(f *testing.F) {
	f.Add("runs", "a", "ü/\x00", store.EncodeToken("runs", "x", ""))
	f.Add("", "", "", "AAAAAA")
	f.Fuzz(func(t *testing.T, list, a, b, token string) {
		if got, err := store.DecodeToken(list, store.EncodeToken(list, a, b), 2); err != nil || !slices.Equal(got, []string{a, b}) {
			t.Errorf("parts %q, %q came back as %q, %v", a, b, got, err)
		}
		if _, err := store.DecodeToken(list+"x", store.EncodeToken(list, a, b), 2); !errors.Is(err, store.ErrBadToken) {
			t.Errorf("a token of list %q is one of list %q: %v", list, list+"x", err)
		}
		if got, err := store.DecodeToken(list, token, 2); err == nil && len(got) != 2 || err != nil && !errors.Is(err, store.ErrBadToken) {
			t.Errorf("token %q: %q, %v", token, got, err)
		}
	})
}
