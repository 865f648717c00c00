package sensor

import (
	"crypto/sha1" // Airflow's jitter is defined by it; nothing is kept secret
	"math"
	"strconv"
	"time"
)

// longest bounds a back-off before timeout and max_wait do, so that it cannot overflow.
const longest = 100 * 365 * 24 * time.Hour

// next is when to poke again.
func (w *waiting) next(now time.Time) time.Time {
	next := now.Add(w.pause(now.Sub(w.started)))
	if w.due.IsZero() {
		return next
	}
	if !w.reschedule {
		return earlier(next, w.due)
	}
	// The sensor has to be there when its timeout passes, to say so.
	return earlier(w.due, w.started.Add(w.timeout))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// pause is the time from this poke to the next one. With back-off it is between once
// and twice poke_interval·2^(count-2) in whole seconds, bounded by the time left and
// by max_wait.
func (w *waiting) pause(elapsed time.Duration) time.Duration {
	if !w.backoff {
		return w.interval
	}
	pause := longest
	if base := math.Max(1, math.Floor(math.Ldexp(w.interval.Seconds(), w.count-2))); base < longest.Seconds()/2 {
		pause = time.Duration(uint64(base)+w.hashModulo(uint64(base))) * time.Second
	}
	pause = min(pause, w.timeout-elapsed.Truncate(time.Second))
	if w.maxWait > 0 {
		pause = min(pause, w.maxWait)
	}
	return pause
}

// hashModulo is the remainder of the SHA-1 of what names the poke, read as a
// big-endian number: sensors that began together do not poke together.
func (w *waiting) hashModulo(n uint64) uint64 {
	layout := "2006-01-02 15:04:05+00:00"
	if w.started.Nanosecond()/1000 != 0 {
		layout = "2006-01-02 15:04:05.000000+00:00"
	}
	text := w.a.DAG.ID + "#" + w.a.Task.ID + "#" + w.started.UTC().Format(layout) + "#" + strconv.Itoa(w.count)
	var rest uint64
	for _, b := range sha1.Sum([]byte(text)) {
		rest = (rest<<8 | uint64(b)) % n
	}
	return rest
}
