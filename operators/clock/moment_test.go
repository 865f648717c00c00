package clock

import (
	"testing"
	"time"
)

// FuzzParse checks that what is parsed is what Go writes of it again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"2024-05-01", "2024-05-01 00:00:00+00:00", "2024-05-01T10:00Z", "20240501T101112", "2024-05-01T10:00:00.123456+0530", "x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, ok := parse(s, time.UTC)
		if !ok || at.Year() < 0 || at.Year() > 9999 {
			return
		}
		if again, ok := parse(at.Format("2006-01-02T15:04:05.999999999Z07:00"), time.UTC); ok && !again.Equal(at) {
			t.Errorf("%q is %s, and that is %s", s, at, again)
		}
	})
}
