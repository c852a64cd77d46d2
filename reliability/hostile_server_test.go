package reliability_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
)

// A server that reads nothing fills the outbox, then calls are refused or
// wait; the link ends because a write takes too long, and every call has its
// outcome.
func TestHostileServerThatNeverReads(t *testing.T) {
	bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
		client := gw.Client(t, rivet.WithOutbox(32), rivet.WithPing(0, 10*time.Second))
		c := open(t, client.GetOrCreate("room", rivet.Key{"a"}))
		other := open(t, client.GetOrCreate("room", rivet.Key{"a"}))
		ready(t, c)
		ready(t, other)
		gc := gw.Conn(0)
		if gc.ID != c.Info().ConnectionID {
			gc = gw.Conn(1)
		}
		lost := make(chan error, 1000)
		c.OnError(func(err error) { lost <- err })
		gc.PauseReads()
		const calls = 400
		big := strings.Repeat("x", 32<<10) // together more than the network buffers
		var done sync.WaitGroup
		var maybe, unsent atomic.Int64
		started := time.Now()
		for range calls {
			done.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				_, err := rivet.Call[string](ctx, c, "echo", big)
				var ce *rivet.CallError
				if !errors.As(err, &ce) || !isTyped(err, false) {
					t.Errorf("call ended with %v", err)
					return
				}
				if ce.MaybeExecuted {
					maybe.Add(1)
				} else {
					unsent.Add(1)
				}
			})
		}
		err := <-lost
		var timeout interface{ Timeout() bool }
		if took := time.Since(started); !errors.As(err, &timeout) || !timeout.Timeout() || took > 11*time.Second {
			t.Errorf("link ended after %v with %v, want a timeout after 10 s", took, err)
		}
		n, err := echo.Call(soon(t), other, 2)
		want(t, n, err, 2)
		gw.Down() // so that what waits is not answered after all
		done.Wait()
		if maybe.Load() == 0 || unsent.Load() == 0 || maybe.Load()+unsent.Load() != calls {
			t.Errorf("%d may have run, %d were not sent, of %d", maybe.Load(), unsent.Load(), calls)
		}
	})
}

// A server that answers pings and never a call costs each call its timeout and
// nobody else anything.
func TestHostileServerThatNeverAnswers(t *testing.T) {
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			gw.Script(rivettest.Unanswered())
			c := connect(t, gw, rivet.WithEncoding(enc))
			sub := ticks.Subscribe(c)
			ready(t, c)
			subscribed(t, gw.Conn(0), ticks)
			started := time.Now()
			for _, limit := range []time.Duration{0, 3 * time.Second} {
				ctx := context.Background()
				if limit > 0 {
					ctx = within(t, limit)
				} else {
					limit = conn.DefaultCallTimeout
				}
				_, err := emit.Call(ctx, c, 4)
				if took := time.Since(started); took != limit || !errors.Is(err, context.DeadlineExceeded) || !rivet.MaybeExecuted(err) {
					t.Errorf("call ended after %v with %v, want a timeout after %v", took, err, limit)
				}
				n, err := sub.Next(soon(t)) // it ran
				want(t, n, err, 4)
				started = time.Now()
			}
			if s := c.Stats(); s.Links != 1 || s.CallsInFlight != 0 {
				t.Errorf("%+v", s)
			}
		})
	})
}

// Replies that come twice, or for nobody, are counted and change nothing.
func TestHostileReplies(t *testing.T) {
	for name, step := range map[string]rivettest.Step{
		"twice":             rivettest.DuplicateReplies(),
		"for unknown calls": rivettest.UnknownReplies(),
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, enc codec.Encoding) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					gw.Script(step)
					c := connect(t, gw, rivet.WithEncoding(enc))
					var callers sync.WaitGroup
					for i := range 10 {
						callers.Go(func() {
							for j := range 20 {
								n, err := echo.Call(soon(t), c, i*100+j)
								want(t, n, err, i*100+j)
							}
						})
					}
					callers.Wait()
					synctest.Wait()
					if s := c.Stats(); s.Unexpected != 200 || s.Links != 1 {
						t.Errorf("%d unexpected replies, want 200; %+v", s.Unexpected, s)
					}
				})
			})
		})
	}
}
