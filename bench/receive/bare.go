package receive

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"

	"github.com/fxamacker/cbor/v2"
	gobwas "github.com/gobwas/ws"

	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/codec"
	"github.com/rivet-go/rivet/internal/ws"
)

// connectURL is where connections to the actor are opened.
func (x *exchange) connectURL() string {
	return x.feed.Endpoint + "/gateway/" + wire.Actor + "/connect"
}

// protocols are the sub-protocols to offer.
func (x *exchange) protocols() []string { return []string{"rivet", "rivet_encoding." + x.enc.String()} }

// subscription is the message that subscribes to the events of the exchange.
func (x *exchange) subscription() []byte {
	return codec.AppendSubscription(nil, x.enc, x.payload.Event(), true)
}

// bare is a loop written by hand over the low level of gobwas/ws: headers are read
// into memory that is reused, payloads are taken in place, in a buffer of 64 KiB
// or of two events. There is nothing but events that it could receive, no check
// beyond those of ReadHeaderBuffer, and nobody to answer to. take is given the
// payloads of messages.
func bare(take func(payload []byte, t *tally) error) receiver {
	return func(ctx context.Context, x *exchange) error {
		return together(make([]struct{}, x.connections), func(struct{}) error {
			return loop(ctx, x, take, x.tally(1))
		})
	}
}

func loop(ctx context.Context, x *exchange, take func([]byte, *tally) error, t *tally) error {
	f, err := x.dial(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	defer context.AfterFunc(ctx, func() { _ = f.Close() })()
	for {
		payload, err := f.next()
		if err == nil {
			err = take(payload, t)
		}
		if err != nil {
			return clean(ctx, err)
		}
	}
}

// frames are those of a connection.
type frames struct {
	net.Conn
	in     *bufio.Reader
	header [gobwas.MaxHeaderSize]byte
	used   int // of in, by the last payload
}

// dial opens a connection by hand, subscribes, and takes the first message, which
// is no event.
func (x *exchange) dial(ctx context.Context) (f *frames, err error) {
	u, err := url.Parse(x.connectURL())
	if err != nil {
		return nil, err
	}
	hs, err := ws.Dial(ctx, ws.DialConfig{URL: u, Protocols: x.protocols()})
	if err != nil {
		return nil, err
	}
	var in io.Reader = hs.Conn
	if len(hs.Early) > 0 {
		in = io.MultiReader(bytes.NewReader(hs.Early), hs.Conn)
	}
	f = &frames{Conn: hs.Conn, in: bufio.NewReaderSize(in, max(64<<10, 2*int(x.payload)))}
	op := gobwas.OpText
	if x.enc.Binary() {
		op = gobwas.OpBinary
	}
	_, err = f.next()
	if err == nil {
		err = gobwas.WriteFrame(hs.Conn, gobwas.MaskFrameInPlace(gobwas.NewFrame(op, true, x.subscription())))
	}
	if err != nil {
		return nil, errors.Join(err, hs.Conn.Close())
	}
	return f, nil
}

// next returns the payload of the next frame, until the one after it.
func (f *frames) next() ([]byte, error) {
	if _, err := f.in.Discard(f.used); err != nil {
		return nil, err
	}
	h, err := gobwas.ReadHeaderBuffer(f.in, f.header[:])
	if err != nil {
		return nil, err
	}
	if h.OpCode.IsControl() {
		return nil, fmt.Errorf("unexpected frame: %v", h)
	}
	f.used = int(h.Length)
	return f.in.Peek(f.used)
}

var errNoEvent = errors.New("not the event that was expected")

// argument finds the only argument of an event in BARE: behind version, tag, name
// with its length, the length of the arguments, and the head of their array.
func argument(b []byte) ([]byte, error) {
	if len(b) < 4 || b[2] != 3 {
		return nil, errNoEvent
	}
	at := 4 + int(b[3])
	if len(b) < at {
		return nil, errNoEvent
	}
	_, n := binary.Uvarint(b[at:])
	if n <= 0 || len(b) < at+n+1 {
		return nil, errNoEvent
	}
	return b[at+n+1:], nil
}

// undecoded looks at the place where the size is.
func undecoded(payload []byte, t *tally) error {
	arg, err := argument(payload)
	if err != nil {
		return err
	}
	t.size(wire.Size(arg))
	return nil
}

// fxamacker decodes the argument with fxamacker/cbor.
func fxamacker(payload []byte, t *tally) error {
	arg, err := argument(payload)
	if err != nil {
		return err
	}
	var v wire.Trade
	if err := cbor.Unmarshal(arg, &v); err != nil {
		return err
	}
	t.size(v.Size)
	return nil
}

// fxamackerQuote is fxamacker for quotes.
func fxamackerQuote(payload []byte, t *tally) error {
	arg, err := argument(payload)
	if err != nil {
		return err
	}
	var v wire.Quote
	if err := cbor.Unmarshal(arg, &v); err != nil {
		return err
	}
	t.size(v.Size)
	return nil
}

// fxamackerBlob is fxamacker for byte strings.
func fxamackerBlob(payload []byte, t *tally) error {
	arg, err := argument(payload)
	if err != nil {
		return err
	}
	var v []byte
	if err := cbor.Unmarshal(arg, &v); err != nil {
		return err
	}
	t.blob(v)
	return nil
}

// message is an event in CBOR and JSON.
type message struct {
	Body struct {
		Tag string `cbor:"tag" json:"tag"`
		Val struct {
			Name string       `cbor:"name" json:"name"`
			Args []wire.Trade `cbor:"args" json:"args"`
		} `cbor:"val" json:"val"`
	} `cbor:"body" json:"body"`
}

func (m *message) count(t *tally) error {
	if m.Body.Tag != "Event" || len(m.Body.Val.Args) != 1 {
		return errNoEvent
	}
	t.size(m.Body.Val.Args[0].Size)
	return nil
}

// wholeCBOR decodes message and argument at once with fxamacker/cbor.
func wholeCBOR(payload []byte, t *tally) error {
	var m message
	if err := cbor.Unmarshal(payload, &m); err != nil {
		return err
	}
	return m.count(t)
}

// wholeJSON decodes them with encoding/json.
func wholeJSON(payload []byte, t *tally) error {
	var m message
	if err := json.Unmarshal(payload, &m); err != nil {
		return err
	}
	return m.count(t)
}

// handedOver is a bare loop that decodes and hands over on a channel, to the
// goroutine that counts.
func handedOver(ctx context.Context, x *exchange) error {
	trades := make(chan wire.Trade, 64)
	t := x.tally(1)
	var counting sync.WaitGroup
	defer counting.Wait()
	defer close(trades)
	counting.Go(func() {
		for v := range trades {
			t.size(v.Size)
		}
	})
	return loop(ctx, x, func(payload []byte, _ *tally) error {
		arg, err := argument(payload)
		if err != nil {
			return err
		}
		var v wire.Trade
		if err := cbor.Unmarshal(arg, &v); err != nil {
			return err
		}
		trades <- v
		return nil
	}, nil)
}
