package codec_test

import (
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/rivet-go/rivet/codec"
)

// tick is an event of about 45 bytes: two numbers and two short strings.
type tick struct {
	ID    int64   `json:"id"`
	Price float64 `json:"price"`
	Sym   string  `json:"sym"`
	Note  string  `json:"note"`
}

var sampleTick = tick{ID: 123456, Price: 101.25, Sym: "RIVT", Note: "moving up"}

func encodedArgs(tb testing.TB, enc codec.Encoding, args ...any) []byte {
	tb.Helper()
	b, err := codec.AppendArgs(nil, enc, args)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// BenchmarkDecodeArgs decodes one event; "engine" is the CBOR library alone on
// the argument, the floor without a compiled decoder.
func BenchmarkDecodeArgs(b *testing.B) {
	b.Run("engine", func(b *testing.B) {
		arg := encodedArgs(b, codec.BARE, sampleTick)[1:]
		mode, err := cbor.DecOptions{}.DecMode()
		if err != nil {
			b.Fatal(err)
		}
		var t tick
		b.ReportAllocs()
		for b.Loop() {
			if err := mode.Unmarshal(arg, &t); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		b.Run(enc.String(), func(b *testing.B) {
			args := encodedArgs(b, enc, sampleTick)
			decoder := codec.DecoderFor[tick]()
			var t tick
			b.ReportAllocs()
			for b.Loop() {
				if err := decoder.DecodeArgs(enc, args, &t); err != nil {
					b.Fatal(err)
				}
			}
			if t != sampleTick {
				b.Fatal(t)
			}
		})
	}
	b.Run("bare whole float", func(b *testing.B) {
		whole := sampleTick
		whole.ID = 1 << 40
		args := encodedArgs(b, codec.BARE, whole)
		decoder := codec.DecoderFor[tick]()
		var t tick
		b.ReportAllocs()
		for b.Loop() {
			if err := decoder.DecodeArgs(codec.BARE, args, &t); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodePositional(b *testing.B) {
	type move struct {
		codec.Positional
		X, Y int
	}
	args := encodedArgs(b, codec.BARE, 3, 4)
	decoder := codec.DecoderFor[move]()
	var m move
	b.ReportAllocs()
	for b.Loop() {
		if err := decoder.DecodeArgs(codec.BARE, args, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendArgs(b *testing.B) {
	args := []any{sampleTick}
	for _, enc := range []codec.Encoding{codec.BARE, codec.CBOR, codec.JSON} {
		b.Run(enc.String(), func(b *testing.B) {
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = codec.AppendArgs(buf[:0], enc, args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
