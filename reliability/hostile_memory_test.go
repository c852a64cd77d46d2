package reliability_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/conn"
	"github.com/rivet-go/rivet/rivettest"
	"github.com/rivet-go/rivet/stream"
)

// Lengths that a server announces take no memory until their bytes come.
func TestHostileLengthsTakeNoMemory(t *testing.T) {
	const links = 50
	gw := loopback(t)
	var cs []*conn.Conn
	client := gw.Client(t)
	for i := range links {
		c := open(t, client.GetOrCreate("room", rivet.Key{"a"}))
		ready(t, c)
		cs = append(cs, c)
		gw.Conn(i)
	}
	before := heldHeap()
	started := allocated()
	for _, gc := range gw.Conns() {
		// As much as the read limit allows; little of it comes.
		gc.SendRaw(append(announce(conn.DefaultReadLimit), make([]byte, 1000)...))
		if err := gc.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	// A ping does not get through, but a call from the client does: the reader
	// waits for the rest, the writer is free.
	for _, c := range cs {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { _, err := charge.Call(ctx, c, 1); done <- err }()
		for _, gc := range gw.Conns() {
			if gc.ID == c.Info().ConnectionID {
				received(t, gc, charge)
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("call behind half a message: %v", err)
		}
	}
	held, took := heldHeap()-before, allocated()-started
	t.Logf("%d links with %d MiB announced each: %d KiB held, %d KiB allocated", links, conn.DefaultReadLimit>>20, held>>10, took>>10)
	if held > links*32<<10 || took > links*256<<10 {
		t.Errorf("held %d bytes, allocated %d, for %d bytes that came", held, took, links*1000)
	}
}

// A value's memory is bounded by the bytes that came for it, whatever lengths
// it claims and however it is nested.
func TestHostileValuesTakeNoMemory(t *testing.T) {
	bombs := map[string][]byte{
		"array of 2^31 elements": {0x9a, 0x7f, 0xff, 0xff, 0xff},
		"string of 2^31 bytes":   {0x81, 0x7a, 0x7f, 0xff, 0xff, 0xff},
		"bytes of 2^31":          {0x81, 0x5a, 0x7f, 0xff, 0xff, 0xff},
		"map of 2^31 entries":    {0x81, 0xba, 0x7f, 0xff, 0xff, 0xff},
		"nested arrays":          bytes.Repeat([]byte{0x81}, 1<<19),
		"nested maps":            bytes.Repeat([]byte{0xa1, 0x01}, 1<<18),
		"nested tags":            append(append([]byte{0x81}, bytes.Repeat([]byte{0xc1}, 1<<19)...), 0),
		"endless strings":        append([]byte{0x81, 0x7f}, bytes.Repeat([]byte{0x61, 'x'}, 1<<18)...),
	}
	event := rivet.Event[any]("tick")
	gw := loopback(t)
	for name, args := range bombs {
		t.Run(name, func(t *testing.T) {
			c := connect(t, gw)
			sub := event.Subscribe(c)
			ready(t, c)
			conns := gw.Conns()
			gc := conns[len(conns)-1]
			if err := gc.WaitSubscribed(soon(t), "tick"); err != nil {
				t.Fatal(err)
			}
			started := allocated()
			const times = 20
			for range times {
				gc.EmitRaw("tick", args)
				if v, err := sub.Next(soon(t)); !stream.IsNotice(err) {
					t.Fatalf("decoded into %T, %v", v, err)
				}
			}
			took := allocated() - started
			// The gateway copies each message a few times as well.
			if limit := int64(times * (len(args)*12 + 64<<10)); took > limit {
				t.Errorf("%d bytes allocated for %d messages of %d, over %d", took, times, len(args), limit)
			}
			if s := c.Stats(); s.Malformed != 0 || s.Links != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A server that floods fills the buffers that were configured and no more,
// whether anybody reads, listens, or asked at all.
func TestHostileFloodStaysWithinTheBuffers(t *testing.T) {
	const (
		size   = 1 << 10
		batch  = 256
		rounds = 100 // 25 MiB
	)
	type flood func(gc *rivettest.Conn)
	text := strings.Repeat("x", size)
	events := func(s conn.Stats) uint64 { return s.Events }
	unwanted := func(s conn.Stats) uint64 { return s.Unwanted }
	unexpected := func(s conn.Stats) uint64 { return s.Unexpected }
	for name, v := range map[string]struct {
		setup func(*conn.Conn) (sub *stream.Subscription[string])
		flood flood
		limit int64 // of the heap, in MiB
		// counted is how many of the flood's messages the client has counted,
		// nil for those that it does not count.
		counted func(conn.Stats) uint64
	}{
		"events that nobody reads, default buffer": {
			func(c *conn.Conn) *stream.Subscription[string] { return rivet.Event[string]("text").Subscribe(c) },
			func(gc *rivettest.Conn) { gc.Emit("text", text) }, 24, events},
		"events that nobody reads, small buffer": {
			func(c *conn.Conn) *stream.Subscription[string] {
				return rivet.Event[string]("text").Subscribe(c, stream.Buffer(64))
			},
			func(gc *rivettest.Conn) { gc.Emit("text", text) }, 4, events},
		"events that nobody wants": {nil, func(gc *rivettest.Conn) { gc.SendMessage(codec.AppendEvent(nil, codec.BARE, "unwanted", nil)) }, 4, unwanted},
		"replies to nothing":       {nil, func(gc *rivettest.Conn) { gc.Reply(1<<40, text) }, 4, unexpected},
		"errors for nothing":       {nil, func(gc *rivettest.Conn) { gc.ReplyError(1<<40, rivettest.UserError("x", text, nil)) }, 4, unexpected},
		"errors of the connection": {nil, func(gc *rivettest.Conn) { gc.SendError(rivettest.UserError("x", text, nil)) }, 8, nil},
		"pings":                    {nil, func(gc *rivettest.Conn) { gc.SendFrame(true, rivettest.OpPing, []byte(text[:125])) }, 4, nil},
		"pongs":                    {nil, func(gc *rivettest.Conn) { gc.SendFrame(true, rivettest.OpPong, []byte(text[:125])) }, 4, nil},
		"opening messages":         {nil, func(gc *rivettest.Conn) { gc.SendInit() }, 4, unexpected},
	} {
		t.Run(name, func(t *testing.T) {
			gw := loopback(t, rivettest.RecordLimit(8))
			client := gw.Client(t)
			c := open(t, client.GetOrCreate("room", rivet.Key{"a"}))
			c.OnError(func(error) {})
			var sub *stream.Subscription[string]
			if v.setup != nil {
				sub = v.setup(c)
			}
			ready(t, c)
			gc := gw.Conn(0)
			other := open(t, client.GetOrCreate("room", rivet.Key{"a"}))
			ready(t, other)
			if sub != nil {
				if err := gc.WaitSubscribed(soon(t), "text"); err != nil {
					t.Fatal(err)
				}
			}
			before := heldHeap()
			var most int64
			for i := range rounds {
				for range batch {
					v.flood(gc)
				}
				if err := gc.Flush(soon(t)); err != nil {
					t.Fatal(err)
				}
				if i%25 == 24 {
					most = max(most, heldHeap()-before)
				}
			}
			// Behind the flood calls are answered, and beside it as well.
			n, err := echo.Call(soon(t), c, 1)
			want(t, n, err, 1)
			n, err = echo.Call(soon(t), other, 2)
			want(t, n, err, 2)
			most = max(most, heldHeap()-before)
			t.Logf("%d messages: %d KiB of heap at most; %+v", rounds*batch, most>>10, c.Stats())
			if most > v.limit<<20 {
				t.Errorf("%d KiB held, over %d MiB", most>>10, v.limit)
			}
			s := c.Stats()
			if s.Links != 1 {
				t.Errorf("the link did not hold: %+v", s)
			}
			if v.counted != nil && v.counted(s) != rounds*batch {
				t.Errorf("counted %d of %d messages: %+v", v.counted(s), rounds*batch, s)
			}
			if sub != nil {
				if s := sub.Stats(); s.Received != rounds*batch || s.Received != s.Delivered+s.Dropped+uint64(s.Depth) || s.Dropped == 0 {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}
