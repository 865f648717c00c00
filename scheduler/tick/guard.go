package tick

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/store"
)

// Guard lets one process at a time do something with a store that several have. It is how
// one scheduler at a time works: limits across runs hold only if one of them counts. Who is
// turned away leaves word, and the one inside looks once more before it leaves, so that no
// hint is lost.
type Guard struct {
	Store store.Store
	Now   func() time.Time
	// Of names what is guarded, Name this one, as nobody else was ever named.
	Of, Name string
	// Lease is for how long one that dies inside keeps others out.
	Lease time.Duration
	// Waits says that something waits for slots, as far as the one inside has seen. It is
	// set before Leave.
	Waits bool
}

// guarded is that item.
type guarded struct {
	Holder string    `json:"holder,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// Wanted says that somebody was turned away since the holder last looked.
	Wanted bool `json:"wanted,omitempty"`
	// Waits says that something waited for slots when the last holder left, Freed that some
	// became free since the present one has last looked.
	Waits bool `json:"waits,omitempty"`
	Freed bool `json:"freed,omitempty"`
	// Hint is for when a hint to look again was sent last.
	Hint time.Time `json:"hint,omitzero"`
}

// Enter takes the right. It is false if another process has it; that one then
// looks again.
func (g *Guard) Enter(ctx context.Context) (inside bool, err error) {
	err = g.change(ctx, func(s *guarded) bool {
		taken := s.Until.After(g.Now())
		if inside = taken && s.Holder == g.Name; inside {
			return false // the answer to the write was lost
		}
		if inside = s.Holder == "" || !taken; inside {
			s.Holder, s.Until, s.Wanted, s.Freed = g.Name, g.Now().Add(g.Lease), false, false
			return true
		}
		had := s.Wanted
		s.Wanted = true
		return !had
	})
	return inside, err
}

// Leave gives the right back. Left is false if somebody has left word in the meantime: the
// right is then kept, and everything is to be looked at once more. Wake is when to look
// again, zero if never: hint says that nobody has sent a hint for that time or an earlier
// one, so that the caller has to.
func (g *Guard) Leave(ctx context.Context, wake time.Time) (left, hint bool, err error) {
	err = g.change(ctx, func(s *guarded) bool {
		left = true
		now := g.Now()
		if s.Holder != g.Name {
			// It took too long, and somebody else is inside; or it was left by a write whose answer
			// was lost, and the hint that it promised is to be sent.
			return false
		}
		hint = false
		if g.hears(s) {
			left = false
			return true
		}
		if hint = !wake.IsZero() && (!s.Hint.After(now) || wake.Before(s.Hint)); hint {
			s.Hint = wake
		}
		s.Holder, s.Until, s.Waits, s.Freed = "", time.Time{}, g.Waits, false
		return true
	})
	return left, hint, err
}

// hears takes word that others have left for the one inside, if there is any.
func (g *Guard) hears(s *guarded) bool {
	if !s.Wanted && (!s.Freed || !g.Waits) {
		return false
	}
	s.Until, s.Wanted, s.Freed = g.Now().Add(g.Lease), false, false
	return true
}

// Heard is Leave for one who stays because of something else: it says whether somebody has
// left word in the meantime, so that everything is to be looked at once more.
func (g *Guard) Heard(ctx context.Context) (again bool, err error) {
	err = g.change(ctx, func(s *guarded) bool {
		again = s.Holder == g.Name && g.hears(s)
		return again
	})
	return again, err
}

// Quit gives the right back by one who has failed inside. Those who have left word are not
// waited for: whoever comes next sees what they wanted.
func (g *Guard) Quit(ctx context.Context) error {
	return g.change(ctx, func(s *guarded) bool {
		if s.Holder != g.Name {
			return false
		}
		s.Holder, s.Until, s.Waits, s.Wanted, s.Freed = "", time.Time{}, true, false, false
		return true
	})
}

// Free says that slots have become free, which is durable already. It reports whether
// somebody has to enter because of that: something waits for slots, and nobody is inside to
// see them. Whoever is inside looks again, if it then leaves something that waits.
func (g *Guard) Free(ctx context.Context) (call bool, err error) {
	err = g.change(ctx, func(s *guarded) bool {
		inside := s.Holder != "" && s.Until.After(g.Now())
		call = !inside && (s.Holder != "" || s.Waits)
		had := s.Freed
		s.Freed = true
		return inside && !had
	})
	return call, err
}

// Renew keeps the right for another Lease. It is false if another process has it by now.
func (g *Guard) Renew(ctx context.Context) (inside bool, err error) {
	err = g.change(ctx, func(s *guarded) bool {
		if inside = s.Holder == g.Name; inside {
			s.Until = g.Now().Add(g.Lease)
		}
		return inside
	})
	return inside, err
}

// Keep is Renew for who lives on inside and looks all the time: word that others have left
// is taken as heard.
func (g *Guard) Keep(ctx context.Context) (inside bool, err error) {
	err = g.change(ctx, func(s *guarded) bool {
		if inside = s.Holder == g.Name; inside {
			s.Until, s.Wanted, s.Freed = g.Now().Add(g.Lease), false, false
		}
		return inside
	})
	return inside, err
}

// Holder returns who is inside, empty if nobody is, without leaving word.
func (g *Guard) Holder(ctx context.Context) (name string, err error) {
	err = g.change(ctx, func(s *guarded) bool {
		if name = ""; s.Until.After(g.Now()) {
			name = s.Holder
		}
		return false
	})
	return name, err
}

// guardTrials is how often a store that fails is asked. A write that has failed may be
// durable: without another look it would keep others out until its lease is over.
const guardTrials = 4

// change changes the item until nobody interferes. The change is false if there is nothing
// to write; it may be called again after its write has failed, be that durable or not.
func (g *Guard) change(ctx context.Context, change func(*guarded) bool) error {
	failed := 0
	for wait := firstPause; ; wait = min(2*wait, errPause) {
		err := g.try(ctx, change)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists):
		default:
			if failed++; failed == guardTrials {
				return err
			}
		}
		if pause(ctx, wait); ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// try changes the item once.
func (g *Guard) try(ctx context.Context, change func(*guarded) bool) error {
	var s guarded
	row, err := g.Store.Setting(ctx, store.KindLease, g.Of)
	switch {
	case errors.Is(err, store.ErrNotFound):
		row = store.Setting{ID: g.Of, Revision: -1}
	case err != nil:
		return fmt.Errorf("see who is at %s: %w", g.Of, err)
	default:
		// What cannot be read is nobody's: the right can be taken, and is written anew.
		_ = json.Unmarshal(row.Value, &s)
	}
	if !change(&s) {
		return nil
	}
	if row.Value, err = json.Marshal(s); err != nil {
		return err
	}
	row.At = g.Now()
	if err := g.Store.PutSetting(ctx, store.KindLease, row); err != nil {
		return fmt.Errorf("say who is at %s: %w", g.Of, err)
	}
	return nil
}
