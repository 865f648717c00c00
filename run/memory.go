package run

import "time"

// Memory is what was found to be enough for a task after it had run out of memory.
type Memory struct {
	// Asked is what the task asked for, in bytes; 0 stands for what its place gives by
	// itself.
	Asked int64 `json:"asked,omitempty"`
	// Doubled is how often that had to be doubled.
	Doubled int `json:"doubled,omitempty"`
	// At is when that was found.
	At time.Time `json:"at,omitzero"`
}

// maxDoubled is how often an amount is doubled at most: to a thousand times itself.
const maxDoubled = 10

// Floor is the least memory that the task is given where a place gives byDefault by itself,
// in bytes; 0 if nothing is known.
func (m Memory) Floor(byDefault int64) int64 {
	if m.Doubled <= 0 {
		return 0
	}
	if m.Asked > 0 {
		byDefault = m.Asked
	}
	return byDefault << min(m.Doubled, maxDoubled)
}

// Enough is what is known after an attempt has succeeded. Its task asks for so much, which
// was doubled so often after its first try, and its run began at some time. Many attempts of
// one run may find the same: only those that began with what was known say that it is not
// enough any more.
func (m Memory) Enough(asked int64, doubled int, began, now time.Time) Memory {
	found := Memory{Asked: asked, Doubled: min(doubled, maxDoubled), At: now}
	switch known := m.Doubled > 0 && (asked == 0 || m.Floor(0) > asked || m.Floor(asked) > asked && m.Asked == 0); {
	case !known:
		return found
	case began.After(m.At):
		found.Asked, found.Doubled = m.Asked, min(m.Doubled+doubled, maxDoubled)
		return found
	case m.Asked == asked && m.Doubled < doubled:
		return found
	}
	return m
}
