package store

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxName is the number of characters that a name may have: a DAG, run or task id,
// an XCom or setting name.
const MaxName = 1000

// CheckName returns ErrInvalid for a name that no store can hold: empty, longer than
// MaxName characters, not UTF-8, or with a NUL. The error says what is wrong with it;
// what says which name it is.
func CheckName(what, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s is empty: %w", what, ErrInvalid)
	case len(name) > MaxName && utf8.RuneCountInString(name) > MaxName:
		return fmt.Errorf("%s %.40q… has %d characters, at most %d are allowed: %w",
			what, name, utf8.RuneCountInString(name), MaxName, ErrInvalid)
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("%s %q has a NUL character: %w", what, name, ErrInvalid)
	case !utf8.ValidString(name):
		return fmt.Errorf("%s %q is not UTF-8: %w", what, name, ErrInvalid)
	}
	return nil
}

// CheckNames is CheckName for pairs of what and name.
func CheckNames(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := CheckName(pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// CheckBatch returns ErrInvalid for a batch that no store may apply: bad names, a Create
// or Update of another run, a logical date outside the years 1678 to 2261. Drivers
// call it before they write anything.
func CheckBatch(b *Batch) error {
	if err := checkRun(b); err != nil {
		return err
	}
	for i := range b.Changes {
		c := &b.Changes[i]
		if err := CheckName("task id", c.Want.Task); err != nil {
			return fmt.Errorf("run %s: %w", b.Run, err)
		}
		for j := range c.XComs {
			if err := CheckName("xcom key", c.XComs[j].Name); err != nil {
				return fmt.Errorf("%s: %w", c.Want.Key(b.Run), err)
			}
		}
	}
	for i := range b.Events {
		if err := CheckName("asset uri", b.Events[i].Asset); err != nil {
			return fmt.Errorf("run %s: %w", b.Run, err)
		}
	}
	return nil
}

func checkRun(b *Batch) error {
	if EventsOnly(b) {
		return nil
	}
	if err := CheckName("dag id", b.Run.DAG); err != nil {
		return err
	}
	if err := CheckName("run id", b.Run.Run); err != nil {
		return err
	}
	if c := b.Create; c != nil {
		if c.ID != b.Run {
			return fmt.Errorf("a batch for run %s creates run %s: %w", b.Run, c.ID, ErrInvalid)
		}
		if d := c.LogicalDate; d != nil && !inRange(*d) {
			return fmt.Errorf("run %s: logical date %s is not between the years 1678 and 2261: %w",
				b.Run, d.Format(time.RFC3339), ErrInvalid)
		}
	}
	if b.Update != nil && b.Update.Want.ID != b.Run {
		return fmt.Errorf("a batch for run %s updates run %s: %w", b.Run, b.Update.Want.ID, ErrInvalid)
	}
	return nil
}

// EventsOnly says that the batch names no run and has nothing but events: those that
// came from outside.
func EventsOnly(b *Batch) bool {
	return b.Run.DAG == "" && b.Run.Run == "" && b.Create == nil && b.Update == nil && len(b.Changes) == 0
}

// Nanos is the time as stores order it, in nanoseconds since 1970; times outside the
// years 1678 to 2261 become the nearest that fits.
func Nanos(t time.Time) int64 {
	switch {
	case inRange(t):
		return t.UnixNano()
	case t.Year() < 2000:
		return math.MinInt64
	default:
		return math.MaxInt64
	}
}

func inRange(t time.Time) bool { y := t.UTC().Year(); return y >= 1678 && y <= 2261 }
