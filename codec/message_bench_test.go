package codec_test

import (
	"encoding/hex"
	"testing"

	"github.com/rivet-go/rivet/codec"
)

// tickArgs is an event of the size of a small update: an argument array of one
// map {id, price, sym, note}, in each encoding.
func tickArgs(b testing.TB, enc codec.Encoding) (args []byte) {
	if enc == codec.JSON {
		return []byte(`[{"id":123456,"price":101.25,"sym":"ACME","note":"hello, world"}]`)
	}
	args, err := hex.DecodeString("81a4626964" + "1a0001e240" + "657072696365" + "fb4059500000000000" + "6373796d" + "6441434d45" + "646e6f7465" + "6c68656c6c6f2c20776f726c64")
	if err != nil {
		b.Fatal(err)
	}
	return args
}

var encodings = []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON}

func BenchmarkScanEvent(b *testing.B) {
	for _, enc := range encodings {
		for _, size := range []string{"empty", "tick"} {
			var args []byte
			if size == "tick" {
				args = tickArgs(b, enc)
			}
			frame := codec.AppendEvent(nil, enc, "tick", args)
			b.Run(enc.String()+"/"+size, func(b *testing.B) {
				b.SetBytes(int64(len(frame)))
				b.ReportAllocs()
				for b.Loop() {
					if _, _, ok := codec.ScanEvent(enc, frame); !ok {
						b.Fatal("not an event")
					}
				}
			})
		}
	}
}

func BenchmarkDecodeToClient(b *testing.B) {
	for _, enc := range encodings {
		frames := map[string][]byte{
			"event":    codec.AppendEvent(nil, enc, "tick", tickArgs(b, enc)),
			"response": codec.AppendActionResponse(nil, enc, 300, tickArgs(b, enc)),
			"error":    codec.AppendError(nil, enc, &codec.Error{Group: "user", Code: "no", Message: "not now"}, 300, true),
		}
		for name, frame := range frames {
			b.Run(enc.String()+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				var m codec.Message
				for b.Loop() {
					if err := codec.DecodeToClient(enc, frame, &m); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, enc := range encodings {
		args := tickArgs(b, enc)
		dst := make([]byte, 0, 512)
		b.Run(enc.String()+"/call", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = codec.AppendActionRequest(dst[:0], enc, 300, "increment", args)
			}
		})
		b.Run(enc.String()+"/event", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = codec.AppendEvent(dst[:0], enc, "tick", args)
			}
		})
	}
}
