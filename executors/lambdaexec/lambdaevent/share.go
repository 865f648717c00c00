package lambdaevent

import (
	"errors"

	"github.com/updraft-dev/updraft/queue"
)

// Fan is into how many parts a list is divided at most, unless they become too large.
const Fan = 32

// Split is what a worker does with the list it is given: it keeps the first, and sends the
// rest on in at most fan parts of about the same length, each to a worker of its own. The
// list must not be empty; fan counts as 1 if it is smaller. The parts share its memory.
func Split[T any](list []T, fan int) (own T, rest [][]T) {
	return list[0], Parts(list[1:], fan)
}

// Parts divides a list into at most n parts whose lengths differ by one at most. There are
// no empty parts. They share the list's memory.
func Parts[T any](list []T, n int) [][]T {
	n = min(max(n, 1), len(list))
	parts := make([][]T, 0, n)
	for ; n > 0; n-- {
		k := (len(list) + n - 1) / n
		parts, list = append(parts, list[:k:k]), list[k:]
	}
	return parts
}

// Payloads writes the events for a list, with at most n parts unless these are too large.
// It returns each part with its payload. An attempt that fits nowhere, or cannot be
// written, is an error.
func Payloads(list []queue.Envelope, n int) (parts [][]queue.Envelope, payloads [][]byte, err error) {
	for _, part := range Parts(list, n) {
		if parts, payloads, err = appendPart(parts, payloads, part); err != nil {
			return nil, nil, err
		}
	}
	return parts, payloads, nil
}

func appendPart(parts [][]queue.Envelope, payloads [][]byte, part []queue.Envelope) ([][]queue.Envelope, [][]byte, error) {
	b, err := Encode(part)
	if err == nil {
		return append(parts, part), append(payloads, b), nil
	}
	if !errors.Is(err, ErrTooLarge) || len(part) == 1 {
		return nil, nil, err
	}
	for _, half := range Parts(part, 2) {
		if parts, payloads, err = appendPart(parts, payloads, half); err != nil {
			return nil, nil, err
		}
	}
	return parts, payloads, nil
}
