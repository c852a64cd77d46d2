package rivettest_test

import (
	"io"
	"testing"

	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
	"github.com/rivet-go/rivet/rivettest"
)

// BenchmarkEmit is how fast the gateway can feed one connection, so that a
// benchmark of a client knows what it measures.
func BenchmarkEmit(b *testing.B) {
	gw := rivettest.NewGateway(b)
	gw.Actor("counter")
	hs, err := ws.Dial(b.Context(), ws.DialConfig{URL: gw.ConnectURL("counter", "k"), Protocols: []string{"rivet", "rivet_encoding.bare"}, NetDial: gw.Dial})
	if err != nil {
		b.Fatal(err)
	}
	defer hs.Conn.Close()
	if _, err := hs.Conn.Write(maskedSubscribe("tick")); err != nil {
		b.Fatal(err)
	}
	conn := gw.Conn(0)
	if err := conn.WaitSubscribed(b.Context(), "tick"); err != nil {
		b.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, hs.Conn) }()
	args := map[codec.Encoding][]byte{codec.BARE: {0x81, 0x05}}
	for _, mode := range []string{"value", "encoded"} {
		b.Run(mode, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				if mode == "value" {
					gw.Emit("tick", 5)
				} else {
					gw.EmitRaw("tick", args)
				}
				if i%1024 == 1023 {
					if err := conn.Flush(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := conn.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func maskedSubscribe(event string) []byte {
	payload := codec.AppendSubscription(nil, codec.BARE, event, true)
	return append([]byte{0x82, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}
