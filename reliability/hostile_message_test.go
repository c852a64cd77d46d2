package reliability_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// frame is an unmasked WebSocket frame with these first two bytes, whose
// length says what it says.
func frame(first, second byte, rest ...byte) []byte { return append([]byte{first, second}, rest...) }

// announce is the header of a binary frame of n bytes that are not there.
func announce(n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0x82, 127}, n)
}

// Whatever breaks RFC 6455 ends the link with an error that names the rule, the
// server is told the code, and the connection comes back. Neither the other
// connection of the client nor the calls that come after notice.
func TestHostileFramesEndTheLink(t *testing.T) {
	for name, v := range map[string]struct {
		send []byte
		code int // 0 for a link that just breaks off
	}{
		"masked":                          {frame(0x82, 0x81, 1, 2, 3, 4, 'x'), 1002},
		"masked ping":                     {frame(0x89, 0x80, 1, 2, 3, 4), 1002},
		"compressed":                      {frame(0xc2, 3, 0x4b, 0x04, 0), 1002},
		"compressed text":                 {frame(0xc1, 3, 0x4b, 0x04, 0), 1002},
		"second reserved bit":             {frame(0xa2, 0), 1002},
		"third reserved bit":              {frame(0x92, 0), 1002},
		"reserved opcode":                 {frame(0x83, 0), 1002},
		"reserved control opcode":         {frame(0x8b, 0), 1002},
		"ping in fragments":               {frame(0x09, 0), 1002},
		"ping over 125 bytes":             {append(frame(0x89, 126, 0, 126), make([]byte, 126)...), 1002},
		"continuation of nothing":         {frame(0x80, 1, 'x'), 1002},
		"message inside a message":        {append(frame(0x02, 1, 'x'), frame(0x82, 1, 'y')...), 1002},
		"length too long by a byte":       {frame(0x82, 126, 0, 1, 'x'), 1002},
		"length over 63 bits":             {announce(1 << 63), 1002},
		"text that is not UTF-8":          {frame(0x81, 2, 'x', 0xff), 1007},
		"text cut inside a rune":          {frame(0x81, 1, 0xc3), 1007},
		"text in fragments, not UTF-8":    {append(frame(0x01, 1, 0xc3), frame(0x80, 1, 0xc3)...), 1007},
		"close with half a code":          {frame(0x88, 1, 3), 1002},
		"close with a code of its own":    {frame(0x88, 2, 0x03, 0xed), 1002},
		"close with a reason not UTF-8":   {frame(0x88, 3, 0x03, 0xe8, 0xff), 1007},
		"oversize, announced":             {announce(1<<20 + 1), 1009},
		"oversize, of 63 bits":            {announce(1<<63 - 1), 1009},
		"oversize in fragments":           {append(append(frame(0x02, 127, 0, 0, 0, 0, 0, 0x10, 0, 0), make([]byte, 1<<20)...), frame(0x80, 1, 'x')...), 1009},
		"cut in a frame":                  {frame(0x82, 100, 1, 2, 3), 0},
		"cut in a header":                 {frame(0x82, 127, 0), 0},
		"cut between fragments":           {frame(0x02, 1, 'x'), 0},
		"cut in a frame within the limit": {announce(1 << 20), 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
				gc, err := survives(t, gw, codec.BARE, func(gc *rivettest.Conn) {
					gc.SendRaw(v.send)
					if v.code == 0 {
						_ = gc.Flush(soon(t))
						gc.HangUp()
					}
				})
				if v.code == 0 {
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Errorf("ended with %v, want an unexpected end", err)
					}
					return
				}
				var broken *conn.ProtocolError
				if !errors.As(err, &broken) || int(broken.Code) != v.code {
					t.Errorf("ended with %v (%T), want a ProtocolError with code %d", err, err, v.code)
				}
				if m, err := gc.WaitMessage(soon(t), rivettest.IsKind(rivettest.CloseMessage)); err != nil || m.Code != v.code {
					t.Errorf("told the server %v, %v, want %d", m, err, v.code)
				}
			})
		})
	}
}

// survives opens two connections, has the first one's server do something
// hostile, and returns that server and how its link ended. It checks that both are well
// afterwards.
func survives(t *testing.T, gw *rivettest.Gateway, enc codec.Encoding, attack func(*rivettest.Conn)) (gc *rivettest.Conn, err error) {
	t.Helper()
	client := gw.Client(t, rivet.WithEncoding(enc), rivet.WithReadLimit(1<<20))
	victim := open(t, client.GetOrCreate("room", rivet.Key{"a"}))
	ended := make(chan error, 1000)
	victim.OnError(func(err error) { ended <- err })
	sub := ticks.Subscribe(victim)
	ready(t, victim)
	other := open(t, client.GetOrCreate("room", rivet.Key{"a"}))
	ready(t, other)
	gc = gw.Conn(0)
	subscribed(t, gc, ticks)

	attack(gc)
	err = <-ended
	next, werr := gw.WaitConn(soon(t), 2)
	if werr != nil {
		t.Fatal(werr)
	}
	subscribed(t, next, ticks)
	n, cerr := emit.Call(soon(t), victim, 5)
	want(t, n, cerr, 5)
	if n, err := sub.Next(soon(t)); err != nil || n != 5 {
		t.Errorf("event after the attack: %d, %v", n, err)
	}
	n, cerr = echo.Call(soon(t), other, 6)
	want(t, n, cerr, 6)
	if s := other.Stats(); s.Links != 1 || s.Malformed != 0 {
		t.Errorf("the other connection noticed: %+v", s)
	}
	// The history tells it as well.
	told := slices.ContainsFunc(victim.Debug().History, func(s conn.State) bool {
		return s.Status == conn.Disconnected && errors.Is(s.Cause, err)
	})
	if s := victim.Stats(); s.Links != 2 || !told {
		t.Errorf("stats %+v, history %v", s, victim.Debug().History)
	}
	return gc, err
}

// A message of the protocol that cannot be understood ends the link in the
// same way, with 1007.
func TestHostileMessagesEndTheLink(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	messages := map[codec.Encoding]map[string][]byte{
		codec.BARE: {
			"nothing":               {},
			"a version alone":       {3, 0},
			"unknown version":       {99, 0, 0},
			"unknown tag":           {3, 0, 99, 1, 2, 3},
			"string longer than it": {3, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f},
			"string of 2^63 bytes":  {3, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
			"endless varint":        append([]byte{3, 0, 0}, bytes.Repeat([]byte{0xff}, 100)...),
			"zeros":                 make([]byte, 1000),
		},
		codec.CBOR: {
			"nothing":                {},
			"not a map":              {0x01},
			"map of 2^64 entries":    {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			"array of 2^62 elements": {0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0},
			"string of 2^62 bytes":   {0x7b, 0x40, 0, 0, 0, 0, 0, 0, 0},
			"deeply nested":          bytes.Repeat([]byte{0x81}, 100_000),
			"nested without end":     bytes.Repeat([]byte{0x9f}, 100_000),
			"unknown tag":            append(append([]byte("\xa1dbody\xa2ctagcWat"), "cval"...), 0xa0),
			"break of nothing":       {0xff},
			"reserved length":        {0x1c},
		},
		codec.JSON: {
			"nothing":       {},
			"not an object": []byte("1"),
			"cut":           []byte(`{"body":{"tag":"Event","val":{"name":"tick`),
			"deeply nested": []byte(deep),
			"nested inside": []byte(`{"body":{"tag":"Event","val":{"name":"tick","args":` + deep + `}}}`),
			"unknown tag":   []byte(`{"body":{"tag":"Wat","val":{}}}`),
			"two values":    []byte(`{"body":{"tag":"Event","val":{"name":"tick","args":[]}}} {}`),
			"an escape cut": []byte(`{"body":{"tag":"Event","val":{"name":"\u12`),
		},
	}
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		for name, data := range messages[enc] {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					gc, err := survives(t, gw, enc, func(gc *rivettest.Conn) { gc.SendMessage(data) })
					var bad *codec.MalformedError
					if !errors.As(err, &bad) {
						t.Errorf("ended with %v (%T), want a MalformedError", err, err)
					}
					if m, err := gc.WaitMessage(soon(t), rivettest.IsKind(rivettest.CloseMessage)); err != nil || m.Code != 1007 {
						t.Errorf("told the server %v, %v, want 1007", m, err)
					}
				})
			})
		}
	})
}

// What is legal though unusual is taken: control frames between the fragments
// of a message, and fragments of a byte.
func TestHostileInterleavingIsTaken(t *testing.T) {
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
			c := connect(t, gw, rivet.WithEncoding(enc))
			sub := ticks.Subscribe(c)
			ready(t, c)
			gc := gw.Conn(0)
			subscribed(t, gc, ticks)
			args, err := codec.AppendArgs(nil, enc, []any{7})
			if err != nil {
				t.Fatal(err)
			}
			op := rivettest.OpText
			if enc.Binary() {
				op = rivettest.OpBinary
			}
			message := codec.AppendEvent(nil, enc, "tick", args)
			for i, b := range message {
				gc.SendFrame(i == len(message)-1, op, []byte{b})
				gc.SendFrame(true, rivettest.OpPing, fmt.Append(nil, i))
				gc.SendFrame(true, rivettest.OpPong, []byte("for nothing"))
				op = rivettest.OpContinuation
			}
			n, err := sub.Next(soon(t))
			want(t, n, err, 7)
			last := fmt.Sprint(len(message) - 1)
			if _, err := gc.WaitMessage(soon(t), func(m rivettest.Message) bool {
				return m.Kind == rivettest.PongMessage && string(m.Data) == last
			}); err != nil {
				t.Errorf("the last ping was not answered: %v", err)
			}
			if s := c.Stats(); s.Links != 1 {
				t.Errorf("%+v", s)
			}
		})
	})
}

// Values that cannot be decoded cost what they are part of and no more: an
// event is a notice of its subscription, a reply an error of its call.
func TestHostileValuesCostOneEventOrCall(t *testing.T) {
	// In CBOR and JSON a value that is not well-formed spoils the whole message.
	values := map[codec.Encoding]map[string][]byte{
		codec.BARE: {
			"deeply nested":          bytes.Repeat([]byte{0x81}, 50_000),
			"array of 2^62 elements": {0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0},
			"map of 2^62 entries":    {0x81, 0xbb, 0x40, 0, 0, 0, 0, 0, 0, 0},
			"string of 2^62 bytes":   {0x81, 0x7b, 0x40, 0, 0, 0, 0, 0, 0, 0},
			"another type":           {0x81, 0x61, 'x'},
			"not UTF-8":              {0x81, 0x61, 0xff},
		},
		codec.CBOR: {"another type": {0x81, 0x61, 'x'}, "too large": {0x81, 0xfb, 0x7e, 0x37, 0xe4, 0x3c, 0x88, 0x00, 0x75, 0x9c}},
		codec.JSON: {"another type": []byte(`["x"]`), "too large": []byte(`[1e300]`)},
	}
	inEach(t, func(t *testing.T, enc codec.Encoding) {
		for name, args := range values[enc] {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T, gw *rivettest.Gateway) {
					gw.Script(rivettest.Unanswered())
					c := connect(t, gw, rivet.WithEncoding(enc))
					sub := ticks.Subscribe(c)
					ready(t, c)
					gc := gw.Conn(0)
					subscribed(t, gc, ticks)
					gc.EmitRaw("tick", args)
					var bad *stream.DecodeError
					if n, err := sub.Next(soon(t)); !errors.As(err, &bad) || !stream.IsNotice(err) {
						t.Errorf("got %d, %v, want a DecodeError", n, err)
					}
					gc.Emit("tick", 8)
					n, err := sub.Next(soon(t))
					want(t, n, err, 8)

					var call sync.WaitGroup
					call.Go(func() {
						_, err := echo.Call(soon(t), c, 1)
						var ce *rivet.CallError
						if !errors.As(err, &ce) || !ce.MaybeExecuted {
							t.Errorf("call ended with %v", err)
						}
					})
					m, err := gc.WaitMessage(soon(t), rivettest.IsAction(string(echo)))
					if err != nil {
						t.Fatal(err)
					}
					gc.SendMessage(codec.AppendActionResponse(nil, enc, m.ID, args))
					call.Wait()
					if s := c.Stats(); s.Links != 1 || s.Malformed != 0 {
						t.Errorf("the link suffered: %+v", s)
					}
				})
			})
		}
	})
}
