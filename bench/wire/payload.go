// Package wire is the sending side of the benchmarks: a process that writes
// events, encoded beforehand, as fast as sockets take them, so that what is
// measured is who receives them.
package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/rivet-go/rivet"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
)

// Actor is the name of the actor that the broadcaster plays, under any key.
const Actor = "market"

// Trade is the event of the benchmarks: about 45 bytes in CBOR.
type Trade struct {
	Symbol string  `cbor:"symbol" json:"symbol"`
	Price  float64 `cbor:"price" json:"price"`
	Size   int     `cbor:"size" json:"size"`
}

// Quote is an event of a fixed size: nothing in it needs memory of its own.
type Quote struct {
	Bid  float64 `cbor:"bid" json:"bid"`
	Ask  float64 `cbor:"ask" json:"ask"`
	Size int     `cbor:"size" json:"size"`
}

// Last is the size of the trade or quote that ends a run. Other sizes are positive.
const Last = -1

// Events that the broadcaster sends. That of Blobs is a byte string; an empty one
// ends a run.
const (
	Trades = rivet.Event[Trade]("trade")
	Quotes = rivet.Event[Quote]("quote")
	Blobs  = rivet.Event[[]byte]("blob")
)

// Size is that of a trade in CBOR, as it is sent here, for receivers that do not decode: it is always
// at the same place.
func Size(data []byte) int {
	const at = len("\xa3\x64size") // a map of three, a text of four
	if len(data) < at+3 || data[at] != 0x19 {
		return Last
	}
	return int(binary.BigEndian.Uint16(data[at+1:]))
}

// symbols differ, since none that is sent in earnest is always the same.
var symbols = [...]string{"RVT-USD", "ABC-USD", "RVT-EUR", "XYZ-JPY", "ABC-EUR", "QED-GBP", "XYZ-USD", "QED-CHF"}

// Payload says what the events of a run carry: OfTrade, OfQuote, or a byte string
// of so many bytes.
type Payload int

// Payloads that are no byte strings.
const (
	OfTrade Payload = 0
	OfQuote Payload = -1
)

// Event is the name of the events.
func (p Payload) Event() string {
	switch p {
	case OfTrade:
		return string(Trades)
	case OfQuote:
		return string(Quotes)
	}
	return string(Blobs)
}

// value is what the event number i of a block carries, and what a receiver is to
// add up for it.
func (p Payload) value(i int) (v any, sum int) {
	// All have the same length in CBOR: the size has three bytes.
	size := 10_000 + i%50_000
	price := 1234.5 + float64(i%64)/64
	switch p {
	case OfTrade:
		return Trade{symbols[i%len(symbols)], price, size}, size
	case OfQuote:
		return Quote{price, price + 0.25, size}, size
	}
	b := make([]byte, p)
	for j := range b {
		b[j] = byte(i + j)
	}
	return b, int(b[0])
}

// last is what the event carries that ends a run.
func (p Payload) last() any {
	switch p {
	case OfTrade:
		return Trade{symbols[0], 0, Last}
	case OfQuote:
		return Quote{0, 0, Last}
	}
	return []byte{}
}

// format is how events are framed for a connection.
type format struct {
	enc  codec.Encoding
	nats bool // as NATS, the payload alone in CBOR
	sid  string
}

// append appends the frame of one event.
func (f format) append(dst []byte, p Payload, v any) ([]byte, error) {
	if f.nats {
		data, err := codec.Marshal(codec.CBOR, v)
		if b, ok := v.([]byte); ok {
			data, err = b, nil
		}
		dst = fmt.Appendf(dst, "MSG %s %s %d\r\n", p.Event(), f.sid, len(data))
		return append(append(dst, data...), "\r\n"...), err
	}
	args, err := codec.AppendArgs(nil, f.enc, []any{v})
	if err != nil {
		return nil, err
	}
	op := ws.OpText
	if f.enc.Binary() {
		op = ws.OpBinary
	}
	return ws.AppendFrame(dst, op, codec.AppendEvent(nil, f.enc, p.Event(), args))
}

// block is events in a row, and the end of a run behind them.
type block struct {
	frames, last []byte
	events       int
	sum          int
	one          []byte // the first of frames
}

// newBlock encodes events until they come to about some bytes.
func newBlock(f format, p Payload, bytes int) (b block, err error) {
	for b.events == 0 || len(b.frames)+len(b.one) <= bytes {
		v, sum := p.value(b.events)
		if b.frames, err = f.append(b.frames, p, v); err != nil {
			return block{}, fmt.Errorf("encode an event: %w", err)
		}
		if b.events == 0 {
			b.one = b.frames[:len(b.frames):len(b.frames)]
		}
		b.events++
		b.sum += sum
	}
	if b.last, err = f.append(nil, p, p.last()); err != nil {
		return block{}, fmt.Errorf("encode an event: %w", err)
	}
	return b, nil
}
