package run_test

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	before, learned, after := time.Unix(1, 0), time.Unix(2, 0), time.Unix(3, 0)
	for _, tt := range []struct {
		name    string
		known   run.Memory
		began   time.Time
		asked   int64
		doubled int
		want    run.Memory
		floor   int64 // where a place gives 1 GiB
	}{
		{"asked", run.Memory{}, before, 2 * gib, 1, run.Memory{Asked: 2 * gib, Doubled: 1, At: after}, 4 * gib},
		{"by default", run.Memory{}, before, 0, 2, run.Memory{Doubled: 2, At: after}, 4 * gib},
		{"not enough any more", run.Memory{Asked: 2 * gib, Doubled: 1, At: learned}, after, 2 * gib, 1, run.Memory{Asked: 2 * gib, Doubled: 2, At: after}, 8 * gib},
		{"by default, not enough any more", run.Memory{Doubled: 1, At: learned}, after, 0, 1, run.Memory{Doubled: 2, At: after}, 4 * gib},
		{"another one of the same run", run.Memory{Asked: 2 * gib, Doubled: 1, At: learned}, before, 2 * gib, 1, run.Memory{Asked: 2 * gib, Doubled: 1, At: learned}, 4 * gib},
		{"another one, that needs more", run.Memory{Asked: 2 * gib, Doubled: 1, At: learned}, before, 2 * gib, 2, run.Memory{Asked: 2 * gib, Doubled: 2, At: after}, 8 * gib},
		{"asks for more meanwhile", run.Memory{Asked: gib, Doubled: 1, At: learned}, after, 4 * gib, 1, run.Memory{Asked: 4 * gib, Doubled: 1, At: after}, 8 * gib},
		{"asks for less meanwhile", run.Memory{Asked: 2 * gib, Doubled: 1, At: learned}, after, gib, 1, run.Memory{Asked: 2 * gib, Doubled: 2, At: after}, 8 * gib},
		{"without end", run.Memory{Asked: gib, Doubled: 9, At: learned}, after, gib, 9, run.Memory{Asked: gib, Doubled: 10, At: after}, 1024 * gib},
	} {
		got := tt.known.Enough(tt.asked, tt.doubled, tt.began, after)
		if got != tt.want || got.Floor(gib) != tt.floor {
			t.Errorf("%s: got %+v, %d; want %+v, %d", tt.name, got, got.Floor(gib), tt.want, tt.floor)
		}
	}
	if got := (run.Memory{}).Floor(gib); got != 0 {
		t.Errorf("nothing is known, and the floor is %d", got)
	}
}
