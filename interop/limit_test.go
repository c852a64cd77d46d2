package interop_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/stream"
)

const (
	maxIn  = 64 << 10 // what RivetKit takes by default
	maxOut = 1 << 20  // what it sends
)

// TestBehaviour25_LargeCalls sends what just fits and what does not. The client
// refuses the latter itself unless told otherwise, for the server would end the
// whole connection.
func TestBehaviour25_LargeCalls(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		key := newKey(t)
		h := on.client(t).GetOrCreate("echo", key)
		both(t, h, func(t *testing.T, caller rivet.Caller) {
			fits := strings.Repeat("x", maxIn-200)
			if n := call[int](t, caller, "size", fits); n != len(fits) {
				t.Errorf("%d bytes arrived, want %d", n, len(fits))
			}
			_, err := rivet.Call[int](within(t), caller, "size", strings.Repeat("x", maxIn))
			large, ok := errors.AsType[*rivet.TooLargeError](err)
			if !ok || large.Limit != maxIn || large.Size <= maxIn || rivet.MaybeExecuted(err) {
				t.Errorf("over the limit: %v", err)
			}
			if n := call[int](t, caller, "size", "abc"); n != 3 {
				t.Errorf("afterwards: %d, want 3", n)
			}
		})

		// Without the client's own limit the server tells.
		h = on.client(t, rivet.WithWriteLimit(1<<20)).GetOrCreate("echo", key)
		over := strings.Repeat("x", maxIn)
		_, err := rivet.Call[int](within(t), h, "size", over)
		if on.legacy && err == nil {
			t.Log("RivetKit 2.0 does not limit calls over HTTP")
		} else if !errors.Is(err, rivet.ErrMessageTooLong) || rivet.MaybeExecuted(err) {
			t.Errorf("the server on a large call: %v, may have run: %v", err, rivet.MaybeExecuted(err))
		}
		c := ready(t, h)
		_, err = rivet.Call[int](within(t), c, "size", over)
		if _, ok := errors.AsType[*rivet.DisconnectedError](err); !ok || !rivet.IsCode(err, "incoming_too_long") {
			t.Errorf("the server on a large message: %v", err)
		}
		if n := call[int](t, c, "size", "abc"); n != 3 {
			t.Errorf("on the next link: %d, want 3", n)
		}
	})
}

// TestBehaviour25_LargeAnswers has the actor answer with what just fits and
// what does not: that is the call's error, and nobody else's.
func TestBehaviour25_LargeAnswers(t *testing.T) {
	everywhere(t, func(t *testing.T, on target) {
		h := on.actor(t, "echo")
		both(t, h, func(t *testing.T, caller rivet.Caller) {
			http := caller == rivet.Caller(h)
			const fits = maxOut - 200
			if got := call[string](t, caller, "big", fits); len(got) != fits {
				t.Errorf("%d bytes, want %d", len(got), fits)
			}
			if on.encoding == codec.BARE {
				if got := call[[]byte](t, caller, "bigBytes", fits/2); len(got) != fits/2 || got[fits/2-1] != 7 {
					t.Errorf("%d bytes, want %d", len(got), fits/2)
				}
			}
			got, err := rivet.Call[string](within(t), caller, "big", maxOut+1)
			if on.legacy && http && err == nil {
				if len(got) != maxOut+1 { // not limited there
					t.Errorf("%d bytes", len(got))
				}
			} else if !errors.Is(err, rivet.ErrMessageTooLong) || !rivet.MaybeExecuted(err) {
				t.Errorf("over the limit: %v, may have run: %v", err, rivet.MaybeExecuted(err))
			}
			if n := call[int](t, caller, "size", "abc"); n != 3 {
				t.Errorf("afterwards: %d, want 3", n)
			}
		})
	})
}

// TestBehaviour25_LargeEvents: one over the limit ends the connection, which
// comes back with its subscriptions and a notice. In the Go host it is an error
// of Broadcast, which the actor sees, and nobody else.
func TestBehaviour25_LargeEvents(t *testing.T) {
	onCurrent(t, func(t *testing.T, on target) {
		h := on.actor(t, "echo")
		c := ready(t, h)
		sub := rivet.Event[string]("big").Subscribe(c, stream.Gaps(true))
		const fits = maxOut - 200
		call[int](t, c, "emitBig", fits)
		if got := next(t, sub); len(got) != fits {
			t.Errorf("%d bytes, want %d", len(got), fits)
		}
		call[int](t, h, "emitBig", maxOut+1)
		if on.embedded {
			call[int](t, c, "emitBig", 5)
			if got := next(t, sub); got != "xxxxx" || c.Stats().Links != 1 {
				t.Errorf("event %.20q, %+v", got, c.Stats())
			}
			return
		}
		_, err := sub.Next(within(t))
		if gap, ok := errors.AsType[*rivet.GapError](err); !ok || !errors.Is(gap.Reason, rivet.ErrMessageTooLong) {
			t.Fatalf("after an event over the limit: %v", err)
		}
		call[int](t, c, "emitBig", 5)
		if got := next(t, sub); got != "xxxxx" {
			t.Errorf("event %.20q on the next link", got)
		}
	})
}

// TestBehaviour25_LargeRawBodies: only the gateway's 20 MiB limit raw bodies.
func TestBehaviour25_LargeRawBodies(t *testing.T) {
	once(t, current, func(t *testing.T, on target) {
		h := on.actor(t, "http")
		request := func(method, path string, body int) (*http.Response, error) {
			req, err := http.NewRequestWithContext(within(t), method, "http://actor"+path, bytes.NewReader(make([]byte, body)))
			if err != nil {
				t.Fatal(err)
			}
			return h.Do(req)
		}
		// The engine cuts an answer off when its queue to us is full ("actor response
		// producer outpaced downstream delivery"): that is an error of the body,
		// never an answer that seems complete.
		whole := func(method, path string, body int) []byte {
			t.Helper()
			for try := 0; ; try++ {
				res, err := request(method, path, body)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err == nil {
					return got
				}
				if !errors.Is(err, io.ErrUnexpectedEOF) || try == 20 {
					t.Fatalf("%s %s, try %d: %d bytes: %v", method, path, try, len(got), err)
				}
			}
		}
		if got := whole(http.MethodPost, "/x", maxOut+1); !bytes.Contains(got, fmt.Appendf(nil, `"length":%d`, maxOut+1)) {
			t.Errorf("%.200s", got)
		}
		if got := whole(http.MethodGet, fmt.Sprintf("/big?n=%d", 3<<20), 0); len(got) != 3<<20 {
			t.Errorf("%d bytes, want %d", len(got), 3<<20)
		}
		// The gateway answers before it has read it all, and closes: the answer is
		// lost when the write fails first.
		if res, err := request(http.MethodPost, "/x", 20<<20+1); err != nil {
			t.Logf("over 20 MiB: %v", err)
		} else if body := readAll(t, res); res.StatusCode != http.StatusRequestEntityTooLarge || res.Header.Get("X-Rivet-Error") != "guard.invalid_request_body" {
			t.Errorf("over 20 MiB: %d %v %.200s", res.StatusCode, res.Header, body)
		}
		if got := call[string](t, h, "ping"); got != "pong" {
			t.Errorf("afterwards ping = %q", got)
		}
	})
}
