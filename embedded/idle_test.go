package embedded

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, i := endIdle(t.Context(), time.Minute)
		defer i.end()
		<-time.After(50 * time.Second)
		one, other := i.busy(), i.busy()
		<-time.After(time.Hour)
		one()
		<-time.After(time.Hour)
		other()
		<-time.After(59 * time.Second)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Error("it has ended before a minute without a task was over")
		}
		<-time.After(time.Second)
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("a minute without a task was not its end")
		}
	})
}

func TestNeverIdle(t *testing.T) {
	t.Parallel()
	ctx, i := endIdle(t.Context(), 0)
	i.busy()()
	if ctx.Err() != nil {
		t.Error("it has ended")
	}
	if i.end(); ctx.Err() == nil {
		t.Error("its end has no effect")
	}
}
