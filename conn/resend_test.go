package conn_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// restarting makes the room answer the first n calls of "restarting" with that.
func restarting(gw *rivettest.Gateway, n int) {
	gw.Actor("room").Handle("restarting", func(context.Context, *rivettest.Request) (any, error) {
		if n--; n >= 0 {
			return nil, rivettest.Error("actor", "restarting", "wait", nil)
		}
		return "ran", nil
	})
}

func TestShutdownWaitsForCallsThatAreSentAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		restarting(gw, 3)
		c := connect(t, config(gw))
		ready(t, c)
		result := make(chan error, 1)
		go func() { _, err := c.Action(t.Context(), "restarting"); result <- err }()
		synctest.Wait()
		if err := c.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-result; err != nil {
			t.Errorf("call that was under way: %v", err)
		}
	})
}

func TestCloseEndsACallBeforeItIsSentAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		restarting(gw, 100)
		c := connect(t, config(gw))
		ready(t, c)
		result := make(chan error, 1)
		go func() { _, err := c.Action(t.Context(), "restarting"); result <- err }()
		synctest.Wait()
		c.Close()
		if err := <-result; callError(t, err).MaybeExecuted || !errors.Is(err, conn.ErrClosed) {
			t.Errorf("%v (maybe %v)", err, conn.MaybeExecuted(err))
		}
	})
}

func TestCallThatWasTurnedAwayAndNotSentAgainHasNotRun(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		restarting(gw, 100)
		c := connect(t, config(gw))
		ready(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		result := make(chan error, 1)
		go func() { _, err := c.Action(ctx, "restarting"); result <- err }()
		synctest.Wait()
		gw.Down()
		if err := <-result; callError(t, err).MaybeExecuted || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v (maybe %v)", err, conn.MaybeExecuted(err))
		}
	})
}

// A call without a deadline tells how it was turned away long before the call
// timeout.
func TestCallIsNotSentAgainForEver(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		restarting(gw, 1000)
		c := connect(t, config(gw))
		ready(t, c)
		started := time.Now()
		_, err := c.Action(t.Context(), "restarting")
		var e *codec.Error
		if !errors.As(err, &e) || e.Code != "restarting" || callError(t, err).MaybeExecuted {
			t.Errorf("%v (maybe %v)", err, conn.MaybeExecuted(err))
		}
		if d := time.Since(started); d < 5*time.Second || d > 10*time.Second {
			t.Errorf("given up after %v", d)
		}
	})
}
