package reliability_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/rivettest"
)

const (
	measure = rivet.Action[string, int]("measure") // returns the length of its argument
	fill    = rivet.Action[int, string]("fill")    // returns a text of that length
)

// sizes are one byte over the limits that somebody has: an actor for what it
// receives and for what it sends, most proxies, and the gateway.
var sizes = []int{64<<10 + 1, 1<<20 + 1, 16<<20 + 1, 32<<20 + 1}

func named(size int) string {
	if size < 1<<20 {
		return fmt.Sprintf("%d KiB + 1", size>>10)
	}
	return fmt.Sprintf("%d MiB + 1", size>>20)
}

// scale returns a gateway whose room measures and fills.
func scale(t *testing.T, opts ...rivettest.Option) *rivettest.Gateway {
	t.Helper()
	gw := loopback(t, opts...)
	a := equip(gw)
	rivettest.Handle(a, measure, func(_ context.Context, _ *rivettest.Request, s string) (int, error) { return len(s), nil })
	rivettest.Handle(a, fill, func(_ context.Context, _ *rivettest.Request, n int) (string, error) {
		return strings.Repeat("x", n), nil
	})
	return gw
}

// Large messages pass, or fail with an error that says which limit they break;
// and calls beside them do not suffer.
func TestBehaviour25_LargeMessages(t *testing.T) {
	const huge = 64 << 20
	big := rivettest.MaxMessage(huge, huge)
	text := strings.Repeat("x", sizes[len(sizes)-1])
	tooLarge := func(err error) bool { _, ok := errors.AsType[*rivet.TooLargeError](err); return ok }
	serverRefuses := func(err error) bool { return errors.Is(err, codec.ErrMessageTooLong) }
	passes := func(err error) bool { return err == nil }
	over := func(limit int, then, otherwise func(error) bool) func(int) func(error) bool {
		return func(size int) func(error) bool {
			if size > limit {
				return then
			}
			return otherwise
		}
	}
	limitOfReader := func(err error) bool {
		return err != nil && rivet.MaybeExecuted(err) && strings.Contains(err.Error(), "limit")
	}
	tests := []struct {
		name    string
		gateway []rivettest.Option
		client  []rivet.Option
		up      bool
		http    func(size int) func(error) bool
		conn    func(size int) func(error) bool
		// cut tells whether the link ends.
		cut func(size int) bool
		// ran tells whether a failed call may have run.
		ran bool
	}{
		{"up, by default", []rivettest.Option{big}, nil, true,
			over(0, tooLarge, nil), over(0, tooLarge, nil), func(int) bool { return false }, false},
		{"up, over the server's limit", nil, []rivet.Option{rivet.WithWriteLimit(huge)}, true,
			over(20<<20, func(err error) bool { return rivet.IsCode(err, "guard.invalid_request_body") }, serverRefuses),
			over(32<<20, func(err error) bool { return err != nil }, serverRefuses),
			func(int) bool { return true }, false},
		{"up, all limits raised", []rivettest.Option{big}, []rivet.Option{rivet.WithWriteLimit(huge)}, true,
			over(20<<20, func(err error) bool { return rivet.IsCode(err, "guard.invalid_request_body") }, passes),
			over(32<<20, func(err error) bool { return err != nil }, passes),
			func(size int) bool { return size > 32<<20 }, false},
		{"down, by default", nil, nil, false,
			over(1<<20, serverRefuses, passes), over(1<<20, serverRefuses, passes), func(int) bool { return false }, true},
		{"down, over the client's limit", []rivettest.Option{big}, nil, false,
			over(32<<20, limitOfReader, passes), over(32<<20, limitOfReader, passes),
			func(size int) bool { return size > 32<<20 }, true},
		{"down, all limits raised", []rivettest.Option{big}, []rivet.Option{rivet.WithReadLimit(huge)}, false,
			over(0, passes, nil), over(0, passes, nil), func(int) bool { return false }, true},
	}
	for _, tt := range tests {
		inEach(t, func(t *testing.T, enc codec.Encoding) {
			for _, size := range sizes {
				if size > 1<<20+1 && (enc != codec.BARE || testing.Short()) {
					continue // the encoding does not matter, and takes its time
				}
				if size == sizes[2] && !strings.Contains(tt.name, "raised") {
					continue // below no other limit than the largest
				}
				t.Run(tt.name+"/"+named(size), func(t *testing.T) {
					gw := scale(t, tt.gateway...)
					h := room(t, gw, append([]rivet.Option{rivet.WithEncoding(enc)}, tt.client...)...)
					ctx := t.Context()
					call := func(c rivet.Caller) error {
						if tt.up {
							n, err := measure.Call(ctx, c, text[:size])
							if err == nil && n != size {
								err = fmt.Errorf("test: %d bytes arrived", n)
							}
							return err
						}
						s, err := fill.Call(ctx, c, size)
						if err == nil && len(s) != size {
							err = fmt.Errorf("test: %d bytes came back", len(s))
						}
						return err
					}
					// Beside it are a call on the same connection, one on
					// another, and one over HTTP.
					c := open(t, h)
					ready(t, c)
					other := open(t, h)
					ready(t, other)
					beside, stop := context.WithCancel(ctx)
					defer stop()
					waits := make(chan error, 1)
					go func() {
						_, err := hold.Call(beside, c, 1)
						waits <- err
					}()
					received(t, gw.Conn(0), hold)

					err := call(h)
					if !tt.http(size)(err) {
						t.Errorf("HTTP: got %.300v", err)
					}
					if err != nil && rivet.MaybeExecuted(err) != tt.ran {
						t.Errorf("HTTP: MaybeExecuted %v", rivet.MaybeExecuted(err))
					}
					err = call(c)
					if !tt.conn(size)(err) {
						t.Errorf("connection: got %.300v", err)
					}
					if err != nil && rivet.MaybeExecuted(err) && !tt.ran && !tt.cut(size) {
						t.Errorf("connection: a call that was refused may have run: %v", err)
					}

					n, err := echo.Call(ctx, h, 1)
					want(t, n, err, 1)
					n, err = echo.Call(ctx, c, 2)
					want(t, n, err, 2)
					n, err = echo.Call(ctx, other, 3)
					want(t, n, err, 3)
					if links := other.Stats().Links; links != 1 {
						t.Errorf("the other connection was opened %d times", links)
					}
					if links := c.Stats().Links; (links != 1) != tt.cut(size) {
						t.Errorf("the connection was opened %d times", links)
					}
					if tt.cut(size) {
						if _, ok := errors.AsType[*rivet.DisconnectedError](<-waits); !ok {
							t.Error("the call beside it did not learn of the end of its link")
						}
						return
					}
					stop()
					if err := <-waits; !errors.Is(err, context.Canceled) {
						t.Errorf("the call beside it ended with %v", err)
					}
				})
			}
		})
	}

	t.Run("raw bodies have no limit", func(t *testing.T) {
		gw := scale(t)
		h := room(t, gw)
		for _, size := range sizes {
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://actor/x", strings.NewReader(text[:size]))
			ask(t, err)
			resp, err := h.Do(req)
			ask(t, err)
			n, err := io.Copy(io.Discard, resp.Body)
			if err != nil || n != int64(size) {
				t.Errorf("%d of %d bytes, %v", n, size, err)
			}
			ask(t, resp.Body.Close())
		}
	})
	t.Run("raw WebSocket", func(t *testing.T) {
		gw := scale(t)
		h := room(t, gw)
		echoed := func(ws *rivet.WebSocket, size int) (int, error) {
			if err := ws.Send(t.Context(), rivet.Text(text[:size])); err != nil {
				return 0, err
			}
			for m, err := range ws.Messages(t.Context()) {
				return len(m.Data), err
			}
			return 0, ws.Err()
		}
		for _, size := range sizes[:3] {
			ws, err := h.WebSocket(t.Context(), "/x")
			ask(t, err)
			if n, err := echoed(ws, size); err != nil || n != size {
				t.Errorf("%s: %d bytes, %v", named(size), n, err)
			}
			ask(t, ws.Close())
		}
		// The gateway takes no larger ones.
		ws, err := h.WebSocket(t.Context(), "/x")
		ask(t, err)
		defer ws.Close()
		beside, err := h.WebSocket(t.Context(), "/y")
		ask(t, err)
		defer beside.Close()
		if n, err := echoed(ws, sizes[3]); err == nil {
			t.Errorf("%s: %d bytes", named(sizes[3]), n)
		}
		if n, err := echoed(beside, 5); err != nil || n != 5 {
			t.Errorf("beside it: %d bytes, %v", n, err)
		}
		// Nor does the client, over its limit.
		gw.Actor("room").OnWebSocket(func(ctx context.Context, c *rivettest.Conn) {
			c.SendText(text)
			_, _ = c.Receive(ctx)
		})
		small, err := h.WebSocket(t.Context(), "/x", rivet.WithReadLimit(1<<20))
		ask(t, err)
		defer small.Close()
		if err := loopEnd(t, "over the limit", small.Messages(t.Context())); err == nil || !strings.Contains(err.Error(), "limit") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("queue", func(t *testing.T) {
		gw := scale(t)
		err := room(t, gw).Send(t.Context(), string(jobs), text[:sizes[0]])
		if e, ok := errors.AsType[*rivet.TooLargeError](err); !ok || e.Limit != 64<<10 || e.Size < sizes[0] || rivet.MaybeExecuted(err) {
			t.Errorf("got %v", err)
		}
		err = room(t, gw, rivet.WithWriteLimit(huge)).Send(t.Context(), string(jobs), text[:sizes[0]])
		if !serverRefuses(err) || rivet.MaybeExecuted(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the error says what to do", func(t *testing.T) {
		gw := scale(t)
		c := connect(t, gw)
		for _, caller := range []rivet.Caller{c, room(t, gw)} {
			_, err := measure.Call(t.Context(), caller, text[:sizes[0]])
			if err == nil || !strings.Contains(err.Error(), "WithWriteLimit") || !strings.Contains(err.Error(), "65536") {
				t.Errorf("got %v", err)
			}
		}
	})
}
