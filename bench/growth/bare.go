package growth

import (
	"bufio"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
	"github.com/gobwas/ws"

	"github.com/rivet-go/rivet/bench/wire"
	"github.com/rivet-go/rivet/codec"
)

// bare reads events as one would by hand: frames with gobwas/ws from a buffer of
// 64 KiB, arguments with fxamacker/cbor. It calls f for each until that says stop.
func bare(src io.Reader, f func(name []byte, v wire.Trade) (stop bool)) error {
	r := bufio.NewReaderSize(src, 64<<10)
	var payload []byte
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return err
		}
		if int64(cap(payload)) < h.Length {
			if h.Length > 1<<20 {
				return fmt.Errorf("a frame of %d bytes", h.Length)
			}
			payload = make([]byte, h.Length)
		}
		payload = payload[:h.Length]
		if _, err := io.ReadFull(r, payload); err != nil {
			return err
		}
		if h.OpCode != ws.OpBinary {
			continue
		}
		name, args, ok := codec.ScanEvent(codec.BARE, payload)
		if !ok {
			continue // no event
		}
		var v wire.Trade
		if err := cbor.Unmarshal(args[1:], &v); err != nil { // an array of one
			return err
		}
		if f(name, v) {
			return nil
		}
	}
}
