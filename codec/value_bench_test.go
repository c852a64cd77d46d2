package codec_test

import (
	"reflect"
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
// the argument, what a loop without this package would do.
func BenchmarkDecodeArgs(b *testing.B) {
	b.Run("tick", func(b *testing.B) { benchmarkDecode(b, sampleTick) })
	b.Run("whole float", func(b *testing.B) {
		whole := sampleTick
		whole.ID = 1 << 40
		benchmarkDecode(b, whole)
	})
	b.Run("fixed", func(b *testing.B) {
		type fixed struct {
			ID     int64
			X, Y   float64
			Up     bool
			Level  uint8
			Vector [3]float32
		}
		benchmarkDecode(b, fixed{7, 1.5, -2.25, true, 3, [3]float32{0.5, 1, 2}})
	})
	b.Run("list", func(b *testing.B) {
		list := make([]tick, 50)
		for i := range list {
			list[i] = sampleTick
		}
		benchmarkDecode(b, list)
	})
	b.Run("map", func(b *testing.B) {
		benchmarkDecode(b, map[string]float64{"a": 1, "b": 2.5, "c": -3, "d": 1e9})
	})
	b.Run("not compiled", func(b *testing.B) {
		benchmarkDecode(b, struct {
			tick
			Extra any
		}{sampleTick, "x"})
	})
}

func benchmarkDecode[T any](b *testing.B, in T) {
	mode, err := cbor.DecOptions{}.DecMode()
	if err != nil {
		b.Fatal(err)
	}
	arg := encodedArgs(b, codec.BARE, in)[1:]
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		var out T
		for b.Loop() {
			out = *new(T)
			if err := mode.Unmarshal(arg, &out); err != nil {
				// The library alone does not take whole floats for integers.
				b.Skip(err)
			}
		}
	})
	decoder := codec.DecoderFor[T]()
	for _, enc := range allEncodings {
		args := encodedArgs(b, enc, in)
		b.Run(enc.String(), func(b *testing.B) {
			b.ReportAllocs()
			var out T
			for b.Loop() {
				out = *new(T)
				if err := decoder.DecodeArgs(enc, args, &out); err != nil {
					b.Fatal(err)
				}
			}
			if !reflect.DeepEqual(in, out) {
				b.Fatal(out)
			}
		})
	}
}

// BenchmarkFirstArg finds one argument, which is checked but not decoded.
func BenchmarkFirstArg(b *testing.B) {
	for _, enc := range allEncodings {
		args := encodedArgs(b, enc, sampleTick)
		b.Run(enc.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.FirstArg(enc, args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUnmarshal decodes one value, as the result of a call is.
func BenchmarkUnmarshal(b *testing.B) {
	for _, enc := range allEncodings {
		data, err := codec.Marshal(enc, sampleTick)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(enc.String(), func(b *testing.B) {
			b.ReportAllocs()
			var out tick
			for b.Loop() {
				out = tick{}
				if err := codec.Unmarshal(enc, data, &out); err != nil {
					b.Fatal(err)
				}
			}
			if out != sampleTick {
				b.Fatal(out)
			}
		})
	}
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
