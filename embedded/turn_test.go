//go:build unix

package embedded

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/storetest"
)

// sharedStore is one that others have, too, and that may be out of reach.
type sharedStore struct {
	store.Store
	gone atomic.Pointer[error]
}

func (s *sharedStore) err() error {
	if e := s.gone.Load(); e != nil {
		return *e
	}
	return nil
}

func (s *sharedStore) Changed(context.Context) (int64, error) { return 0, s.err() }

func (s *sharedStore) Setting(ctx context.Context, k store.Kind, id string) (store.Setting, error) {
	if err := s.err(); err != nil {
		return store.Setting{}, err
	}
	return s.Store.Setting(ctx, k, id)
}

// onMachine is an installation on a machine of its own, with a store that others have.
func onMachine(t *testing.T, s store.Store) (*Installation, *sharedStore) {
	t.Helper()
	c, err := config.Load(config.Input{
		Lookup: func(string) (string, bool) { return "", false },
		Flags:  map[string]string{"home": t.TempDir(), "store": "postgres://updraft:hidden@db/updraft"},
	})
	if err != nil {
		t.Fatal(err)
	}
	mine := &sharedStore{Store: s}
	return &Installation{Options: Options{Config: c, Now: time.Now, Log: slog.New(slog.DiscardHandler)}, Store: mine}, mine
}

func TestTurns(t *testing.T) {
	t.Parallel()
	all := storetest.NewModel()
	first, _ := onMachine(t, all)
	second, _ := onMachine(t, all)
	synctest.Test(t, func(t *testing.T) {
		_, leave, err := first.turn(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !first.Busy(t.Context()) || !second.Busy(t.Context()) {
			t.Error("nobody seems to work")
		}
		if _, _, err := second.turn(t.Context(), nil); !errors.Is(err, ErrBusy) {
			t.Errorf("a second one: %v", err)
		}
		<-time.After(10 * turnLease) // virtual: the first one renews it
		told, entered := make(chan struct{}), make(chan func())
		go func() {
			_, leave, err := second.awaitTurn(t.Context(), func() error { close(told); return nil }, nil)
			if err != nil {
				t.Error(err)
			}
			entered <- leave
		}()
		<-told
		<-time.After(turnLease)
		synctest.Wait()
		select {
		case <-entered:
			t.Fatal("two are inside")
		default:
		}
		leave()
		began := time.Now()
		leave = <-entered
		if waited := time.Since(began); waited > 2*turnPoll {
			t.Errorf("the second one came in %s after the first had left", waited)
		}
		leave()
		if second.Busy(t.Context()) {
			t.Error("somebody seems to work")
		}
	})
}

// TestTurnIsLost: who does not reach the store for longer than its lease hears that another
// one works in its place.
func TestTurnIsLost(t *testing.T) {
	t.Parallel()
	all := storetest.NewModel()
	first, its := onMachine(t, all)
	second, _ := onMachine(t, all)
	synctest.Test(t, func(t *testing.T) {
		inside, leave, err := first.turn(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		its.gone.Store(new(errors.New("no route to host")))
		_, leaveSecond, err := second.awaitTurn(t.Context(), func() error { return nil }, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer leaveSecond()
		if inside.Err() != nil {
			t.Error("it heard of the other one without a way to")
		}
		its.gone.Store(nil)
		<-inside.Done()
		if cause := context.Cause(inside); !errors.Is(cause, errOvertaken) {
			t.Errorf("the cause is %v", cause)
		}
	})
}

// TestTurnAfterAnother: a home has one process at a time, too, and a right that cannot be
// used is given back.
func TestTurnAfterAnother(t *testing.T) {
	t.Parallel()
	i, _ := onMachine(t, storetest.NewModel())
	unlock, err := Lock(i.Config.Home)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.turn(t.Context(), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("in a home that another has: %v", err)
	}
	g := &tick.Guard{Store: i.Store, Now: i.Now, Of: schedulers}
	if holder, err := g.Holder(t.Context()); err != nil || holder != "" {
		t.Errorf("%q kept the right, %v", holder, err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	_, leave, err := i.turn(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	leave()
}
