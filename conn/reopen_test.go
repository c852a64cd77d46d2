package conn_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rivet-go/rivet/backoff"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
)

// What would be final for an attempt is not for what has worked before: the
// next attempt tells.
func TestLinkThatWorkedIsOpenedAgainWhateverItEndedWith(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		missing := rivettest.Fail(rivettest.Error("actor", "not_found", "no such actor", nil))
		gw.Script(rivettest.Pass(), missing.Times(3))
		cfg := config(gw)
		cfg.Addressing = conn.ByKey
		c := connect(t, cfg)
		ready(t, c)
		gw.Conn(0).Close(int(ws.CloseUnsupported), "")
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		if err := gw.WaitAttempts(ctx, 5); err != nil {
			t.Fatalf("%v, %v", err, c.Err())
		}
		if err := c.Ready(ctx); err != nil {
			t.Errorf("key whose actor was gone for a while: %v", err)
		}

		gw.Script(missing)
		if err := connect(t, cfg).Ready(ctx); !errors.Is(err, conn.ErrClosed) {
			t.Errorf("at the first attempt: %v", err)
		}
	})
}

func TestReconnectDuringAnAttemptDoesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		gw.Script(rivettest.NoInit())
		cfg := config(gw)
		cfg.Backoff = backoff.Constant(time.Hour)
		cfg.InitTimeout = time.Second
		c := connect(t, cfg)
		if _, err := gw.WaitConn(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		c.Reconnect()
		pass(time.Minute)
		if n := c.Stats().Attempts; n != 1 || c.Status() != conn.Disconnected {
			t.Errorf("%d attempts, %v: the wait was cut short", n, c.Status())
		}
	})
}
